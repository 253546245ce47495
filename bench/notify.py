"""From an event in the journal to its message at an HTTP receiver: seconds, at a run's own pace of one in 50 ms.

python -I bench/notify.py [--events 500]
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent.events import PhaseChanged
from agent.recorder import Recorder
from agent.sessions import create_session
from remote.channels import add_channel, set_rules
from remote.notify import Notifier

PACE = 0.05
arrived: dict[int, float] = {}
all_arrived = threading.Event()
expected = 0


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = re.search(r"-(\d+)\]", body["message"])
        assert number is not None
        arrived.setdefault(int(number[1]), time.monotonic())
        if len(arrived) >= expected:
            all_arrived.set()
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


async def measure(place: Path, count: int) -> list[float]:
    global expected
    expected = count
    session = create_session(place / "state", place / "shop", "builtin", "Mend the shop")
    sent: dict[int, float] = {}
    async with Notifier(session) as notifier:
        recorder = Recorder(session.journal, 1)
        notifier.watch(recorder)
        for _ in range(count):
            recorder.record(PhaseChanged(phase="working"))
            began = time.monotonic()
            recorder.record(PhaseChanged(phase="needs-input"))
            sent[recorder.state.head_seq] = began
            await asyncio.sleep(PACE)
        await asyncio.to_thread(all_arrived.wait)
        recorder.close()
    return sorted(arrived[seq] - began for seq, began in sent.items())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=500)
    count = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder, ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        os.environ["CASTOFF_CONFIG"] = f"{folder}/config"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        add_channel(f"json://127.0.0.1:{server.server_address[1]}/hook", proven=True)
        set_rules({"burst": 10**6})
        took = asyncio.run(measure(Path(folder), count))
        server.shutdown()
    cuts = statistics.quantiles(took, n=100)
    # The first one loads Apprise and the secret rules.
    print(
        f"{count} events: median {cuts[49]:.3f} s, p95 {cuts[94]:.3f} s, p99 {cuts[98]:.3f} s, longest {took[-1]:.3f} s"
    )


if __name__ == "__main__":
    main()
