"""Notifications while receivers and the runner are killed at random: each arrives, hardly any twice.

``CASTOFF_NOTES`` says how many; the figures in docs/notifications.md are of 10,000.
"""

import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent.events import Notified, PhaseChanged
from agent.journal import read_events
from agent.sessions import SessionDir, create_session
from remote.channels import add_channel, set_rules
from tests.remote.receiver import Receiver

COUNT = int(os.environ.get("CASTOFF_NOTES", "300"))
SEED = 8
REPO = str(Path(__file__).parents[2])


class MortalReceiver:
    """A receiver at one port that dies and comes back; what it was sent in all its lives is kept."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self._server = Receiver()
        self.port = int(self._server.server_address[1])
        self.url = self._server.url()
        self._serve()

    def _serve(self) -> None:
        # What is being taken while it dies is taken: the sender may have been told so.
        self._server.messages = self.got
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def count(self) -> int:
        return len(self.got)

    def die(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def rise(self) -> None:
        self._server = Receiver(self.port)
        self._serve()


@pytest.mark.timeout(3600)
def test_each_arrives_and_hardly_any_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path / "config"))
    session = create_session(tmp_path / "state", tmp_path / "shop", "builtin", "Mend the shop")
    receivers = [MortalReceiver(), MortalReceiver()]
    for receiver in receivers:
        add_channel(receiver.url, proven=True)
    set_rules({"burst": 10**6})
    deaths, kills = fight(session, receivers)
    due = {
        f"{session.id}-{event.seq}"
        for event in read_events(session.journal)
        if isinstance(event, PhaseChanged) and event.phase == "needs-input"
    }
    assert len(due) == COUNT
    repeated = 0
    for receiver in receivers:
        got = Counter(re.findall(r"\[(\S+)\]", "".join(str(message) for message in receiver.got)))
        assert set(got) == due
        repeated += sum(got.values()) - len(due)
    print(  # noqa: T201 - the figures
        f"{COUNT} events to 2 receivers, {deaths} receivers and {kills} runners killed: {repeated} came twice"
    )
    assert deaths and kills
    assert repeated <= max(0.01 * 2 * COUNT, deaths + kills), "no more than what was under way when something died"
    told = [event for event in read_events(session.journal) if isinstance(event, Notified) and event.ok]
    assert {event.notification_id for event in told} <= due


def fight(session: SessionDir, receivers: list[MortalReceiver]) -> tuple[int, int]:
    """Let the run end while its runner and its receivers are killed; returns how many of each were."""
    chance = random.Random(SEED)
    argv = [sys.executable, "-m", "tests.remote.flood", str(session.path), str(COUNT)]
    deaths = kills = 0
    runner = subprocess.Popen(argv, cwd=REPO)
    try:
        killed_at = sent(receivers)
        while runner.poll() is None:
            time.sleep(chance.uniform(0.05, 0.4))
            if chance.random() < 0.15 or not deaths:
                victim = chance.choice(receivers)
                victim.die()
                deaths += 1
                time.sleep(chance.uniform(0.0, 0.3))
                victim.rise()
            # A runner needs seconds to start: it is given the time to get something done.
            if sent(receivers) - killed_at > max(COUNT // 10, 150):
                runner.kill()
                runner.wait()
                kills += 1
                killed_at = sent(receivers)
                runner = subprocess.Popen(argv, cwd=REPO)
        assert runner.returncode == 0
    finally:
        runner.kill()
        runner.wait()
        for receiver in receivers:
            receiver.die()
    return deaths, kills


def sent(receivers: list[MortalReceiver]) -> int:
    return sum(receiver.count for receiver in receivers)
