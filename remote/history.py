"""The history that comes home with a run: it must go on from ours, at epochs that its host can have held.

A host can write what it likes. What it must not do is rewrite what happened here, place what it did in our name, or
decide what an agent may do at home.
"""

from pathlib import Path
from typing import NamedTuple

from agent.deeds import Rules
from agent.errors import JournalDamaged
from agent.events import Policy
from agent.fold import advance
from agent.journal import read_events
from agent.sessions import SessionDir
from agent.state import SessionState
from remote.parcel import HISTORY

_BLOCK = 1 << 20
_WAY_OUT = "Look at the host: something there changed the run's own records."


class History(NamedTuple):
    """What a history tells: the session's state at its end, and policy and rules that were in force when it left."""

    state: SessionState
    policy_at_home: Policy
    rules_at_home: Rules


def check_history(session: SessionDir, parcel: Path, first: int, last: int) -> History:
    """Check the history in ``parcel`` of a run that its host held from epoch ``first`` to epoch ``last``.

    Raises `JournalDamaged`.
    """
    own, _ = (_count_own(session.path / name, parcel / "session" / name) for name in HISTORY)
    events = list(read_events(parcel / "session" / HISTORY[0]))
    epoch = 0
    for event in events:
        epoch = epoch if event.seq <= own else max(first, epoch)
        if not epoch <= event.epoch <= last:
            raise JournalDamaged(f"The run's history holds an event of epoch {event.epoch}, out of its turn.", _WAY_OUT)
        epoch = event.epoch
    left = advance(SessionState(), (event for event in events if event.epoch < first))
    return History(advance(left, events), left.policy, left.rules)


def _count_own(ours: Path, theirs: Path) -> int:
    """How many lines of ``theirs`` are ``ours``: all of ours, at its beginning."""
    lines = 0
    if not ours.exists():
        return lines
    if not theirs.is_file():
        raise JournalDamaged(f"The run came without its {ours.name}.", _WAY_OUT)
    with ours.open("rb") as mine, theirs.open("rb") as other:
        while block := mine.read(_BLOCK):
            if other.read(len(block)) != block:
                raise JournalDamaged(
                    f"The run's history ({ours.name}) does not go on from the one that left here.", _WAY_OUT
                )
            lines += block.count(b"\n")
    return lines
