"""The host's answers when something is wrong: always a reply, and one that says what."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from agent.daybook import Daybook, spending_dir
from agent.events import Budget
from agent.sessions import create_session
from remote import host_accept, host_base, host_service
from remote.errors import RemoteError
from remote.host_protocol import Accept, ListRuns, Verdict
from remote.host_service import answer
from remote.place import Place
from remote.settings_protocol import SetDaily

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


async def test_the_limit_of_a_day_is_set_told_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(request: SetDaily) -> object:
        reply = await answer(request.model_dump_json().encode())
        assert reply.ok, reply
        return reply.body

    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path))

    assert await ask(SetDaily()) == {"max_usd": None, "spent_usd": 0.0}
    Daybook(spending_dir(), "a", None).enter(1.5)
    assert await ask(SetDaily(change=True, max_usd=20)) == {"max_usd": 20.0, "spent_usd": 1.5}
    assert await ask(SetDaily()) == {"max_usd": 20.0, "spent_usd": 1.5}
    assert await ask(SetDaily(change=True)) == {"max_usd": None, "spent_usd": 1.5}
    (tmp_path / "spending" / "limit.json").write_text("{")
    reply = await answer(SetDaily().model_dump_json().encode())
    assert not reply.ok and "limit.json" in reply.sentence


def choose_all(_: Path) -> SimpleNamespace:
    return SimpleNamespace(selection=Budget())


async def test_whoever_keeps_a_run_still_and_is_not_heard_any_more_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that died in silence would keep it so for hours."""
    reader, nobody = asyncio.StreamReader(), asyncio.StreamReader()
    reader.feed_data(b"\n" + REQUEST + b"\n")
    monkeypatch.setattr(host_service, "keeps_still", lambda: True)
    monkeypatch.setattr(host_service, "_SILENCE_SECONDS", 0.01)
    assert await host_service.next_line(reader) == b"\n"
    assert await host_service.next_line(reader) == REQUEST + b"\n"
    assert await host_service.next_line(nobody) == b""
    monkeypatch.setattr(host_service, "keeps_still", lambda: False)
    waiting = asyncio.create_task(host_service.next_line(nobody))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done, "who keeps nothing may be silent"
    nobody.feed_eof()
    assert await waiting == b""


async def test_an_offer_is_taken_by_one_request_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was asked on a link that is lost may still be at work."""
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path))
    at_work, most = 0, 0

    async def take(_: Accept) -> Verdict:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.01)
        at_work -= 1
        return Verdict()

    monkeypatch.setattr(host_accept, "_accept", take)
    request = Accept.model_construct(run_id="a")
    await asyncio.gather(*(host_accept.accept(request) for _ in range(3)))
    assert most == 1


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
