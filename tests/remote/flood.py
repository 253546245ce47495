"""A runner's recorder and notifier as a process of its own, that gives cause for notification after notification.

    python -m tests.remote.flood SESSION_DIR HOW_MANY

It goes on where a killed one stopped, and ends when all is delivered.
"""

import asyncio
import sys
from pathlib import Path

from agent.events import PhaseChanged
from agent.journal import read_events
from agent.recorder import Recorder
from agent.sessions import open_session
from remote.notify import Notifier
from remote.outbox import read_outbox

_MOST_WAITING = 100


async def flood(path: Path, count: int) -> None:
    session = open_session(path)
    phases = [event for event in read_events(session.journal) if isinstance(event, PhaseChanged)]
    done = sum(event.phase == "needs-input" for event in phases)
    last = phases[-1].seq if phases else 0
    async with Notifier(session, pauses=(0.05,) * 10_000) as notifier:
        recorder = Recorder(session.journal, 1)
        notifier.watch(recorder)
        while True:
            box = read_outbox(session)
            waiting = len(box.pending) if box is not None else 0
            if done >= count and not waiting and box is not None and box.seen >= last:
                break
            for _ in range(min(count - done, 10 if waiting < _MOST_WAITING else 0)):
                recorder.record(PhaseChanged(phase="working"))
                recorder.record(PhaseChanged(phase="needs-input"))
                done, last = done + 1, recorder.state.head_seq
            await asyncio.sleep(0.01)
        recorder.close()


if __name__ == "__main__":
    asyncio.run(flood(Path(sys.argv[1]), int(sys.argv[2])))
