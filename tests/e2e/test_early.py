"""The tree of a project that its host knows nothing of is sent while it is digested: nothing is believed for that."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from agent import children
from agent.lease import read_lease
from agent.sessions import SessionDir
from remote import cargo, rsync
from remote.handoff import hand_off
from remote.steps import Away, Captured, HandoffStep, Preflighted, Sending, StillHere
from remote.terms import Terms
from snapshot.draft import Draft
from snapshot.errors import GitFailed, TreeChanged
from snapshot.manifest import Manifest
from tests.e2e.journey import drive, fill_project
from tests.e2e.scene import Scene
from tests.e2e.test_secrets import PLANT
from tests.waiting import until, wait_until

Complete = Callable[..., Manifest]


def _arriving(scene: Scene, session: SessionDir) -> Path:
    return scene.host.home / ".local/state/castoff/incoming" / session.id / "tree"


async def _hand_off(scene: Scene, session: SessionDir) -> list[HandoffStep]:
    return await drive(hand_off(session, scene.links.host("vm"), Terms(), scene.links))


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[children.Child]:
    """The rsync programs that send the project, each stopped before it does anything."""
    programs: list[children.Child] = []
    start = rsync._start  # pyright: ignore[reportPrivateUsage]

    async def start_and_stop(words: Sequence[str], *arguments: Any, **named: Any) -> children.Child:
        process = await start(words, *arguments, **named)
        if any(word.startswith(str(tmp_path)) and word.endswith("/my project/") for word in words):
            os.killpg(process.pid, signal.SIGSTOP)
            programs.append(process)
        return process

    monkeypatch.setattr(rsync, "_start", start_and_stop)
    return programs


async def test_files_arrive_while_the_tree_is_digested(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    session, real = scene.session(), cargo.complete

    def complete(*given: Any, **named: Any) -> Manifest:
        wait_until((_arriving(scene, session) / "kept.txt").exists)
        return real(*given, **named)

    monkeypatch.setattr(cargo, "complete", complete)
    steps = await _hand_off(scene, session)
    assert isinstance(steps[-1], Away), steps[-1]
    sending = [step for step in steps if isinstance(step, Sending)]
    captured = next(step for step in steps if isinstance(step, Captured))
    assert {(step.files, step.total) for step in sending} == {(captured.files, captured.size)}
    assert (sending[-1].files_done, sending[-1].bytes_done) == (captured.files, captured.size)


async def test_no_byte_leaves_before_the_search_for_secrets(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    async with aclosing(hand_off(session, scene.links.host("vm"), Terms(), scene.links)) as steps:
        step = await anext(steps)
        while not isinstance(step, Preflighted):
            step = await steps.asend(None)
        (scene.place.project / "late.env").write_bytes(PLANT.data)
        while not isinstance(step, StillHere):
            step = await steps.asend("go")
    assert step.code == "secret"
    assert list(_arriving(scene, session).iterdir()) == []


async def test_a_file_that_changes_after_its_digest_and_before_its_sending_is_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size and its time stay the same."""
    fill_project(scene.place)
    session, file = scene.session(), scene.place.project / "kept.txt"
    digested = asyncio.Event()
    complete, send = cargo.Cargo._complete, cargo.send_listed  # pyright: ignore[reportPrivateUsage]

    async def change_when_digested(self: cargo.Cargo, draft: Draft) -> None:
        await complete(self, draft)
        times = file.stat()
        file.write_text("ONE\n")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        digested.set()

    async def send_late(*given: Any, **named: Any) -> int:
        await digested.wait()
        return await send(*given, **named)

    monkeypatch.setattr(cargo.Cargo, "_complete", change_when_digested)
    monkeypatch.setattr(cargo, "send_listed", send_late)
    end = (await _hand_off(scene, session))[-1]
    assert isinstance(end, StillHere) and end.code == "verify" and "kept.txt" in end.reason, end
    assert (read_lease(session).state, read_lease(session).epoch) == ("held", 1)


async def test_a_change_while_the_tree_is_digested_ends_the_sending_and_begins_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, stopped: list[children.Child]
) -> None:
    fill_project(scene.place)
    session, real = scene.session(), cargo.complete
    ended: list[int | None] = []

    def complete(*given: Any, **named: Any) -> Manifest:
        if not ended:
            wait_until(lambda: stopped)
            ended.append(stopped[0].returncode)
            raise TreeChanged("'a' changed while the tree was read.", ("a",), "Try again.")
        ended.append(stopped[0].returncode)
        wait_until(lambda: len(stopped) == 2)
        os.killpg(stopped[1].pid, signal.SIGCONT)
        return real(*given, **named)

    monkeypatch.setattr(cargo, "complete", complete)
    end = (await _hand_off(scene, session))[-1]
    assert isinstance(end, Away), end
    assert ended[0] is None and ended[1] is not None


async def test_an_error_while_the_tree_is_digested_ends_the_sending(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, stopped: list[children.Child]
) -> None:
    fill_project(scene.place)
    session = scene.session()

    def complete(*_: Any, **__: Any) -> Manifest:
        wait_until(lambda: stopped)
        raise GitFailed("git ls-files failed: bad index.")

    monkeypatch.setattr(cargo, "complete", complete)
    end = (await _hand_off(scene, session))[-1]
    assert isinstance(end, StillHere) and "bad index" in end.reason, end
    assert [process.returncode is None for process in stopped] == [False]
    assert (read_lease(session).state, read_lease(session).epoch) == ("held", 1)


async def test_a_cancel_while_the_tree_is_digested_ends_the_sending(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, stopped: list[children.Child]
) -> None:
    fill_project(scene.place)
    session, go = scene.session(), threading.Event()

    def complete(*_: Any, **__: Any) -> Manifest:
        assert go.wait(60)
        raise GitFailed("nobody hears of it")

    monkeypatch.setattr(cargo, "complete", complete)
    moving = asyncio.create_task(_hand_off(scene, session))
    try:
        await until(lambda: stopped)
        moving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await moving
    finally:
        go.set()
    assert [process.returncode is None for process in stopped] == [False]
    assert (read_lease(session).state, read_lease(session).epoch) == ("held", 1)
