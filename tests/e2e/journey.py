"""A journey driven in the test's own process: HOME and directories of a laptop, a project in every state, waiting."""

import asyncio
import os
import subprocess
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from agent.fold import advance
from agent.journal import read_events
from agent.sessions import SessionDir
from agent.state import SessionState
from agent.viewer import Viewer
from remote.terms import Decision
from tests import waiting
from tests.hosts import HostForTests

Step = TypeVar("Step")
_GIT = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main")


@dataclass(frozen=True)
class Place:
    """One user's machine, below ``root``; HOME and castoff's directories are in the environment of the test."""

    root: Path
    home: Path
    project: Path

    def git(self, *words: str) -> str:
        """Run git in the project."""
        command = ["git", *_GIT, *words]
        return subprocess.run(command, cwd=self.project, check=True, capture_output=True, text=True).stdout


def lay_out(root: Path, setenv: Callable[[str, str], None], project: str = "work/my project") -> Place:
    """Make the directories and point the environment at them."""
    place = Place(root=root, home=root / "home" / "ann", project=root / "home" / "ann" / project)
    place.project.mkdir(parents=True)
    for name, path in {
        "HOME": place.home,
        "CASTOFF_STATE": root / "state",
        "CASTOFF_CONFIG": root / "config",
        "CASTOFF_DATA": root / "data",
    }.items():
        setenv(name, str(path))
    return place


def fill_project(place: Place) -> None:
    """A repository in every state at once; files that would shadow modules of ours are among them."""
    (place.project / ".gitignore").write_text("ignored/\n")
    for name in ("kept.txt", "staged.txt", "unstaged.txt", "gone.txt"):
        (place.project / name).write_text("one\n")
    (place.project / "http.py").write_text("raise SystemExit('the project shadows http')\n")
    for folder in ("remote", "agent"):
        (place.project / folder).mkdir()
        (place.project / folder / "__init__.py").write_text(f"raise SystemExit('the project shadows {folder}')\n")
    place.git("init", "-q")
    place.git("add", "-A")
    place.git("commit", "-qm", "first")
    (place.project / "staged.txt").write_text("two, staged\n")
    place.git("add", "staged.txt")
    (place.project / "unstaged.txt").write_text("two, not staged\n")
    (place.project / "untracked 'quoted'\nname.txt").write_text("new\n")
    (place.project / "gone.txt").unlink()
    (place.project / "link").symlink_to("nowhere")
    (place.project / "ignored").mkdir()
    (place.project / "ignored" / "big").write_text("stays\n")


async def drive(steps: AsyncGenerator[Step, Decision | None], decision: Decision = "go") -> list[Step]:
    """Go through a handoff or a pull with one decision for all questions."""
    taken = [await anext(steps)]
    try:
        while True:
            taken.append(await steps.asend(decision))
    except StopAsyncIteration:
        return taken


async def follow(viewer: Viewer, until: Callable[[SessionState], bool], seconds: float = 60) -> SessionState:
    """Fold a viewer's events until the state is as wished."""
    state = SessionState()
    async with asyncio.timeout(seconds):
        async for events in viewer.batches():
            state = advance(state, events)
            if until(state):
                break
    return state


async def wait_for_run(
    host: HostForTests, run_id: str, until: Callable[[SessionState], bool], seconds: float = 60
) -> SessionState:
    """Look at a run's journal on the host's disk, with no connection to it, until the state is as wished."""
    journal = host.home / ".local/state/castoff/sessions" / run_id / "journal.jsonl"
    state = SessionState()

    def is_as_wished() -> bool:
        nonlocal state
        state = advance(SessionState(), read_events(journal))
        return until(state)

    try:
        await waiting.until(is_as_wished, seconds)
    except AssertionError:
        pytest.fail(f"{state.phase}: {state.detail}; the last: {state.blocks[-3:]}")
    return state


def assert_unbroken(session: SessionDir) -> None:
    """Every seq once, in order, from 1."""
    seqs = [event.seq for event in read_events(session.journal)]
    assert seqs == list(range(1, len(seqs) + 1))


def tree_of(root: Path, skip: tuple[str, ...] = (".git", "ignored")) -> dict[str, str]:
    """All files and links below ``root`` with their content or target."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in skip]
        for name in [*files, *(f for f in folders if (Path(folder) / f).is_symlink())]:
            path = Path(folder) / name
            found[str(path.relative_to(root))] = str(path.readlink()) if path.is_symlink() else path.read_text()
    return found
