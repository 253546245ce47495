"""The workspace: prompts, commands, panes, interrupting, the link."""

import asyncio

import pytest

from agent.errors import AgentFailed, CommandRefused
from agent.events import Budget, Noted, PhaseChanged, Prompted, Text, TurnEnded, TurnStarted
from agent.fold import advance
from agent.state import SessionState
from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage
from tests.tui.doubles import PLACE, DoubleBackend, DoubleDiff, DoubleViewer
from tui.backend import Place
from tui.bridge import Bridge
from tui.composer import Composer
from tui.drawing.frame import draw_banner
from tui.drawing.panes import Link, draw_link, draw_status
from tui.errors import WatchFailed
from tui.lines_view import Lines
from tui.messages import StateChanged
from tui.panes import DiffPane, PlanPane
from tui.transcript import Transcript
from tui.workspace import Workspace


def _text(workspace: Workspace, name: str) -> str:
    return workspace.query_one(f"#{name}", Lines).plain


@pytest.mark.parametrize("size", SIZES)
async def test_shows_the_session(stage: Stage, size: tuple[int, int]) -> None:
    backend = DoubleBackend(recorded.working())
    backend.diffs = {"": recorded.diff()}
    async with stage(backend, size) as stand:
        workspace = stand.workspace
        assert any(isinstance(m, StateChanged) for m in stand.seen)
        assert workspace.state == advance(SessionState(), backend.events)
        shown = workspace.query_one(Transcript).plain
        assert "splits at every comma" in shown and "failed 1.2 s" in shown
        status = _text(workspace, "status")
        assert "here · castoff · ● working" in status
        assert "$0.12 of $2.00" in status and "1 of 30 turns" in status
        await stand.wait(lambda: workspace.query_one(DiffPane).diff is not None)
        assert isinstance(workspace.focused, Composer)


async def test_enter_sends_and_ctrl_j_breaks_the_line(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        await stand.type("one")
        await stand.pilot.press("ctrl+j")
        await stand.type("two")
        assert stand.workspace.query_one(Composer).text == "one\ntwo"
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("prompt", "one\ntwo")]
        assert stand.workspace.query_one(Composer).text == ""


async def test_history_at_the_edges(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        composer = stand.workspace.query_one(Composer)
        for text in ("first", "second"):
            await stand.type(text)
            await stand.pilot.press("enter")
        await stand.type("draft")
        await stand.pilot.press("up")
        assert composer.text == "second"
        await stand.pilot.press("up")
        assert composer.text == "first"
        await stand.pilot.press("down", "down")
        assert composer.text == "draft"


async def test_the_first_prompt_begins_a_session(stage: Stage) -> None:
    backend = DoubleBackend(place=None)
    async with stage(backend) as stand:
        assert "No session has begun here yet." in stand.workspace.query_one(DiffPane).plain
        assert "Ask for something below" in stand.workspace.query_one(Transcript).plain
        assert not backend.attached
        await stand.type("hello")
        await stand.pilot.press("enter")
        await stand.wait(lambda: backend.viewers and backend.viewer.sent)
        assert backend.attached[0].agent == "castoff"
        assert backend.viewer.sent == [("prompt", "hello")]


async def test_a_refused_prompt_comes_back(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.backend.viewer.refuse = CommandRefused("The session is being moved.", code="moving")
        await stand.type("hello")
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.notices)
        assert stand.workspace.query_one(Composer).text == "hello"
        assert "The session is being moved." in stand.notices[0]


async def test_interrupt_takes_two_presses(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        await stand.pilot.press("escape")
        assert "Esc again interrupts" in _text(stand.workspace, "edge")
        assert stand.backend.viewer.sent == []
        await stand.pilot.press("escape")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("interrupt",)]


async def test_escape_between_turns_does_nothing(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        last = recorded.working()[-1].seq
        stand.backend.viewer.add(TurnEnded(seq=last + 1, prompt_id="p1", stop_reason="end_turn"))
        await stand.wait(lambda: stand.workspace.state.turn is None)
        await stand.pilot.press("escape", "escape")
        assert stand.backend.viewer.sent == []


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("/policy accept-all", ("policy", "accept-all")),
        ("/budget $2 30 turns 60 min", ("budget", Budget(max_usd=2, max_turns=30, max_minutes=60))),
        ("/budget off", ("budget", Budget())),
        ("/budget 5000 tokens 40 calls", ("budget", Budget(max_tokens=5000, max_tool_calls=40))),
        ("/extend", ("extend",)),
        ("/resume", ("resume",)),
        ("/resume brief", ("resume", "brief")),
        ("/stop", ("stop",)),
        ("/interrupt", ("interrupt",)),
        ("/etc/hosts has a bad line", ("prompt", "/etc/hosts has a bad line")),
    ],
)
async def test_commands_reach_the_runner(stage: Stage, typed: str, sent: tuple[object, ...]) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.workspace.query_one(Composer).replace_draft(typed)
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [sent]


async def test_what_it_cannot_be_resumed_by_is_said(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.workspace.query_one(Composer).replace_draft("/resume breif")
        await stand.pilot.press("enter")
        await stand.wait(lambda: "/resume breif is not known." in "".join(stand.notices))
        assert stand.backend.viewer.sent == []


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/nonsense", "no command /nonsense"),
        ("/policy maybe", "no policy 'maybe'"),
        ("/budget lots", "no budget"),
        ("/theme pink", "no theme 'pink'"),
        ("/agent nobody", "no agent 'nobody'"),
        ("/handoff nowhere", "no host 'nowhere'"),
        ("/pull", "here already"),
    ],
)
async def test_bad_input_is_answered_in_a_sentence(stage: Stage, typed: str, answer: str) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.workspace.query_one(Composer).replace_draft(typed)
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.notices)
        assert answer in stand.notices[0]
        assert stand.backend.viewer.sent == []


async def test_the_menu_lists_commands_and_tab_completes(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working()), (80, 24)) as stand:
        await stand.type("/po")
        assert "what the agent may do" in _text(stand.workspace, "menu")
        await stand.pilot.press("tab")
        assert stand.workspace.query_one(Composer).text == "/policy "
        assert _text(stand.workspace, "menu") == ""


async def test_tabs_below_a_hundred_columns(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working()), (80, 24)) as stand:
        workspace = stand.workspace
        transcript, plan, diff = (workspace.query_one(w) for w in (Transcript, PlanPane, DiffPane))
        assert transcript.region.width and not plan.region.width
        await stand.pilot.press("ctrl+t")
        await stand.wait(lambda: plan.region.width and not transcript.region.width)
        await stand.pilot.press("ctrl+t")
        await stand.wait(lambda: diff.region.width and not plan.region.width)
        await stand.pilot.resize_terminal(120, 40)
        await stand.wait(lambda: transcript.region.width and plan.region.width and diff.region.width)


async def test_ctrl_t_goes_through_the_panes_when_wide(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        for kind in (Transcript, PlanPane, DiffPane, Composer):
            await stand.pilot.press("ctrl+t")
            assert isinstance(stand.workspace.focused, kind)


async def test_keys_of_the_transcript(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working()), (80, 24)) as stand:
        transcript = stand.workspace.query_one(Transcript)
        assert transcript.following
        await stand.pilot.press("pageup")
        await stand.wait(lambda: not transcript.following)
        await stand.wait(lambda: "below" in _text(stand.workspace, "edge"))
        at = transcript.scroll_y
        last = recorded.working()[-1].seq
        stand.backend.viewer.add(Noted(seq=last + 1, text="news"))
        await stand.wait(lambda: stand.workspace.state.head_seq == last + 1)
        assert transcript.scroll_y == at
        await stand.pilot.press("ctrl+g")
        await stand.wait(lambda: transcript.following)
        assert "below" not in _text(stand.workspace, "edge")
        await stand.pilot.press("ctrl+o")
        assert transcript.details and "test session starts" in transcript.plain
        await stand.pilot.press("f2")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("policy", "accept-all")]


async def test_copy_says_which_way(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        await stand.pilot.press("ctrl+y")
        assert stand.app.clipboard.startswith("It fails as expected.")
        assert "OSC 52" in stand.notices[0]


async def test_a_lost_runner_is_said_and_found_again(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.backend.viewer.vanish("The link to the runner broke.")
        await stand.wait(lambda: "The link to the runner broke." in _text(stand.workspace, "banner"))
        assert "unreachable since" in _text(stand.workspace, "status")
        await stand.wait(lambda: len(stand.backend.viewers) == 2)
        await stand.wait(lambda: not _text(stand.workspace, "banner"))
        assert stand.backend.viewers[0].closed
        assert len(stand.workspace.state.blocks) == len(advance(SessionState(), recorded.working()).blocks)


async def test_an_agent_that_does_not_start_is_one_sentence(stage: Stage) -> None:
    backend = DoubleBackend()
    failed = AgentFailed("The agent cannot be started: no such program.", "castoff doctor tells more.")
    # Three times, so that the sentence stands for seconds and a slow machine sees it too.
    backend.attach_errors = [failed, failed, failed]
    async with stage(backend) as stand:
        await stand.wait(lambda: "no such program" in _text(stand.workspace, "banner"))
        await stand.wait(lambda: backend.viewers)


def test_the_banner_says_only_what_the_transcript_does_not() -> None:
    turn = (
        Prompted(seq=1, prompt_id="p1", text="Build a boat"),
        TurnStarted(seq=2, prompt_id="p1"),
        TurnEnded(seq=3, prompt_id="p1", stop_reason="error", detail="The agent ended."),
        PhaseChanged(seq=4, phase="failed", detail="The agent ended."),
    )
    state = advance(SessionState(), turn)
    assert draw_banner(state, "", "", 80) == []
    state = advance(state, [PhaseChanged(seq=5, phase="failed", detail="It is not installed.")])
    assert [line.plain for line in draw_banner(state, "", "", 80)] == ["✗ It is not installed."]


async def test_a_stopped_session_is_started_again_only_by_a_prompt(stage: Stage) -> None:
    events = [*recorded.working(), PhaseChanged(seq=1000, phase="stopped")]
    async with stage(DoubleBackend(events)) as stand:
        stand.backend.viewer.vanish("The runner ended.")
        await stand.wait(lambda: stand.backend.viewers[0].closed)
        await stand.passes(1.2)
        assert len(stand.backend.viewers) == 1
        await stand.type("on")
        await stand.pilot.press("enter")
        await stand.wait(lambda: len(stand.backend.viewers) == 2 and stand.backend.viewer.sent)


async def test_a_prompt_during_an_attempt_that_fails_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = DoubleBackend()
    begun, fails = asyncio.Event(), asyncio.Event()
    attach = backend.attach

    async def fail_once(place: Place, after_seq: int) -> DoubleViewer:
        if not begun.is_set():
            begun.set()
            await fails.wait()
            raise AgentFailed("The agent cannot be started.")
        return await attach(place, after_seq)

    monkeypatch.setattr(backend, "attach", fail_once)
    bridge = Bridge(backend, PLACE, lambda message: None)
    bridge.state = advance(SessionState(), [PhaseChanged(seq=1, phase="stopped")])
    running = asyncio.create_task(bridge.run())
    await begun.wait()
    asked = asyncio.create_task(bridge.attached())
    await asyncio.sleep(0)
    fails.set()
    async with asyncio.timeout(10):
        assert await asked is backend.viewer
    running.cancel()
    await asyncio.wait([running])
    assert backend.viewer.closed


async def test_the_diff_follows_the_tree_and_turns(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        pane = stand.workspace.query_one(DiffPane)
        await stand.wait(lambda: "Nothing has changed" in pane.plain)
        stand.backend.diffs = {"": recorded.diff()}
        stand.backend.changes.put_nowait(None)
        await stand.wait(lambda: "csv.reader" in pane.plain)
        stand.backend.diffs = {"": DoubleDiff()}
        last = recorded.working()[-1].seq
        stand.backend.viewer.add(TurnEnded(seq=last + 1, prompt_id="p1", stop_reason="end_turn"))
        await stand.wait(lambda: "Nothing has changed" in pane.plain)


async def test_a_fast_stream_is_few_messages(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        last = recorded.working()[-1].seq
        before = sum(isinstance(m, StateChanged) for m in stand.seen)
        stand.backend.viewer.add(*[Text(seq=last + 1 + i, text=f"word{i} ") for i in range(500)])
        await stand.wait(lambda: stand.workspace.state.head_seq == last + 500)
        # A message may reach the hook more than once on its way up.
        assert sum(isinstance(m, StateChanged) for m in stand.seen) - before <= 6


def test_the_age_of_the_picture_is_said() -> None:
    def words(link: Link) -> str:
        return "".join(s.text for s in draw_link(link))

    assert words(Link("vm", 1.0)) == "vm"
    assert words(Link("vm", 7.0)) == "vm last heard 7 s ago"
    assert words(Link("vm", 190.0, "gone")) == "vm unreachable since 3 min ago"
    assert words(Link("vm", 1.0, attached=False)) == "vm attaching"


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_the_status_line_fits(width: int) -> None:
    state = advance(SessionState(), recorded.working())
    assert draw_status(state, Link("vm", 90.0, "gone"), state.at, width, []).width <= width


async def test_unknown_cost_is_not_zero(stage: Stage) -> None:
    events = [e for e in recorded.working() if e.kind != "usage"]
    async with stage(DoubleBackend(events)) as stand:
        assert "cost unknown of $2.00" in _text(stand.workspace, "status")


async def test_place_of_a_new_workspace_is_the_project(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        assert stand.backend.attached == [PLACE]


async def test_an_unforeseen_failure_is_said_and_the_app_goes_on(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.diffs = {"": ZeroDivisionError("planted")}
    async with stage(backend) as stand:
        await stand.wait(lambda: any("ZeroDivisionError: planted" in n for n in stand.notices))
        await stand.type("still here")
        assert stand.workspace.query_one(Composer).text == "still here"


async def test_a_session_that_is_attached_to_says_so_instead_of_welcoming(stage: Stage) -> None:
    backend = DoubleBackend(place=PLACE.model_copy(update={"host": "vm"}))
    backend.diffs["vm"] = DoubleDiff()
    async with stage(backend) as stand:
        transcript, pane = stand.workspace.query_one(Transcript), stand.workspace.query_one(DiffPane)
        assert "Attaching to vm" in transcript.plain and "Ask for something" not in transcript.plain
        assert "Ctrl+L pulls it back" in str(stand.workspace.query_one(Composer).placeholder)
        await stand.wait(lambda: "Nothing has changed since it came to vm." in pane.plain)


@pytest.mark.parametrize(("width", "shown"), [(120, "Ctrl+P all"), (80, "Ctrl+H cast off"), (60, "")])
def test_the_status_line_has_as_many_keys_as_fit(width: int, shown: str) -> None:
    state = advance(SessionState(), recorded.working()[:1])
    keys = (("Ctrl+H", "cast off"), ("Ctrl+R", "runs"), ("Ctrl+P", "all"))
    text = draw_status(state, Link(), state.at, width, keys).plain
    assert len(text) <= width
    assert text.endswith(shown) if shown else "Ctrl" not in text


async def test_work_that_was_cut_short_says_so_until_it_goes_on(stage: Stage) -> None:
    """A move that ended with its terminal leaves an idle agent in the middle of its work."""
    events = recorded.working()
    prompt_id = next(e.prompt_id for e in reversed(events) if isinstance(e, TurnStarted))
    async with stage(DoubleBackend(events)) as stand:
        assert "middle of its work" not in _text(stand.workspace, "banner")
        stand.backend.viewer.add(
            TurnEnded(seq=1000, prompt_id=prompt_id, stop_reason="drained"), PhaseChanged(seq=1001, phase="idle")
        )
        await stand.wait(lambda: "middle of its work. F5 goes on." in _text(stand.workspace, "banner"))
        await stand.pilot.press("f5")
        await stand.wait(lambda: stand.backend.viewer.sent == [("resume",)])


async def test_a_tree_that_cannot_be_watched_is_told_once_and_the_diff_follows_turns(stage: Stage) -> None:
    backend = DoubleBackend()
    async with stage(backend) as stand:
        backend.changes.put_nowait(WatchFailed("The files cannot be watched."))
        await stand.wait(lambda: "The files cannot be watched." in "".join(stand.notices))
        assert stand.notices == ["The files cannot be watched."]
        read = backend.diff_reads
        backend.viewer.add(Prompted(seq=1, prompt_id="p", text="Go"), TurnStarted(seq=2, prompt_id="p"))
        await stand.wait(lambda: backend.diff_reads > read)


async def test_the_plan_tells_time_and_money_and_leads_to_its_steps(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        plan, transcript = stand.workspace.query_one(PlanPane), stand.workspace.query_one(Transcript)
        state = stand.workspace.state
        assert "4.6 s $0.12" in plan.plain and "2.5 s" in plan.plain
        assert not any(row.fill == "selected" for row in plan.lines), "the mark is for those who can move it"
        plan.focus()
        await stand.wait(lambda: any(row.fill == "selected" for row in plan.lines))
        await stand.pilot.press("down", "down", "enter")
        await stand.wait(lambda: transcript.has_focus and transcript.marked is not None)
        assert transcript.marked is not None and not transcript.following
        assert state.blocks[transcript.marked].seq >= state.steps[2].seq > state.blocks[transcript.marked - 1].seq
        plan.focus()
        await stand.pilot.press(*["down"] * 9, "enter")
        await stand.wait(lambda: any("not begun yet" in n for n in stand.notices))
