"""What the project's settings say, on the handoff screen: host, limits, and what goes along."""

from agent.deeds import Rules
from agent.events import AnyEvent, Budget, BudgetSet
from remote.errors import ProjectFileInvalid
from remote.findings import Extras, Stays
from remote.steps import Preflighted
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend, DoubleMove
from tui.backend import Defaults, HostCard
from tui.drawing.moves import draw_preflight
from tui.handoff import Handoff


def _backend(budget: Budget | None = None) -> DoubleBackend:
    events: list[AnyEvent] = [event for event in recorded.working() if not isinstance(event, BudgetSet)]
    if budget is not None:
        events.append(BudgetSet(seq=events[-1].seq + 1, budget=budget))
    backend = DoubleBackend(events)
    backend.host_cards = tuple(HostCard(name=name, destination=name) for name in ("vm", "big", "old"))
    backend.kept = backend.kept.model_copy(update={"last_host": "old"})
    backend.out = DoubleMove(list(recorded.HANDOFF))
    return backend


async def _open(stand: Stand) -> Handoff:
    await stand.pilot.press("f8")
    await stand.wait(lambda: isinstance(stand.app.screen, Handoff) and bool(stand.backend.out.terms))
    screen = stand.app.screen
    assert isinstance(screen, Handoff)
    return screen


async def test_the_projects_host_and_limits_fill_the_screen(stage: Stage) -> None:
    backend = _backend()
    backend.said = Defaults(host="big", budget=Budget(max_usd=5.0, max_turns=9))
    async with stage(backend) as stand:
        screen = await _open(stand)
        assert screen.host == "big"
        assert stand.backend.out.terms[0].budget == Budget(max_usd=5.0, max_turns=9)


async def test_a_host_that_is_not_known_is_passed_over_and_a_set_budget_kept(stage: Stage) -> None:
    backend = _backend(Budget(max_turns=3))
    backend.said = Defaults(host="gone", budget=Budget(max_usd=5.0))
    async with stage(backend) as stand:
        await stand.wait(lambda: stand.workspace.state.budget == Budget(max_turns=3))
        screen = await _open(stand)
        assert screen.host == "old"
        assert stand.backend.out.terms[0].budget == Budget(max_turns=3)


async def test_a_file_that_is_wrong_is_said_and_keeps_nobody_out(stage: Stage) -> None:
    backend = _backend()
    backend.said = ProjectFileInvalid(".castoff.toml cannot be used: line 2, exlude: this name is not known.")
    async with stage(backend) as stand:
        assert (await _open(stand)).host == "old"


def test_what_goes_along_is_on_the_page_and_harmless() -> None:
    extras = Extras(
        included=(Stays(what="build/", why="ignored by git, and included by choice", files=2, size=2048),),
        env=("TOKEN",),
        setup=("npm ci", "echo \x1b[2J\nmake"),
        rules=Rules(ask=("network",), deny=("read", "outside")),
    )
    step = next(step for step in recorded.HANDOFF if isinstance(step, Preflighted))
    lines = draw_preflight(step.model_copy(update={"extras": extras}), 80)
    text = "\n".join("".join(span.text for span in line.spans) for line in lines)
    assert "Included  build/ (2 files," in text and "Variables TOKEN, with their values" in text
    assert "Asks for  network, what" in text and "Refused   read, outside, what" in text
    assert "Setup     npm ci" in text and "echo" in text and "\x1b" not in text
