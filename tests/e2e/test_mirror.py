"""What a host kept of a project is not sent again, to whichever session, and is never believed."""

import os
from pathlib import Path
from typing import Any

import pytest

from agent.durable import read_model
from agent.sessions import SessionDir
from remote import rsync
from remote.connection import Connection
from remote.host_client import HostClient
from remote.host_protocol import Request
from remote.mirror import mirror_path
from remote.receipt import Receipt
from remote.settings_protocol import ForgetMirrors, Forgotten
from remote.steps import Away
from tests.e2e.journey import fill_project
from tests.e2e.scene import Scene
from tests.waiting import until

_BIG = 3_000_000


async def test_another_session_of_a_project_sends_only_what_changed(scene: Scene) -> None:
    fill_project(scene.place)
    (scene.place.project / "big").write_bytes(os.urandom(_BIG))
    assert await _wire(scene, scene.session()) > _BIG
    await _mirror(scene)
    (scene.place.project / "kept.txt").write_text("changed\n")
    (scene.place.project / "fresh").write_text("fresh\n")
    (scene.place.project / "link").unlink()
    assert await _wire(scene, scene.session()) < _BIG / 10
    mirror = await _mirror(scene)
    client = await scene.links.client("vm")
    assert (await client.ask(ForgetMirrors(), Forgotten)).count > 0
    assert not mirror.exists()


async def test_a_damaged_mirror_is_found_out_and_put_right(scene: Scene) -> None:
    fill_project(scene.place)
    (scene.place.project / "big").write_bytes(os.urandom(_BIG))
    await _wire(scene, scene.session())
    mirror = await _mirror(scene)
    times = (mirror / "tree" / "kept.txt").stat()
    (mirror / "tree" / "kept.txt").write_text("two\n")
    os.utime(mirror / "tree" / "kept.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    partial = mirror / "tree" / ".castoff-partial"
    partial.mkdir()
    (partial / "of an earlier transfer").touch()
    assert await _wire(scene, scene.session()) < _BIG / 10


async def test_what_a_host_holds_is_neither_looked_at_nor_sent(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    asked: list[str] = []
    send, ask = rsync.send, HostClient.ask

    async def count_sends(connection: Connection, source: Path, target: str, **options: Any) -> rsync.Transfer:
        sent.append(source.name)
        return await send(connection, source, target, **options)

    async def count_requests(client: HostClient, request: Request, *rest: Any, **named: Any) -> Any:
        asked.append(request.op)
        return await ask(client, request, *rest, **named)

    monkeypatch.setattr("remote.sending.send", count_sends)
    monkeypatch.setattr(HostClient, "ask", count_requests)
    fill_project(scene.place)
    await _wire(scene, scene.session())
    assert (sent, asked) == ([scene.place.project.name], ["look", "prepare", "verify", "accept"])
    await _mirror(scene)
    sent.clear()
    asked.clear()
    await _wire(scene, scene.session())
    assert (sent, asked) == ([], ["look", "prepare", "verify", "accept"])
    await _mirror(scene)
    sent.clear()
    asked.clear()
    (scene.place.project / "kept.txt").write_text("changed\n")
    scene.place.git("add", "kept.txt")
    await _wire(scene, scene.session())
    assert (sent, asked) == ([], ["look", "prepare", "patch", "verify", "accept"])


async def _wire(scene: Scene, session: SessionDir) -> int:
    """Hand a session off; the bytes that went over the network."""
    away = await scene.move(session)
    assert isinstance(away, Away), away
    return read_model(session.move(away.epoch) / "receipt.json", Receipt).wire


async def _mirror(scene: Scene) -> Path:
    """The project's mirror on the host, as soon as it is there."""
    name = mirror_path(str(scene.place.project)).name
    mirror = scene.host.home / ".local/state/castoff/mirrors" / name
    await until(mirror.exists)
    return mirror
