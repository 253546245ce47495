"""The machine is about to sleep: the handoff is offered where the user wants that and an agent is at work."""

import asyncio

import pytest

import tui.sleeping
from remote.errors import LocalLacks
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend, DoubleDelay, DoubleMove
from tui.handoff import Handoff
from tui.lines_view import Lines
from tui.quiet import QUIET_SECONDS
from tui.workspace import Workspace


def _backend(*, offers: bool = True) -> DoubleBackend:
    backend = DoubleBackend(recorded.working())
    backend.kept = backend.kept.model_copy(update={"offer_at_sleep": offers})
    backend.out = DoubleMove(list(recorded.HANDOFF), {5: asyncio.Event()})
    return backend


def _warn(backend: DoubleBackend) -> DoubleDelay:
    delay = DoubleDelay()
    backend.warnings.put_nowait(delay)
    return delay


def _body(stand: Stand) -> str:
    return stand.app.screen.query_one("#body", Lines).plain


async def test_the_sleep_waits_for_the_handoff_to_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = _backend()
    async with stage(backend) as stand:
        delay = _warn(backend)
        await stand.wait(lambda: isinstance(stand.app.screen, Handoff) and "Travels" in _body(stand))
        assert any("about to sleep" in n for n in stand.notices) and backend.out.decisions == []
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "49 %" in _body(stand))
        monkeypatch.setattr(tui.sleeping, "OFFER_SECONDS", 0.0)
        await stand.passes(0.3)
        assert delay.held, "it was agreed to: no time is too long"
        backend.out.gates[5].set()
        await stand.wait(lambda: "You can close the laptop" in _body(stand))
        await stand.wait(lambda: not delay.held)


async def test_without_an_answer_or_with_a_no_it_sleeps(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = _backend()
    async with stage(backend) as stand:
        delay = _warn(backend)
        await stand.wait(lambda: isinstance(stand.app.screen, Handoff) and "Travels" in _body(stand))
        await stand.pilot.press("escape")
        await stand.wait(lambda: not delay.held and isinstance(stand.app.screen, Workspace))
        monkeypatch.setattr(tui.sleeping, "OFFER_SECONDS", 0.0)
        delay = _warn(backend)
        await stand.wait(lambda: not delay.held)
        assert isinstance(stand.app.screen, Handoff), "the offer is still there when it wakes"
        assert set(backend.out.decisions) <= {"cancel"}


async def test_an_agent_at_rest_keeps_no_machine_awake(stage: Stage) -> None:
    backend = _backend()
    backend.events = []
    async with stage(backend) as stand:
        delay = _warn(backend)
        await stand.wait(lambda: not delay.held)
        assert isinstance(stand.app.screen, Workspace)


async def test_it_is_an_offer_only_for_those_who_want_it(stage: Stage) -> None:
    backend = _backend(offers=False)
    async with stage(backend) as stand:
        _warn(backend)
        await stand.passes(0.1)
        assert backend.warnings.qsize() == 1 and isinstance(stand.app.screen, Workspace)


async def test_where_it_cannot_be_heard_it_says_so(stage: Stage) -> None:
    backend = _backend()
    backend.warnings.put_nowait(LocalLacks("It cannot be heard.", "Use Linux."))
    async with stage(backend) as stand:
        await stand.wait(lambda: "It cannot be heard. Use Linux." in stand.notices)
