"""Many trips in a row: handed off, worked on there and here, pulled back; tree, index and journal as a model says.

`CASTOFF_TRIPS` is how many (``make soak``: 200), `CASTOFF_SEED` chooses the edits; it is printed with every failure.
"""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.demo_model.reply import Call, Reply
from agent.events import AgentStarted
from agent.journal import read_events
from agent.lease import read_lease
from agent.paths import state_dir
from agent.sessions import SessionDir, create_session
from remote.config import Settings
from remote.handoff import hand_off
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.steps import Away, Home
from remote.terms import Terms
from tests.doubles.openai_model import model_environment, serving
from tests.e2e.journey import Place, drive, follow, lay_out, wait_for_run
from tests.e2e.scene import give_variables
from tests.e2e.trips import Model, read_index, read_tree
from tests.hosts import HostForTests

TRIPS = int(os.environ.get("CASTOFF_TRIPS", "5"))
SEED = int(os.environ.get("CASTOFF_SEED", "0")) or Random().randrange(1, 10**6)
_HERE_EVERY = 4
"""So often the agent also works at home between two trips."""

pytestmark = pytest.mark.timeout(120 + 60 * TRIPS)


@dataclass
class Scripts(Mapping[str, tuple[Reply, ...]]):
    """What the model double shall do, by the name of the script: one command, then done."""

    commands: dict[str, str] = field(default_factory=dict[str, str])

    def __getitem__(self, name: str) -> tuple[Reply, ...]:
        return (Reply("I work.", (Call("run", {"command": self.commands[name]}),)), Reply("Done."))

    def __iter__(self) -> Iterator[str]:
        return iter(self.commands)

    def __len__(self) -> int:
        return len(self.commands)


@dataclass
class Trips:
    """The laptop, the host, the session on its way, and the model."""

    place: Place
    host: HostForTests
    links: Links
    session: SessionDir
    scripts: Scripts
    model: Model

    async def travel(self, number: int) -> None:
        """There and back; both sides work meanwhile."""
        self.run(self.model.edit("mine", 3) + self.model.edit("shared", 1))
        self.git_add(self.model.stage())
        marker = f"[[script: there-{number}]]"
        there = self.model.edit("theirs", 3) + self.model.edit("shared", 2)
        self.scripts.commands[f"there-{number}"] = " && ".join(["set -e", *there])
        terms = Terms(say=f"Work. {marker}", policy="accept-all", drain_seconds=30)
        away = (await drive(hand_off(self.session, self.links.host("vm"), terms, self.links)))[-1]
        assert isinstance(away, Away), away
        turns = sum(kind == "turn" for kind, _, _ in self.model.told) + 1
        self.model.epoch += 1
        self.model.told += [("prompt", marker, self.model.epoch), ("moved", "vm", self.model.epoch)]
        self.model.told.append(("turn", "end_turn", self.model.epoch))
        state = await wait_for_run(
            self.host, self.session.id, lambda s: s.phase in ("finished", "failed") and s.turns == turns
        )
        assert state.phase == "finished", state.detail
        self.run(self.model.edit("mine", 2))
        self.git_add(self.model.stage("mine/"))
        home = (await drive(pull_back(self.links, "vm", self.session.id)))[-1]
        assert isinstance(home, Home), home
        self.model.epoch += 1
        assert home.epoch == self.model.epoch

    async def work_here(self, number: int) -> None:
        """A turn at home; only then the journal tells of the homecoming."""
        marker = f"[[script: here-{number}]]"
        self.scripts.commands[f"here-{number}"] = " && ".join(["set -e", *self.model.edit("shared", 1)])
        viewer = await open_local(self.session)
        await viewer.set_policy("accept-all")
        await viewer.prompt(f"Work. {marker}")
        turns = sum(kind == "turn" for kind, _, _ in self.model.told) + 1
        state = await follow(viewer, lambda s: s.phase in ("finished", "failed") and s.turns == turns and not s.queue)
        assert state.phase == "finished", state.detail
        await viewer.stop()
        await viewer.close()
        if self.model.epoch > 1:
            self.model.told.append(("moved", "here", self.model.epoch))
        self.model.told += [("prompt", marker, self.model.epoch), ("turn", "end_turn", self.model.epoch)]

    def run(self, commands: list[str]) -> None:
        """The user's own edits."""
        subprocess.run(["/bin/sh", "-c", "\n".join(["set -e", *commands])], cwd=self.place.project, check=True)

    def git_add(self, paths: list[str]) -> None:
        if paths:
            self.place.git("--literal-pathspecs", "add", "-A", "--", *paths)

    def check(self) -> None:
        """Everything is as the model says."""
        assert read_tree(self.place.project) == self.model.tree
        assert read_index(self.place.project) == self.model.index
        events = list(read_events(self.session.journal))
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        epochs = [event.epoch for event in events]
        assert epochs == sorted(epochs)
        assert told(events) == self.model.told
        conversations = {event.agent_session_id for event in events if isinstance(event, AgentStarted)}
        assert len(conversations) <= 2  # before the first turn an agent may begin anew
        lease = read_lease(self.session)
        assert (lease.state, lease.epoch) == ("held", self.model.epoch)
        fsck = subprocess.run(["git", "fsck", "--strict"], cwd=self.place.project, capture_output=True, check=False)
        assert fsck.returncode == 0, fsck.stderr


def told(events: list[Any]) -> list[tuple[str, str, int]]:
    """What the journal says of prompts, turns and moves, in its order."""
    found: list[tuple[str, str, int]] = []
    for event in events:
        match event.kind:
            case "prompt":
                found.append(("prompt", event.text[event.text.index("[[") :], event.epoch))
            case "moved":
                found.append(("moved", event.to, event.epoch))
            case "turn_ended":
                found.append(("turn", event.stop_reason, event.epoch))
            case _:
                pass
    return found


async def test_round_trips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedded_host: HostForTests) -> None:
    tell(f"seed {SEED}: CASTOFF_SEED={SEED} CASTOFF_TRIPS={TRIPS}")
    place, scripts = lay_out(tmp_path, monkeypatch.setenv), Scripts()
    embedded_host.write_settings(tmp_path / "config")
    settings = Settings()
    settings.add(embedded_host.host.model_copy(update={"name": "vm"}))
    place.git("init", "-q")
    place.git("commit", "-q", "--allow-empty", "-m", "first")
    with serving(scripts, tmp_path / "model.jsonl") as (_, port):
        variables = model_environment(port)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        give_variables(embedded_host, variables)
        links = Links(settings)
        await links.client("vm")
        session = create_session(state_dir(), place.project, "builtin")
        trips = Trips(place, embedded_host, links, session, scripts, Model(Random(SEED)))
        soak = Soak(trips)
        try:
            for number in range(TRIPS):
                if number % _HERE_EVERY == 0:
                    await trips.work_here(number)
                begun = time.monotonic()
                await trips.travel(number)
                soak.note(number, time.monotonic() - begun)
                trips.check()
            soak.tell()
        finally:
            await links.close()


class Soak:
    """What the trips cost and leave behind; told, not judged."""

    def __init__(self, trips: Trips) -> None:
        self._trips = trips
        self._seconds: list[float] = []

    def note(self, number: int, seconds: float) -> None:
        self._seconds.append(seconds)
        if number in {0, 4, 9} or (number + 1) % 20 == 0:
            tell(f"trip {number + 1}: {seconds:.2f} s; {self._look()}")

    def _look(self) -> str:
        host, session = self._trips.host.home / ".local/state/castoff", self._trips.session
        there = host / "sessions" / session.id
        sizes = {
            "journal": session.journal.stat().st_size,
            "session here": size(session.path),
            "project .git": size(self._trips.place.project / ".git"),
            "session there": size(there),
            "tree there": size(host / "trees" / session.id),
            "home there": size(host / "homes" / session.id),
        }
        parts = [f"{name} {bytes_ / 1024:.0f} KiB" for name, bytes_ in sizes.items()]
        parts.append(f"{len(self._trips.host.processes(session.id))} processes of the run")
        parts.append(f"{len(list(Path('/proc/self/fd').iterdir()))} descriptors")
        parts.append(f"{len(list(Path('/tmp').glob('castoff-*')))} castoff-* in /tmp")
        parts.append(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB here")
        parts.append(f"{shutil.disk_usage('/tmp').used >> 20} MiB of disk used")
        return ", ".join(parts)

    def tell(self) -> None:
        ordered = sorted(self._seconds)
        tell(
            f"{len(ordered)} trips: median {ordered[len(ordered) // 2]:.2f} s, slowest {ordered[-1]:.2f} s, "
            f"first ten {sum(self._seconds[:10]) / len(self._seconds[:10]):.2f} s each, "
            f"last ten {sum(self._seconds[-10:]) / len(self._seconds[-10:]):.2f} s each"
        )


def tell(line: str) -> None:
    """Say something that is seen with ``-s``, and when the test fails."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def size(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) if folder.exists() else 0
