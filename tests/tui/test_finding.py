"""One's way through a transcript: jumps, folding, search, copying as source, export; and any length of it."""

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.geometry import Offset
from textual.selection import Selection
from textual.widgets import Input

from agent.blocks import AnyBlock, MoveBlock, NoteBlock, PromptBlock, TextBlock, ToolBlock
from agent.events import AnyEvent, DiffContent, Moved, Prompted, Text, TextContent, ToolCalled, TurnStarted
from agent.state import SessionState
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend
from tui.clipboard import Route, choose_route, hand_to_tool, osc_52, said_of_terminal
from tui.composer import Composer
from tui.drawing.lines import Line, Span
from tui.errors import ExportError
from tui.export import to_html, to_markdown, write_export
from tui.find_bar import FindBar
from tui.places import find_kind, find_text, text_of
from tui.stack import EAGER, Stack
from tui.transcript import Transcript

OUTPUT = "\n".join(f"row {n}" for n in range(40))


def session(count: int = 12) -> list[AnyEvent]:
    """Prompts, messages, calls of which each fifth failed, edits, and one move."""
    events: list[AnyEvent] = []

    def add(event: AnyEvent) -> None:
        events.append(event.model_copy(update={"seq": len(events) + 1, "at": 1_790_000_000.0 + len(events)}))

    for n in range(count):
        add(Prompted(prompt_id=f"p{n}", text=f"Prompt {n}"))
        add(TurnStarted(prompt_id=f"p{n}"))
        add(Text(text=f"Message **{n}**\n\n- point"))
        status = "failed" if n % 5 == 4 else "completed"
        add(ToolCalled(call_id=f"t{n}", title=f"pytest {n}", tool_kind="execute", status=status,
                       content=(TextContent(text=OUTPUT),)))  # fmt: skip
        edit = DiffContent(path="a.py", old_text="a\n", new_text="b\n")
        add(ToolCalled(call_id=f"e{n}", title="edit a.py", tool_kind="edit", status="completed", content=(edit,)))
        if n == 6:
            add(Moved(origin="here", to="vm", files=412, size=3_100_000, seconds=2.4, sandbox="full"))
    return events


def transcript_of(stand: Stand) -> Transcript:
    return stand.workspace.query_one(Transcript)


def marked_text(transcript: Transcript) -> str:
    assert transcript.marked is not None
    return text_of(transcript.state.blocks[transcript.marked])


def top(transcript: Transcript) -> list[str]:
    start = round(transcript.scroll_y)
    return [
        transcript.lines[row].plain for row in range(start, min(len(transcript.lines), start + transcript.size.height))
    ]


async def test_jumps_go_to_prompts_edits_errors_and_moves(stage: Stage) -> None:
    async with stage(DoubleBackend(session())) as stand:
        transcript = transcript_of(stand)
        transcript.focus()
        for key, found in (("p", "Prompt 11"), ("p", "Prompt 10"), ("x", "pytest 9"), ("m", "here -> vm"),
                           ("P", "Prompt 7"), ("E", "edit a.py"), ("X", "pytest 9")):  # fmt: skip
            await stand.pilot.press(key)
            await stand.wait(lambda found=found: marked_text(transcript).startswith(found))
            assert any(found.split(" -> ")[-1] in row for row in top(transcript)), found
        assert not transcript.following
        await stand.pilot.press("X")
        await stand.wait(lambda: any("There is no error below." in n for n in stand.notices))
        await stand.pilot.press("ctrl+g")
        await stand.wait(lambda: transcript.following and transcript.marked is None)


async def test_a_block_folds_by_key_and_by_click(stage: Stage) -> None:
    async with stage(DoubleBackend(session(1))) as stand:
        transcript = transcript_of(stand)
        assert "row 0" not in transcript.plain
        transcript.focus()
        transcript.show_place(2)
        await stand.pilot.press("space")
        await stand.wait(lambda: "row 0" in transcript.plain)
        row = next(n for n, found in enumerate(transcript.lines) if "pytest 0" in found.plain)
        transcript.scroll_to(y=0, animate=False)
        await stand.pilot.pause()
        await stand.pilot.click(Transcript, offset=(6, row))
        await stand.wait(lambda: "row 0" not in transcript.plain)


async def test_search_finds_upwards_unfolds_and_ends(stage: Stage) -> None:
    async with stage(DoubleBackend(session())) as stand:
        transcript = transcript_of(stand)
        await stand.pilot.press("ctrl+f")
        await stand.wait(lambda: isinstance(stand.app.focused, Input))
        for key in "row":
            await stand.pilot.press(key)
        await stand.pilot.press("space", "7")
        await stand.wait(lambda: stand.workspace.query_one(FindBar).told == "12 of 12")
        assert any(row.strip() == "row 7" for row in transcript.plain.split("\n")), "what is folded away is shown"
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.workspace.query_one(FindBar).told == "11 of 12")
        assert marked_text(transcript).startswith("pytest 10")
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.focused, Composer))
        assert not stand.workspace.query_one(FindBar).has_class("finding") and transcript.needle == ""


async def test_what_is_not_there_is_said(stage: Stage) -> None:
    async with stage(DoubleBackend(session(1))) as stand:
        stand.workspace.query_one(Composer).replace_draft("/find nothing of it")
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.workspace.query_one(FindBar).told == "not found")


async def test_whole_blocks_are_copied_as_their_source(stage: Stage) -> None:
    async with stage(DoubleBackend(session(2))) as stand:
        transcript = transcript_of(stand)
        row = next(n for n, found in enumerate(transcript.lines) if "Message" in found.plain)
        last = next(n for n, found in enumerate(transcript.lines) if "• point" in found.plain)
        whole = transcript.get_selection(Selection(Offset(0, row), Offset(60, last)))
        assert whole is not None and whole[0] == "Message **0**\n\n- point"
        part = transcript.get_selection(Selection(Offset(2, row), Offset(9, row)))
        assert part is not None and part[0] == "Message"
        transcript.focus()
        transcript.show_place(1)
        await stand.pilot.press("y")
        await stand.wait(lambda: stand.notices)
        assert stand.app.clipboard == "Message **0**\n\n- point"


async def test_a_very_long_session_is_shown_without_drawing_it(stage: Stage) -> None:
    async with stage(DoubleBackend(session(1500))) as stand:
        transcript = transcript_of(stand)
        assert transcript.drawn < len(transcript.state.blocks)
        assert "edit a.py" in "\n".join(top(transcript))
        await stand.wait(lambda: not transcript.is_behind)
        assert transcript.following and "edit a.py" in "\n".join(top(transcript))


async def test_what_is_in_view_stays_while_guesses_are_made_good(stage: Stage) -> None:
    async with stage(DoubleBackend(session(1500))) as stand:
        transcript = transcript_of(stand)
        transcript.show_place(3000)
        before = top(transcript)[8:20]
        assert transcript.is_behind
        await stand.wait(lambda: not transcript.is_behind)
        assert top(transcript)[8:20] == before


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.data())
def test_rows_and_blocks_agree_whatever_was_guessed(heights: list[int], data: st.DataObject) -> None:
    def draw(previous: AnyBlock | None, block: AnyBlock) -> list[Line]:
        return [Line((Span(f"{block.seq}.{n}"),)) for n in range(heights[block.seq])]

    blocks = tuple(NoteBlock(seq=n, at=0, level="info", text="") for n in range(len(heights)))
    with patch("tui.stack.EAGER", 3):
        stack = Stack(draw)
        stack.show(blocks[: data.draw(st.integers(0, len(blocks)))])
        stack.show(blocks)
        stack.settle(data.draw(st.lists(st.integers(0, len(blocks) - 1))))
        while stack.is_guessed:
            stack.settle_some(7, 20)
    assert [row.plain for row in stack] == [f"{s}.{n}" for s, height in enumerate(heights) for n in range(height)]
    assert all(stack.place_at(stack.start_of(p)) == p for p, height in enumerate(heights) if height)


def test_only_so_many_of_many_are_drawn_at_once() -> None:
    stack = Stack(lambda previous, block: [Line((Span("x"),))])
    stack.show(tuple(NoteBlock(seq=n, at=0, level="info", text="") for n in range(5000)))
    assert stack.drawn == EAGER and stack.is_guessed


def test_places_of_a_kind() -> None:
    blocks: tuple[AnyBlock, ...] = (
        PromptBlock(seq=1, at=0, prompt_id="p", text="Do", source="user"),
        ToolBlock(seq=2, at=0, call_id="t", title="x", status="failed"),
        MoveBlock(seq=3, at=0, origin="here", to="vm", files=1, size=1, seconds=1, sandbox=""),
        TextBlock(seq=4, at=0, text="Straße"),
    )
    assert [find_kind(blocks, k, 4, -1) for k in ("prompt", "error", "move", "edit", "block")] == [0, 1, 2, None, 3]
    assert find_text(blocks, "STRASSE") == [3] and find_text(blocks, "") == []


@pytest.mark.parametrize(
    ("surroundings", "wanted", "route"),
    [
        ({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, "auto", Route(("wl-copy",))),
        ({"DISPLAY": ":0"}, "auto", Route(("xclip", "-selection", "clipboard", "-in"))),
        ({"DISPLAY": ":0", "SSH_TTY": "x", "TMUX": "t"}, "auto", Route((), True)),
        ({"DISPLAY": ":0", "SSH_TTY": "x"}, "tool", Route(("xclip", "-selection", "clipboard", "-in"))),
        ({"DISPLAY": ":0"}, "terminal", Route()),
        ({}, "auto", Route()),
    ],
)
def test_the_way_to_the_clipboard(surroundings: dict[str, str], wanted: str, route: Route) -> None:
    found = choose_route(surroundings, wanted, lambda name: None if name == "pbcopy" else f"/bin/{name}")  # type: ignore[arg-type]
    assert found == route


def test_a_program_that_fails_is_not_a_copy(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert hand_to_tool(Route(("tee", str(out))), "é\n") == "Copied 2 lines with tee."
    assert out.read_text() == "é\n"
    assert hand_to_tool(Route(("false",)), "x" * 1_000_000) == ""
    assert hand_to_tool(Route((str(tmp_path / "none"),)), "x") == ""


def test_the_terminal_is_asked_through_tmux_too() -> None:
    assert osc_52("a", in_tmux=False) == "\x1b]52;c;YQ==\x07"
    assert osc_52("a", in_tmux=True) == "\x1b]52;c;YQ==\x07\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\"
    assert "through tmux" in said_of_terminal("a", Route((), True)) and "not every" in said_of_terminal("a", Route())


HOSTILE = "</pre><script>x</script> ``` \x1b]52;c;aGk=\x07 [red] \x9b31m\u202e"


def hostile() -> SessionState:
    return SessionState(
        blocks=(
            PromptBlock(seq=1, at=0, prompt_id="p", text=HOSTILE, source="user"),
            TextBlock(seq=2, at=0, text=HOSTILE),
            ToolBlock(seq=3, at=0, call_id="t", title=HOSTILE, status="failed", content=(TextContent(text=HOSTILE),)),
            MoveBlock(seq=4, at=0, origin=HOSTILE, to=HOSTILE, files=412, size=1, seconds=1, sandbox=""),
        )
    )


def test_an_export_holds_no_control_character_and_no_foreign_markup() -> None:
    page, text = to_html(hostile(), HOSTILE), to_markdown(hostile(), HOSTILE)
    assert not set("\x1b\x9b\x07\u202e") & set(page + text)
    assert "<script" not in page and page.count("</pre>") == page.count("<pre")
    assert "````\n" in text and "412 files" in text and "412 files" in page


def test_an_export_writes_over_nothing(tmp_path: Path) -> None:
    state = hostile()
    path = write_export(tmp_path, "", "a / b", state)
    assert path.name == "a-b-transcript.md" and path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ExportError, match="There is a file"):
        write_export(tmp_path, "", "a / b", state)
    assert write_export(tmp_path, "x.html", "t", state).read_text().startswith("<!doctype html>")
    with pytest.raises(ExportError, match="cannot be written"):
        write_export(tmp_path, "none/x.md", "t", state)


async def test_export_says_where_it_went(stage: Stage, tmp_path: Path) -> None:
    backend = DoubleBackend(session(1))
    backend.project = str(tmp_path)
    async with stage(backend) as stand:
        stand.workspace.query_one(Composer).replace_draft("/export out.md")
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.notices)
        assert "Message **0**" in (tmp_path / "out.md").read_text()
        stand.workspace.action_export("out.md")
        await stand.wait(lambda: any("already" in n for n in stand.notices))
