"""The handoff screen: it opens harmlessly, confirms late, tells the truth, and ends in one place."""

import asyncio

import pytest

from agent.errors import AgentFailed
from remote.errors import RemoteError, SettingsDamaged
from remote.findings import Extras, Problem
from remote.steps import Away, Connecting, Draining, LinkBack, LinkLost, Preflighted, Proved, StillHere
from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage, Stand
from tests.tui.doubles import PLACE, DoubleBackend, DoubleMove
from tui.backend import HostCard
from tui.composer import Composer
from tui.handoff import Handoff
from tui.lines_view import Lines
from tui.quiet import QUIET_SECONDS, Quiet
from tui.runs import RunsScreen
from tui.signpost import SignpostScreen
from tui.workspace import Workspace


def _backend(move: DoubleMove | None = None) -> DoubleBackend:
    backend = DoubleBackend(recorded.working())
    backend.out = move or DoubleMove(list(recorded.HANDOFF))
    return backend


def _handoff(stand: Stand) -> Handoff:
    screen = stand.app.screen
    assert isinstance(screen, Handoff)
    return screen


def _body(stand: Stand) -> str:
    return _handoff(stand).query_one("#body", Lines).plain


def _rows(stand: Stand) -> list[str]:
    return _body(stand).splitlines()


def _foot(stand: Stand) -> str:
    return _handoff(stand).query_one("#foot", Lines).plain


async def _open(stand: Stand, *keys: str) -> None:
    await stand.pilot.press(*(keys or ("f8",)))
    await stand.wait(lambda: isinstance(stand.app.screen, Handoff) and stand.app.screen.is_mounted)


async def _opened_and_quiet(stand: Stand) -> None:
    await _open(stand)
    await stand.wait(lambda: "Travels" in _body(stand))
    await stand.passes(QUIET_SECONDS + 0.1)


@pytest.mark.parametrize("opener", ["key", "f8", "command", "ampersand", "palette"])
async def test_all_ways_lead_to_the_same_screen(stage: Stage, opener: str) -> None:
    async with stage(_backend()) as stand:
        composer = stand.workspace.query_one(Composer)
        match opener:
            case "key":
                await _open(stand, "ctrl+h")
            case "f8":
                await _open(stand, "f8")
            case "command":
                composer.replace_draft("/handoff")
                await _open(stand, "enter")
            case "ampersand":
                composer.replace_draft("& mind the tests")
                await _open(stand, "enter")
                assert stand.backend.out.terms[0].say == "mind the tests"
            case _:
                found = {c.title: c for c in stand.app.get_system_commands(stand.app.screen)}
                await found["Cast off"].callback()
                await stand.wait(lambda: isinstance(stand.app.screen, Handoff))
        assert stand.backend.out.decisions == []


@pytest.mark.parametrize("size", SIZES)
async def test_shows_what_travels_and_what_stays(stage: Stage, size: tuple[int, int]) -> None:
    async with stage(_backend(), size) as stand:
        await _open(stand)
        await stand.wait(lambda: "Travels" in _body(stand))
        text = " ".join(_body(stand).split())
        assert "312 files, 4.1 MB" in text and "branch fix-quotes, 1 staged" in text
        assert ".venv" in text and "4,211 files, 188 MB" in text and "git ignores it" in text
        assert "the network is open" in text and "41.2 GB free, 31 ms away" in text
        assert "node is not on vm" in text and "or go without" in text
        terms = stand.backend.out.terms[0]
        assert terms.budget.max_usd == 2.0 and terms.budget.max_turns == 30


async def test_escape_goes_back_with_the_draft(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        composer = stand.workspace.query_one(Composer)
        await stand.type("half a th")
        await stand.pilot.press("left")
        at = composer.cursor_location
        await _opened_and_quiet(stand)
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))
        assert (composer.text, composer.cursor_location) == ("half a th", at)
        await stand.wait(lambda: stand.backend.out.decisions == ["cancel"])
        assert not stand.backend.viewers[0].closed


async def test_enter_casts_off_and_says_so(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "You can close the laptop" in _body(stand))
        assert stand.backend.out.decisions == ["go"]
        assert "k3v7q2m9x4ab" in _body(stand) and "resume 1.0 s" in _body(stand)
        assert stand.backend.kept.last_host == "vm"
        await stand.wait(lambda: stand.backend.viewers[0].closed)
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: len(stand.backend.attached) == 2)
        assert stand.backend.attached[1] == PLACE.model_copy(update={"host": "vm"})


async def test_a_key_that_came_before_the_outcome_does_not_dismiss_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    async with stage(_backend(DoubleMove(list(recorded.HANDOFF), {8: gate}))) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "Too late to cancel" in _foot(stand))
        # However slow the machine, the key now comes sooner than a moment after the outcome.
        monkeypatch.setattr("tui.quiet.QUIET_SECONDS", 3600.0)
        gate.set()
        await stand.wait(lambda: "You can close the laptop" in _body(stand))
        await stand.pilot.press("enter")
        await stand.wait(lambda: "Once more" in _foot(stand))
        assert isinstance(stand.app.screen, Handoff)
        monkeypatch.setattr("tui.quiet.QUIET_SECONDS", 0.0)
        await stand.pilot.press("enter")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))


async def test_ctrl_h_again_casts_off(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("ctrl+h")
        await stand.wait(lambda: stand.backend.out.decisions == ["go"])


async def test_escape_after_away_leaves_the_signpost(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "You can close the laptop" in _body(stand))
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, SignpostScreen))


async def test_no_confirmation_before_the_preflight(stage: Stage) -> None:
    gate = asyncio.Event()
    async with stage(_backend(DoubleMove(list(recorded.HANDOFF), {1: gate}))) as stand:
        await _open(stand)
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter", "ctrl+h")
        gate.set()
        await stand.wait(lambda: "Travels" in _body(stand))
        await stand.pilot.press("enter")
        assert stand.backend.out.decisions == []
        assert "Once more" in _foot(stand)


async def test_keys_held_or_typed_in_haste_do_not_confirm(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await stand.pilot.press("ctrl+h", "ctrl+h", "ctrl+h", "enter")
        await stand.wait(lambda: isinstance(stand.app.screen, Handoff))
        await stand.wait(lambda: "Travels" in _body(stand))
        await stand.type("foo")
        await stand.pilot.press("enter")
        assert stand.backend.out.decisions == []


def test_quiet_catches_what_a_naive_guard_lets_through() -> None:
    """A guard that looks only at when the screen was drawn would take the last key of a burst."""
    quiet = Quiet(0.0)
    quiet.drawn(0.1)
    burst = [quiet.key(0.1 + QUIET_SECONDS * 0.9 * i) for i in range(1, 5)]
    naive = [QUIET_SECONDS * 0.9 * i >= QUIET_SECONDS for i in range(1, 5)]
    assert not any(burst) and any(naive)
    assert quiet.key(10.0)


async def test_a_blocking_problem_blocks(stage: Stage) -> None:
    steps: list[object] = [Connecting(host="vm"), recorded.BLOCKED]
    async with stage(_backend(DoubleMove(steps))) as stand:
        await _opened_and_quiet(stand)
        assert "2.1 MB free" in _body(stand)
        await stand.pilot.press("enter")
        await stand.passes(0.1)
        assert stand.backend.out.decisions == []
        assert "Enter" not in _foot(stand)


async def test_changed_terms_travel(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _opened_and_quiet(stand)
        await stand.type("hurry")
        await stand.pilot.press("f5")
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "go" in stand.backend.out.decisions)
        assert stand.backend.out.decisions == ["cancel", "go"]
        terms = stand.backend.out.terms[-1]
        assert (terms.say, terms.policy) == ("hurry", "ask")


async def test_a_limit_that_is_no_number_is_said(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _opened_and_quiet(stand)
        _handoff(stand).query_one("#max_usd").value = "1.2.3"  # type: ignore[attr-defined]
        await stand.pilot.press("enter")
        await stand.wait(lambda: "A limit is a number" in _foot(stand))
        assert stand.backend.out.decisions == []


@pytest.mark.parametrize("size", SIZES)
async def test_progress_has_real_numbers_and_cancel_says_what_it_does(stage: Stage, size: tuple[int, int]) -> None:
    move = DoubleMove(list(recorded.HANDOFF), {5: asyncio.Event()})
    async with stage(_backend(move), size) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "49 %" in _body(stand))
        assert "2.0 MB of 4.1 MB, 141 of 312 files, 5.3 MB/s" in _body(stand)
        assert "✓ Stop the agent" in _body(stand) and "· Compare there" in _body(stand)
        assert "Cancel now and nothing has changed. It stays here" in _foot(stand)
        await stand.pilot.press("escape")
        assert not move.cancelled and "Esc again cancels" in _foot(stand)
        await stand.pilot.press("escape")
        await stand.wait(lambda: "Still here" in _body(stand))
        assert move.cancelled
        await stand.wait(lambda: len(stand.backend.viewers) == 2)
        assert stand.backend.attached[1] == PLACE


async def test_a_link_that_is_lost_is_told_until_it_is_back(stage: Stage) -> None:
    news = [LinkLost(host="vm", seconds=60), LinkBack(host="vm")]
    move = DoubleMove([*recorded.HANDOFF[:8], *news, *recorded.HANDOFF[8:]], {9: asyncio.Event(), 10: asyncio.Event()})
    async with stage(_backend(move)) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "The link to vm is lost" in _body(stand))
        assert " s to go" in _body(stand) and "▸ Take it up on vm" in _body(stand)
        # It is no step: what cancelling means goes by those.
        assert "Too late to cancel" in _foot(stand)
        move.gates[9].set()
        await stand.wait(lambda: "is lost" not in _body(stand))
        assert "Too late to cancel" in _foot(stand)
        move.gates[10].set()
        await stand.wait(lambda: "You can close the laptop" in _body(stand))


async def test_after_the_offer_there_is_no_cancel(stage: Stage) -> None:
    move = DoubleMove(list(recorded.HANDOFF), {8: asyncio.Event()})
    async with stage(_backend(move)) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "Too late to cancel" in _foot(stand))
        await stand.pilot.press("escape", "escape", "escape")
        assert not move.cancelled and isinstance(stand.app.screen, Handoff)
        move.gates[8].set()
        await stand.wait(lambda: "You can close the laptop" in _body(stand))


@pytest.mark.parametrize(
    "failure",
    [
        StillHere(code="drain", reason="The agent did not stop in 20 s.", way_out="Interrupt it and try again."),
        AgentFailed("The agent did not stop in 20 s.", "Interrupt it and try again."),
        RemoteError("The agent did not stop in 20 s.", "Interrupt it and try again."),
    ],
)
async def test_a_failure_is_still_here(stage: Stage, failure: object) -> None:
    steps = [recorded.PREFLIGHT, Draining(deadline=20), failure]
    async with stage(_backend(DoubleMove(steps))) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "Still here. Nothing has moved." in _body(stand))
        assert "The agent did not stop in 20 s." in _body(stand) and "Interrupt it" in _body(stand)
        await stand.wait(lambda: len(stand.backend.viewers) == 2)
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))


async def test_the_move_survives_its_screen(stage: Stage) -> None:
    gate = asyncio.Event()
    move = DoubleMove(list(recorded.HANDOFF), {5: gate})
    async with stage(_backend(move)) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "49 %" in _body(stand))
        screen = _handoff(stand)
        screen.dismiss()
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))
        gate.set()
        await stand.wait(lambda: screen.move is not None and isinstance(screen.move.last, Away))
        assert not move.cancelled
        await stand.wait(lambda: isinstance(stand.app.screen, SignpostScreen))
        assert stand.notices.count("The session is on vm now.") == 1


async def test_no_host_yet_teaches(stage: Stage) -> None:
    backend = _backend()
    backend.host_cards = ()
    async with stage(backend) as stand:
        await _open(stand)
        await stand.wait(lambda: "castoff host add NAME USER@ADDRESS" in _body(stand))
        assert backend.out.terms == []
        await stand.pilot.press("ctrl+l")
        await stand.wait(lambda: any("still no host" in n and "castoff host add" in n for n in stand.notices))
        backend.host_cards = (HostCard(name="vm", destination="ada@vm"),)
        await stand.pilot.press("ctrl+l")
        await stand.wait(lambda: "Travels" in _body(stand))


async def test_f2_asks_the_next_host(stage: Stage) -> None:
    backend = _backend()
    backend.host_cards = (HostCard(name="vm", destination="a@vm"), HostCard(name="attic", destination="a@attic"))
    backend.kept = backend.kept.model_copy(update={"last_host": "attic"})
    async with stage(backend) as stand:
        await _open(stand)
        assert _handoff(stand).host == "attic"
        await stand.pilot.press("f2")
        await stand.wait(lambda: len(backend.out.terms) == 2)
        assert _handoff(stand).host == "vm"


async def test_nothing_to_cast_off(stage: Stage) -> None:
    async with stage(DoubleBackend(place=None)) as stand:
        await stand.pilot.press("f8")
        await stand.wait(lambda: stand.notices)
        assert "nothing to cast off" in stand.notices[0]


async def test_a_second_preflight_that_says_otherwise_is_shown_first(stage: Stage) -> None:
    backend = _backend()
    async with stage(backend) as stand:
        await _opened_and_quiet(stand)
        await stand.type("x")
        other = recorded.PREFLIGHT.model_copy(update={"files": 999})
        assert isinstance(other, Preflighted)
        backend.out.steps = [Connecting(host="vm"), other]
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "999 files" in _body(stand))
        await stand.passes(0.2)
        assert "go" not in backend.out.decisions


async def test_after_away_nothing_is_handed_off_again(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "You can close the laptop" in _body(stand))
        await stand.pilot.press("ctrl+l", "f2")
        assert len(stand.backend.out.terms) == 1 and "You can close the laptop" in _body(stand)


async def test_an_unforeseen_failure_of_a_move_ends_it(stage: Stage) -> None:
    steps = [recorded.PREFLIGHT, Draining(deadline=20), ZeroDivisionError("planted")]
    async with stage(_backend(DoubleMove(steps))) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: any("ZeroDivisionError: planted" in n for n in stand.notices))
        await stand.wait(lambda: "It is not settled where the session is." in _body(stand))
        await stand.wait(lambda: len(stand.backend.viewers) == 2)
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))


async def test_hosts_chosen_in_haste_leave_no_move_behind(stage: Stage) -> None:
    backend = _backend()
    backend.host_cards = (HostCard(name="vm", destination="a@vm"), HostCard(name="attic", destination="a@attic"))
    async with stage(backend) as stand:
        await _opened_and_quiet(stand)
        screen = _handoff(stand)
        screen.action_next_host()
        called_off = screen.move
        screen.action_next_host()
        assert called_off is not None and called_off is not screen.move
        await stand.wait(lambda: screen.move is not None and screen.move.waits)
        await stand.wait(lambda: isinstance(called_off.last, StillHere))
        assert len(backend.out.terms) == 2, "the move that was called off never asked the host"


async def test_leaving_the_app_in_the_middle_of_a_move_attaches_to_nothing(stage: Stage) -> None:
    move = DoubleMove(list(recorded.HANDOFF), {5: asyncio.Event()})
    async with stage(_backend(move)) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "49 %" in _body(stand))
        await stand.pilot.press("ctrl+q")
    assert move.cancelled and stand.backend.closed
    assert len(stand.backend.attached) == 1


async def test_terms_changed_after_enter_are_asked_about_again(stage: Stage) -> None:
    gate = asyncio.Event()
    async with stage(_backend()) as stand:
        await _opened_and_quiet(stand)
        await stand.type("x")
        stand.backend.out.gates = {1: gate}
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: len(stand.backend.out.terms) == 2)
        await stand.pilot.press("f5")
        gate.set()
        await stand.wait(lambda: "Travels" in _body(stand))
        await stand.passes(0.1)
        assert "go" not in stand.backend.out.decisions


async def test_damaged_host_settings_are_a_sentence(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> tuple[HostCard, ...]:
        raise SettingsDamaged("The settings are damaged.", "Mend them.")

    backend = _backend()
    async with stage(backend) as stand:
        await _opened_and_quiet(stand)
        monkeypatch.setattr(backend, "hosts", damaged)
        await stand.pilot.press("ctrl+l", "escape")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))
        await stand.pilot.press("f8", "ctrl+r")
        await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen) and len(stand.notices) == 3)
        assert set(stand.notices) == {"The settings are damaged. Mend them."}


async def test_secrets_are_allowed_only_once_they_have_been_seen(stage: Stage) -> None:
    problem = Problem(code="secret", sentence="A secret is in .env.", way_out="Leave it.", secrets=("ab12", "cd34"))
    seen = recorded.PREFLIGHT.model_copy(update={"problems": (problem,)})
    backend = _backend(DoubleMove([Connecting(host="vm"), seen]))
    async with stage(backend) as stand:
        await _open(stand)
        await stand.wait(lambda: "A secret is in .env." in _body(stand))
        assert "allow these secrets" in _foot(stand)
        await stand.pilot.press("ctrl+o")
        assert len(backend.out.terms) == 1
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("ctrl+o")
        await stand.wait(lambda: len(backend.out.terms) == 2)
        assert backend.out.terms[1].allow_secrets == ("ab12", "cd34")


async def test_what_a_project_asks_for_is_agreed_to_only_once_it_has_been_seen(stage: Stage) -> None:
    problem = Problem(code="not-allowed", sentence="It asks for a command.", way_out="castoff allow.", asks="d1gest")
    extras = Extras(env=("TOKEN",), setup=("make deps\nrm -rf build\x1b[2J", "npm ci"))
    seen = recorded.PREFLIGHT.model_copy(update={"problems": (problem,), "extras": extras})
    backend = _backend(DoubleMove([Connecting(host="vm"), seen]))
    async with stage(backend) as stand:
        await _open(stand)
        await stand.wait(lambda: "It asks for a command." in _body(stand))
        shown = [row.strip().removeprefix("Variables ").removeprefix("Setup ").strip() for row in _rows(stand)]
        assert "TOKEN, with their values" in shown and "npm ci" in shown
        assert "make deps" in shown and any(row.startswith("rm -rf build␛") for row in shown), "a line each"
        assert "let the project have this" in _foot(stand) and "cast off" not in _foot(stand)
        await stand.pilot.press("ctrl+y")
        assert len(backend.out.terms) == 1
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("ctrl+y")
        await stand.wait(lambda: len(backend.out.terms) == 2)
        assert backend.out.terms[1].agree == "d1gest"


async def test_where_nothing_is_asked_the_key_does_nothing(stage: Stage) -> None:
    backend = _backend(DoubleMove([Connecting(host="vm"), recorded.PREFLIGHT]))
    async with stage(backend) as stand:
        await _open(stand)
        await stand.wait(lambda: "cast off" in _foot(stand))
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("ctrl+y")
        assert len(backend.out.terms) == 1 and "let the project" not in _foot(stand)


async def test_a_brief_is_agreed_to_by_its_row(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _opened_and_quiet(stand)
        assert "take its session up there: come back" in _body(stand)
        await stand.pilot.press("shift+f5")
        await stand.wait(lambda: "begin anew from a brief (lossy)" in _body(stand))
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: bool(stand.backend.out.terms) and stand.backend.out.terms[-1].brief)


async def test_where_it_came_to_a_brief_that_is_said_in_the_end(stage: Stage) -> None:
    lossy = [step.model_copy(update={"lossy": True}) if isinstance(step, Proved) else step for step in recorded.HANDOFF]
    async with stage(_backend(DoubleMove(lossy))) as stand:
        await _opened_and_quiet(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "begun anew from a brief" in _body(stand))
