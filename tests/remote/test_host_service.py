"""The host's answers when something is wrong: always a reply, and one that says what."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from agent.events import Budget
from agent.sessions import create_session
from remote import host_base, host_service
from remote.errors import RemoteError
from remote.host_protocol import ListRuns
from remote.host_service import answer
from remote.place import Place

PLACE = Place(host="vm", origin="here", sandbox="none", tree="/t", tree_at="/t", home="/h", home_at="/h")
REQUEST = ListRuns().model_dump_json().encode()


async def test_a_request_that_makes_no_sense() -> None:
    reply = await answer(b"nonsense")
    assert (reply.ok, reply.code) == (False, "protocol")
    assert "does not understand the request" in reply.sentence


async def test_what_a_handler_cannot_understand_is_not_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stumble(_: ListRuns) -> ListRuns:
        Budget.model_validate({"max_usd": "much"})
        raise AssertionError

    monkeypatch.setitem(host_service._HANDLERS, ListRuns, stumble)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(ValidationError):
        await stumble(ListRuns())
    reply = await answer(REQUEST)
    assert (reply.ok, reply.code) == (False, "host-data")
    assert "Budget" in reply.sentence and "the request" not in reply.sentence


def choose_all(_: Path) -> SimpleNamespace:
    return SimpleNamespace(selection=Budget())


async def test_a_diff_that_is_none_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def print_nothing(*_: object) -> bytes:
        return b"Traceback"

    monkeypatch.setattr(host_base, "_run", print_nothing)
    monkeypatch.setattr(host_base, "read_manifest", choose_all, raising=False)
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path))
    session = create_session(tmp_path, tmp_path, "builtin")
    (session.path / "base.id").write_text("0" * 40)
    with pytest.raises(RemoteError, match="no diff"):
        await host_base.read_run_diff(session, PLACE)
