"""A tree is sent by the least that will do, counted in requests, channels and rsync programs."""

import os
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from agent.paths import state_dir
from remote import rsync
from remote.bootstrap import Runtime
from remote.connection import Connection
from remote.holding import Holding
from remote.host_client import Body, HostClient
from remote.host_protocol import Prepare, Reply, Request, Room
from remote.host_service import answer
from remote.place import incoming_path
from remote.rsync import send, sending_ahead
from remote.sending import Outgoing, send_tree
from remote.steps import Sending
from snapshot.capture import capture
from snapshot.manifest import Manifest, write_manifest
from snapshot.verify import verify
from tests.hosts import HostForTests
from tests.waiting import until

_RUN = "0123456789abcdef"


class Near(HostClient):
    """The host's own code, in this process; each request is counted."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, Runtime.model_construct())
        self.asked: list[str] = []

    async def ask(self, request: Request, body: type[Body], *, timeout: float = 60) -> Body:
        self.asked.append(request.op)
        reply = Reply.model_validate_json((await answer(request.model_dump_json().encode())).model_dump_json())
        assert reply.ok, reply
        return body.model_validate(reply.body)


class Scene:
    """A tree here, the directory for it on the host, and how it was sent so far."""

    def __init__(self, client: Near, tree: Path, programs: list[str]) -> None:
        self.client, self.tree, self.programs = client, tree, programs
        self.told: list[Sending] = []

    async def send(self, *, thorough: bool = False, holding: Holding | None = None) -> Manifest:
        """Send it as it is now, and compare what arrived; ``holding`` in place of what the host says."""
        manifest = capture(self.tree)
        move = state_dir() / "sessions" / "s" / "moves" / manifest.digest[:8]
        move.mkdir(parents=True, exist_ok=True)
        write_manifest(move / "manifest.json", manifest)
        request = Prepare(run_id=_RUN, epoch=1, project="/p")
        room = await self.client.ask(request, Room)
        if holding is not None:
            room = room.model_copy(update={"holding": holding})
        self.client.asked.clear()
        self.programs.clear()
        outgoing = Outgoing(run_id=_RUN, epoch=1, tree=self.tree, manifest=manifest)
        await send_tree(self.client, outgoing, room, self.told.append, thorough=thorough)
        assert verify(Path(room.tree), manifest) == ()
        return manifest


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rsync programs that were started here, but for those that were asked for their version."""
    started: list[str] = []
    start = rsync._start  # pyright: ignore[reportPrivateUsage]

    async def count(words: list[str], *arguments: Any, **named: Any) -> Any:
        started.extend(words[-1:] if words != ["--version"] else [])
        return await start(words, *arguments, **named)

    monkeypatch.setattr(rsync, "_start", count)
    return started


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    for number in range(30):
        (tree / f"file {number}").write_text(f"{number}\n")
    return tree


@pytest.fixture
async def scene(
    embedded_host: HostForTests, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: list[str]
) -> AsyncGenerator[Scene]:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    async with await embedded_host.connect() as connection:
        yield Scene(Near(connection), tree, programs)


async def test_without_a_statement_rsync_sends(scene: Scene) -> None:
    await scene.send()
    assert (scene.client.asked, len(scene.programs)) == ([], 1)


async def test_nothing_is_asked_and_started_for_a_tree_that_is_there(scene: Scene) -> None:
    manifest = await scene.send()
    scene.told.clear()
    await scene.send(holding=Holding(digest=manifest.digest))
    assert (scene.client.asked, scene.programs) == ([], [])
    assert [(step.files_done, step.files, step.sent) for step in scene.told] == [(manifest.files, manifest.files, 0)]


async def test_a_few_changes_are_one_request(scene: Scene) -> None:
    manifest = await scene.send()
    (scene.tree / "file 3").write_text("changed\n")
    (scene.tree / "file 4").unlink()
    (scene.tree / "fresh").write_text("fresh\n")
    (incoming_path(_RUN) / "tree" / "file 5").unlink()
    scene.told.clear()
    await scene.send(holding=Holding(digest=manifest.digest, without=("file 5",)))
    assert (scene.client.asked, scene.programs) == (["patch"], [])
    assert [step.sent for step in scene.told] == [len("changed\n") + len("fresh\n") + len("5\n")]


async def test_rsync_puts_right_a_tree_that_is_not_what_it_is_said_to_be(scene: Scene) -> None:
    manifest = await scene.send()
    (scene.tree / "file 3").write_text("changed\n")
    (incoming_path(_RUN) / "tree" / "file 3").write_text("something else\n")
    await scene.send(holding=Holding(digest=manifest.digest))
    assert (scene.client.asked, len(scene.programs)) == (["patch"], 1)


async def test_a_thorough_send_and_an_unknown_tree_are_rsyncs(scene: Scene) -> None:
    manifest = await scene.send()
    damaged = incoming_path(_RUN) / "tree" / "file 3"
    times = damaged.stat()
    damaged.write_text("4\n")
    os.utime(damaged, ns=(times.st_atime_ns, times.st_mtime_ns))
    await scene.send(holding=Holding(digest=manifest.digest), thorough=True)
    assert (scene.client.asked, len(scene.programs)) == ([], 1)
    await scene.send(holding=Holding(digest="0" * 64))
    assert (scene.client.asked, len(scene.programs)) == ([], 1)


async def test_a_statement_is_made_once(scene: Scene) -> None:
    client, request = scene.client, Prepare(run_id=_RUN, epoch=1, project="/p")
    await client.ask(request, Room)
    (incoming_path(_RUN) / "holding.json").write_text('{"digest": "d", "without": ["caf\\u0000e9"]}')
    room = await client.ask(request, Room)
    assert room.holding == Holding(digest="d", without=(os.fsdecode(b"caf\xe9"),))
    assert (await client.ask(request, Room)).holding is None


async def test_a_send_that_was_made_ready_for_opens_nothing(
    any_host: HostForTests, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    start = Connection.start

    async def count(connection: Connection, command: str) -> Any:
        opened.append(command)
        return await start(connection, command)

    monkeypatch.setattr(Connection, "start", count)
    async with await any_host.connect() as connection:
        async with sending_ahead(connection, 2):
            opened.clear()
            for _ in range(2):
                await send(connection, tree, str(any_host.home / "ahead"), delete=True)
            assert opened == []
            await send(connection, tree, str(any_host.home / "ahead"), delete=True)
            assert len(opened) == 1
        assert (any_host.home / "ahead" / "file 7").read_text() == "7\n"


async def test_programs_that_nobody_used_end(any_host: HostForTests) -> None:
    async with await any_host.connect() as connection:
        async with sending_ahead(connection, 2):
            await _until_there_are(2, any_host)
        await _until_there_are(0, any_host)


async def _until_there_are(count: int, host: HostForTests) -> None:
    # The login shell may stay as the program's parent.
    await until(lambda: sum(line.startswith("rsync") for line in host.processes("rsync --server")) == count)
