"""The transcript: one widget, blocks drawn once, nothing hostile shown or interpreted."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.screen import Screen
from textual.selection import SELECT_ALL

from agent.blocks import AnyBlock, TextBlock, ToolBlock
from agent.events import (
    AgentStarted,
    AnyEvent,
    DiffContent,
    Moved,
    Noted,
    PermissionAnswered,
    PermissionAsked,
    PermissionOption,
    PhaseChanged,
    PlanEntry,
    Planned,
    Prompted,
    Text,
    TextContent,
    Thought,
    ToolCalled,
    TurnEnded,
    TurnStarted,
)
from agent.fold import advance
from agent.state import SessionState
from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage
from tests.tui.doubles import PLACE, DoubleBackend, DoubleDiff, DoubleFile
from tui.backend import HostCard
from tui.board import Board, take
from tui.drawing.blocks import Look, draw_block
from tui.drawing.code import LANGUAGES, chop_spans, colour_code
from tui.drawing.diffs import draw_diff, draw_edit, draw_hunks
from tui.drawing.lines import Line, Span, fit, fit_start, span, spread, text_lines, wrap
from tui.drawing.markdown import draw_markdown, inline
from tui.export import to_html, to_markdown
from tui.lines_view import LinesView
from tui.panes import QuestionBar
from tui.places import text_of
from tui.runs_table import RunsTable
from tui.transcript import Transcript

HOSTILE = "\x1b]52;c;aGk=\x07[@click=app.quit]x[/][/bold]\x9b31m\u202e\u200b\r\n\ttail\x00 [red]" + "長い" * 60


def _hostile_events(text: str = HOSTILE) -> list[AnyEvent]:
    option = PermissionOption(option_id=text, name=text, kind="allow_once")
    contents = (TextContent(text=text), DiffContent(path=text, old_text=text, new_text=text + "x"))
    events: list[AnyEvent] = [
        AgentStarted(agent=text, version=text, agent_session_id=text, resumed="load", host=text),
        Prompted(prompt_id="p", text=text), TurnStarted(prompt_id="p"), Text(text=text), Thought(text=text),
        ToolCalled(call_id="t", title=text, tool_kind="edit", status="failed", content=contents),
        Planned(entries=(PlanEntry(content=text, status="in_progress"),)),
        PermissionAsked(request_id="a", call_id="t", options=(option,)),
        PermissionAnswered(request_id="a", option_id=text, by="user"),
        Moved(origin=text, to=text, files=1, size=1, seconds=1, sandbox=text),
        Noted(level="error", text=text), Prompted(prompt_id="q", text=text),
        PhaseChanged(phase="failed", detail=text), PermissionAsked(request_id="b", call_id="t", options=(option,)),
        TurnEnded(prompt_id="p", stop_reason=text, detail=text),
    ]  # fmt: skip
    return [e.model_copy(update={"seq": i, "at": 1.0 * i}) for i, e in enumerate(events, 1)]


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_text_in_every_field(stage: Stage, size: tuple[int, int]) -> None:
    place = PLACE.model_copy(update={"title": HOSTILE, "project": HOSTILE})
    backend = DoubleBackend(_hostile_events(), place)
    backend.diffs = {
        "": DoubleDiff((DoubleFile(HOSTILE, HOSTILE, 1, 1, f"@@ -1 +1 @@{HOSTILE}\n+{HOSTILE}", HOSTILE),))
    }
    backend.host_cards = (HostCard(name=HOSTILE, destination=HOSTILE),)
    backend.parts = [
        recorded.Runs(
            runs=(recorded.run("a" * 12, HOSTILE, host=HOSTILE, last_line=HOSTILE, detail=HOSTILE),),
            unreachable=(recorded.Unreachable(host=HOSTILE, reason=HOSTILE, way_out=HOSTILE),),
        )
    ]
    async with stage(backend, size) as stand:
        for key in ("ctrl+o", "ctrl+t", "ctrl+t", "ctrl+t", "f8", "escape", "ctrl+r"):
            await stand.pilot.press(key)
            await stand.pilot.pause(0.05)
            _assert_harmless(stand.app.export_screenshot())
        assert stand.app.is_running


def _assert_harmless(svg: str) -> None:
    assert not set("\x1b\x9b\x07\x00\u202e\u200b") & set(svg)


ADVERSARIAL = st.lists(
    st.sampled_from(
        ["\x1b]52;c;aGk=\x07", "\x1b[2J", "\x9b31m", "\x90q\x9c", "\x1bP", "\x00", "\r", "\x7f", "\u202e", "\u2066",
         "\u200b", "\ufeff", "\ud800", "\U000e0041", "[@click=app.quit]", "[/bold]", "```py\n", "`", "**",
         "|", "- ", "> ", "\n", "\t", "長", "\u0301", "x" * 90]
    )
    | st.characters(exclude_categories=()),
    max_size=14,
).map("".join)  # fmt: skip


@settings(deadline=None)
@given(ADVERSARIAL, st.integers(8, 60), st.booleans())
def test_no_text_brings_a_control_byte_to_the_screen(text: str, width: int, details: bool) -> None:
    """Every field of every block, and what is copied and exported of it."""
    state = advance(SessionState(), _hostile_events(text))
    shown = "".join(row.plain for block in state.blocks for row in draw_block(block, Look(width, details)))
    source = "".join(text_of(block) for block in state.blocks) + to_html(state, text) + to_markdown(state, text)
    for char in {*shown, *source}:
        assert char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"), hex(ord(char))
        assert char not in "\u202e\u2066\u200b\ufeff\U000e0041"
    assert not set("\n\t") & set(shown)


async def test_what_is_said_of_hostile_text_is_harmless(stage: Stage) -> None:
    async with stage(DoubleBackend()) as stand:
        stand.app.complain(HOSTILE, HOSTILE)
        stand.app.show_status(HOSTILE)
        await stand.wait(lambda: len(stand.notices) == 2)
        for notice in stand.notices:
            _assert_harmless(notice)


def test_markup_is_shown_as_it_was_written() -> None:
    text = "[@click=app.quit]press[/] [/bold] [red]x"
    for lines in (
        draw_markdown(text, 80),
        draw_block(ToolBlock(seq=1, at=0, call_id="t", title=text), Look(80)),
        draw_diff([DoubleFile("a", text=f"@@ -1 +1 @@\n+{text}")], 80),
    ):
        assert text in "\n".join(row.plain for row in lines)


async def test_two_thousand_blocks_are_few_nodes_and_an_append_draws_one(stage: Stage) -> None:
    events: list[AnyEvent] = []
    for i in range(1000):
        events.append(ToolCalled(seq=2 * i + 1, at=float(i), call_id=f"t{i}", title=f"file {i}", status="completed"))
        events.append(Text(seq=2 * i + 2, at=float(i), text=f"# Step {i}\n\nSome **words**.\n\n- a\n- b\n"))
    async with stage(DoubleBackend(events)) as stand:
        transcript = stand.workspace.query_one(Transcript)
        assert len(stand.workspace.state.blocks) == 2000
        assert len(list(stand.app.screen.walk_children())) <= 200
        await stand.wait(lambda: not transcript.is_behind)
        before = transcript.drawn
        stand.backend.viewer.add(ToolCalled(seq=2001, at=5.0, call_id="new", title="new", status="completed"))
        await stand.wait(lambda: stand.workspace.state.head_seq == 2001)
        assert transcript.drawn - before == 1
        before = transcript.drawn
        stand.backend.viewer.add(Text(seq=2002, at=5.0, text="tail "), Text(seq=2003, at=5.0, text="grows"))
        await stand.wait(lambda: stand.workspace.state.head_seq == 2003)
        assert transcript.drawn - before == 1
        assert transcript.lines[len(transcript.lines) - 1].plain == "  tail grows"
        before = transcript.drawn
        await stand.pilot.press("pageup", "pageup", "pagedown")
        assert transcript.drawn == before


async def test_text_can_be_selected(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        transcript = stand.workspace.query_one(Transcript)
        selected = transcript.get_selection(SELECT_ALL)
        assert selected is not None and "splits at every comma" in selected[0]


def _plain(block: AnyBlock, width: int = 80, details: bool = False, now: float = 0.0) -> list[str]:
    return [row.plain for row in draw_block(block, Look(width, details, now))]


def test_tool_states_are_words() -> None:
    tool = ToolBlock(seq=1, at=10.0, call_id="t", title="pytest", tool_kind="execute")
    assert _plain(tool)[0].split() == ["$", "pytest", "waiting"]
    running = tool.model_copy(update={"status": "in_progress"})
    assert _plain(running, now=13.0)[0].split() == ["$", "pytest", "running", "3.0", "s"]
    failed = tool.model_copy(update={"status": "failed", "ended_at": 12.5})
    assert _plain(failed)[0].split() == ["$", "pytest", "failed", "2.5", "s"]


def test_output_is_a_tail_and_says_what_is_missing() -> None:
    content = (TextContent(text="\n".join(f"line {i}" for i in range(20))),)
    tool = ToolBlock(seq=1, at=0, call_id="t", title="x", status="failed", content=content)
    assert _plain(tool)[1:3] == ["  … 15 lines before", "  line 15"]
    assert len(_plain(tool, details=True)) == 21


def test_questions_in_the_transcript() -> None:
    option = PermissionOption(option_id="o", name="Allow once", kind="allow_once")
    events: list[AnyEvent] = [
        PermissionAsked(seq=1, request_id="q", call_id="t", options=(option,)),
        PermissionAnswered(seq=2, request_id="q", option_id="o", by="user"),
    ]
    state = advance(SessionState(), events)
    assert _plain(state.blocks[0]) == ["  ✓ Allow once, by you"]


def test_markdown() -> None:
    text = "# Title\n\nSome *soft* and **hard** `code`\nin two rows.\n\n1. one\n2. two\n\n"
    text += "```py\nx = [1]\n```\n> said\n\n---"
    assert [row.plain for row in draw_markdown(text, 60)] == [
        "Title", "", "Some soft and hard code in two rows.", "", "1. one", "2. two", "", "  x = [1]", "▏ said", "",
        "─" * 24,
    ]  # fmt: skip


def test_of_a_message_that_grows_only_the_last_section_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def counted(text: str) -> list[Span]:
        drawn.append(text)
        return inline(text)

    monkeypatch.setattr("tui.drawing.markdown.inline", counted)
    parts = [f"Grown paragraph {n} of this very message" for n in range(50)]
    draw_markdown("\n\n".join(parts), 60)
    drawn.clear()
    assert draw_markdown("\n\n".join([*parts, "and more"]), 60)[-1].plain == "and more"
    assert drawn == ["and more"]


def test_blank_rows_in_a_fence_end_no_section() -> None:
    rows = [row.plain for row in draw_markdown("before\n```\na\n\n\n# b\n```\n\n\nafter\r\n\r\n- c", 60)]
    assert rows == ["before", "  a", "  ", "  ", "  # b", "", "after", "", "• c"]


async def test_a_stream_lays_nothing_out_for_what_is_hidden(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tabs are hidden on a wide screen, the banner and the question are empty: a layout is a whole paint."""
    laid_out: list[str] = []
    refresh = LinesView.refresh

    def counted(self: LinesView, *regions: Any, repaint: bool = True, layout: bool = False, **more: Any) -> LinesView:
        if layout:
            laid_out.append(self.id or "")
        return refresh(self, *regions, repaint=repaint, layout=layout, **more)

    async with stage(DoubleBackend(recorded.working())) as stand:
        last = recorded.working()[-1].seq
        monkeypatch.setattr(LinesView, "refresh", counted)
        stand.backend.viewer.add(Text(seq=last + 1, at=recorded.AT, text="x"))
        await stand.wait(lambda: stand.workspace.state.head_seq == last + 1)
        assert not {"tabs", "banner", "question", "status"} & set(laid_out)


@pytest.mark.parametrize(
    "text", ["2 * 3 * 4", "snake_case_name and other_name", "a ** b ** c", "`unclosed", "```\nopen"]
)
def test_markdown_leaves_what_is_no_emphasis(text: str) -> None:
    shown = " ".join(row.plain.strip() for row in draw_markdown(text, 80))
    assert shown == text.replace("```\n", "")


def test_code_has_colours_and_keeps_every_character() -> None:
    rows = draw_markdown("```python\ndef f(x):\n\n    return 'a'  # why\n```", 60)
    assert [row.plain for row in rows] == ["  def f(x):", "  ", "      return 'a'  # why"]
    roles = {piece.text: piece.role for row in rows for piece in row.spans}
    assert (roles["def"], roles["f"], roles["# why"]) == ("accent", "strong", "muted")
    assert {piece.role for row in draw_markdown("```nonesuch\ndef f\n```", 60) for piece in row.spans} == {"code"}


CODE = st.text(st.sampled_from("ab '\"#(){}<>/\\$`=長\u0301👍\x1b[31m\n\t1"), max_size=80)


@settings(deadline=None)
@given(CODE, st.sampled_from(sorted(LANGUAGES)), st.integers(8, 40))
def test_code_in_any_language_is_shown_as_it_is(text: str, language: str, width: int) -> None:
    rows = tuple(text_lines(text))
    spans = colour_code(rows, language)
    assert tuple("".join(s.text for s in row) for row in spans) == rows
    for row, plain in zip(spans, rows, strict=True):
        chopped = chop_spans(row, width, Line((Span("  "),)))
        assert "".join(part.plain[2:] for part in chopped) == plain
        assert all(part.width <= width for part in chopped)


def test_hunks_that_look_like_headers() -> None:
    rows = [row.plain for row in draw_hunks("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- not a header\n+++ nor this", 60)]
    assert rows == ["− -- not a header", "+ ++ nor this"]


def test_context_and_changes_stand_in_the_same_column() -> None:
    rows = [row.plain for row in draw_hunks("@@ -1,2 +1,2 @@\n same\n-old\n+new", 60)]
    assert rows == ["  same", "− old", "+ new"]


def test_an_edit_shows_counts_and_a_limit() -> None:
    rows = [r.plain for r in draw_edit("a.py", None, "".join(f"{i}\n" for i in range(30)), 40, limit=3)]
    assert rows[0].split() == ["a.py", "+30"] and rows[-1] == "  … 27 more" and len(rows) == 5


TEXTS = st.text(st.sampled_from("ab  長\u0301👍\x1b[]*`_#->\n\t|1.") | st.characters(), max_size=120)


@given(TEXTS, st.integers(10, 60))
def test_nothing_is_wider_than_asked(text: str, width: int) -> None:
    rows = [
        *wrap([span(text)], width),
        *draw_markdown(text, width),
        *draw_block(TextBlock(seq=1, at=0, text=text), Look(width)),
    ]
    rows += draw_block(ToolBlock(seq=1, at=0, call_id="x", title=text, content=(TextContent(text=text),)), Look(width))
    rows.append(spread([span(text)], [span("right")], width))
    assert max((row.width for row in rows), default=0) <= width
    assert Line((Span(fit(span(text).text, width)),)).width <= width
    assert Line((Span(fit_start(span(text).text, width)),)).width <= width


@given(st.text(st.sampled_from("abc de"), max_size=200), st.integers(8, 40))
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    rows = wrap([span(text)], width)
    assert "".join(" ".join(r.plain for r in rows).split()) == "".join(text.split())


async def test_answering_in_place(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.quiet.QUIET_SECONDS", 60.0)
    async with stage(DoubleBackend(recorded.asking())) as stand:
        bar = stand.workspace.query_one(QuestionBar)
        await stand.wait(lambda: bar.has_focus)
        assert "pip install --upgrade pytest-randomly" in bar.plain
        assert "2 Always allow pip install in this session" in bar.plain
        await stand.pilot.press("1")
        assert stand.backend.viewer.sent == [], "an answer before the question could be read does not count"
        monkeypatch.setattr("tui.quiet.QUIET_SECONDS", 0.0)
        await stand.pilot.press("2")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("answer", "q1", "always")]
        last = recorded.asking()[-1].seq
        stand.backend.viewer.add(PermissionAnswered(seq=last + 1, request_id="q1", option_id="always", by="user"))
        await stand.wait(lambda: not bar.has_class("asking"))
        assert stand.workspace.focused is not None and stand.workspace.focused.id == "composer"


async def test_an_answer_from_elsewhere_is_said_and_ours_is_not(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.asking())) as stand:
        bar, last = stand.workspace.query_one(QuestionBar), recorded.asking()[-1].seq
        await stand.wait(lambda: bar.has_class("asking"))
        stand.backend.viewer.add(PermissionAnswered(seq=last + 1, request_id="q1", option_id="no", by="user"))
        await stand.wait(lambda: not bar.has_class("asking"))
        await stand.wait(lambda: stand.notices == ["Answered elsewhere: Reject."])
        asked = next(event for event in recorded.asking() if event.kind == "permission_asked")
        stand.backend.viewer.add(asked.model_copy(update={"seq": last + 2, "request_id": "q2"}))
        await stand.wait(lambda: bar.has_class("asking"))
        stand.workspace.post_message(QuestionBar.Answered("q2", "no"))
        await stand.wait(lambda: stand.backend.viewer.sent)
        stand.backend.viewer.add(PermissionAnswered(seq=last + 3, request_id="q2", option_id="no", by="user"))
        await stand.wait(lambda: not bar.has_class("asking"))
        assert len(stand.notices) == 1


async def test_arrows_and_enter_answer(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.asking()), (80, 24)) as stand:
        bar = stand.workspace.query_one(QuestionBar)
        await stand.wait(lambda: bar.has_focus)
        await stand.pilot.press("up")
        assert "▸ 3 Reject" in bar.plain
        await stand.passes(0.6)
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.backend.viewer.sent == [("answer", "q1", "no")])


async def test_a_question_takes_no_key_from_a_draft(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        await stand.type("draft")
        new = recorded.asking()[len(recorded.working()) :]
        stand.backend.viewer.add(*new)
        bar = stand.workspace.query_one(QuestionBar)
        await stand.wait(lambda: bar.has_class("asking"))
        await stand.passes(0.6)
        await stand.pilot.press("1")
        assert stand.backend.viewer.sent == []
        assert "Shift+Tab goes here" in bar.plain
        await stand.pilot.press("shift+tab")
        await stand.wait(lambda: bar.has_focus)


@pytest.mark.parametrize("size", SIZES)
async def test_lines_keep_their_ends_when_the_scrollbar_comes(stage: Stage, size: tuple[int, int]) -> None:
    """A scrollbar takes its column without a resize: what was drawn for the whole width would lose its end."""
    begun, ended = (
        recorded.working()[:2],
        [*recorded.working()[2:], TurnEnded(seq=1000, prompt_id="p1", stop_reason="end_turn")],
    )
    backend = DoubleBackend(begun)
    async with stage(backend, size) as stand:
        transcript = stand.workspace.query_one(Transcript)
        assert not transcript.show_vertical_scrollbar
        backend.viewer.add(*ended)
        await stand.wait(lambda: transcript.show_vertical_scrollbar and transcript.state.head_seq == 1000)
        await stand.wait(lambda: _clipped(stand.app.screen) == [], seconds=5)


@pytest.mark.parametrize("size", SIZES)
async def test_runs_keep_their_ends_when_the_scrollbar_comes(stage: Stage, size: tuple[int, int]) -> None:
    """The list has no room kept for a scrollbar, and is drawn once."""
    table = RunsTable()
    async with stage(DoubleBackend(recorded.working()), size) as stand:
        await stand.workspace.mount(table)
        run = recorded.RUNS.runs[0]
        table.show_board(take(Board(), recorded.Runs(runs=(run,)), 0.0))
        await stand.wait(lambda: table.lines)
        many = tuple(run.model_copy(update={"run_id": f"run{n}"}) for n in range(40))
        table.show_board(take(Board(), recorded.Runs(runs=many), 0.0))
        await stand.wait(lambda: table.show_vertical_scrollbar)
        await stand.wait(lambda: _clipped(stand.app.screen) == [], seconds=5)


def _clipped(screen: Screen[object]) -> list[str]:
    """Lines of any visible view that are wider than the place they are painted in."""
    views = [view for view in screen.query(LinesView) if view.region.width and view.region.height]
    assert views
    return [f"{view.id}: {row.plain}" for view in views for row in view.lines if row.width > _room(view)]


def _room(view: LinesView) -> int:
    return view.scrollable_content_region.width
