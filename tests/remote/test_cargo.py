"""Sending is done again when the link was lost; capturing, and keeping what leaves, are not."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.sessions import create_session
from remote import cargo as module
from remote.cargo import Cargo
from remote.errors import ConnectionLost
from remote.host_client import HostClient
from remote.host_protocol import Room
from remote.preflight import Preflight
from snapshot.left import Left
from snapshot.manifest import Manifest
from tests.waiting import until

ROOM = Room.model_construct()


@pytest.mark.parametrize("early", [True, False])
async def test_done_again_it_sends_what_was_captured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    kept, finish = list[Manifest](), threading.Event()
    sent, captures, told = list[bool](), list[object](), list[Manifest]()

    async def capture(self: Cargo, *_: object) -> bool:
        captures.append(self)
        return early

    async def send(*_: object, with_tree: bool) -> None:
        sent.append(with_tree)
        if len(sent) == 1:
            await until(lambda: kept)
            raise ConnectionLost("cut")
        finish.set()

    def keep(_: Path, __: Path, manifest: Manifest, ___: Any) -> Left:
        kept.append(manifest)
        assert finish.wait(60)
        return Left(git="", exact="")

    monkeypatch.setattr(Cargo, "_capture", capture)
    monkeypatch.setattr(Cargo, "_send", send)
    monkeypatch.setattr(module, "keep_left", keep)
    session = create_session(tmp_path / "state", tmp_path, "builtin")
    cargo = Cargo(session, cast(Preflight, SimpleNamespace()))
    client = cast(HostClient, SimpleNamespace())
    with pytest.raises(ConnectionLost):
        await cargo.load(client, 2, ROOM, told.append, lambda _: None)
    assert sent == [not early]
    await cargo.load(client, 2, ROOM, told.append, lambda _: None)
    assert sent == [not early, True], "what the first link took of the tree is not known"
    assert len(captures) == len(told) == 1
    assert len(kept) == 1, "two at once would be in each other's way"
    assert (session.move(2) / "left.json").exists()
