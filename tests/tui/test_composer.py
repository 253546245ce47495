"""The composer: completing, folding pastes, history, drafts that are kept, taking back, the user's own editor."""

import contextlib
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from textual.events import Paste

from agent.events import AgentCommand, CommandsListed, Prompted
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend
from tui.completion import can_be_named, offer_commands, offer_files, word_at
from tui.composer import Composer
from tui.drafts import Draft, DraftFile
from tui.editor import edit
from tui.errors import EditorFailed
from tui.lines_view import Lines

LAST = recorded.working()[-1].seq


def _composer(stand: Stand) -> Composer:
    return stand.workspace.query_one(Composer)


def _menu(stand: Stand) -> str:
    return stand.workspace.query_one("#menu", Lines).plain


@pytest.mark.parametrize(
    ("draft", "cursor", "word"),
    [
        ("see @src", 8, (4, "@src")),
        ("see @src now", 8, (4, "@src")),
        ("see @src now", 12, (9, "")),
        ("a@b", 3, (0, "")),
        ("/pol", 4, (0, "/pol")),
        ("/policy ask", 11, (8, "")),
        ("in /etc", 7, (3, "")),
        ("one\n@two", 8, (4, "@two")),
    ],
)
def test_the_word_at_the_cursor(draft: str, cursor: int, word: tuple[int, str]) -> None:
    assert word_at(draft, cursor) == word


def test_files_are_found_by_their_letters_the_likeliest_first() -> None:
    files = ["src/rows.py", "tests/test_rows.py", "docs/growth/overview.md", "README.md", "s/r/o/w/s.txt"]
    found = [offer.shown for offer in offer_files("@rows", files)]
    assert found[:2] == ["src/rows.py", "tests/test_rows.py"] and "README.md" not in found
    assert [offer.text for offer in offer_files("@RME", files)] == ["@README.md "]
    assert offer_files("@zzz", files) == []
    assert offer_files("@", files)[0].shown == "README.md"
    assert offer_files("@(", ["a(b"])[0].shown == "a(b"


@pytest.mark.parametrize("name", ["a b", "a\nb", "a\x1b[2Jb", 'a"b', "", "a\u202eb"])
def test_names_that_would_not_be_one_word_are_not_offered(name: str) -> None:
    assert not can_be_named(name)
    assert can_be_named("src/ünïcode.py")


def test_the_agent_s_commands_come_after_ours_and_never_instead() -> None:
    agents = [
        AgentCommand(name="research", what="Look"),
        AgentCommand(name="runs", what="Fake"),
        AgentCommand(name="a b"),
    ]
    offers = offer_commands("/r", agents)
    assert [o.text for o in offers] == ["/runs ", "/resume ", "/review ", "/research "]
    assert "Fake" not in [o.what for o in offers]


async def test_at_completes_a_file_and_enter_still_sends(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.names = (*backend.names, "row\x1b[2J", "row s")
    async with stage(backend) as stand:
        await stand.type("look at @row")
        await stand.wait(lambda: "src/rows.py" in _menu(stand))
        assert _menu(stand).count("row") == 2
        await stand.pilot.press("down", "enter")
        assert _composer(stand).text == "look at @tests/test_rows.py "
        await stand.type("@read")
        await stand.wait(lambda: "README.md" in _menu(stand))
        await stand.pilot.press("escape")
        assert _menu(stand) == "" and not stand.backend.viewer.sent
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("prompt", "look at @tests/test_rows.py @read")]


async def test_a_command_of_the_agent_s_is_a_prompt(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        listed = CommandsListed(seq=LAST + 1, commands=(AgentCommand(name="study", what="Look at it", hint="what"),))
        stand.backend.viewer.add(listed)
        await stand.wait(lambda: stand.workspace.state.commands)
        await stand.type("/stu")
        assert "/study what" in _menu(stand) and "Look at it" in _menu(stand)
        await stand.pilot.press("tab")
        await stand.type("rows")
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("prompt", "/study rows")]


async def test_a_big_paste_is_one_word_until_it_is_sent(stage: Stage) -> None:
    pasted = "\n".join(f"line {n}" for n in range(40))
    async with stage(DoubleBackend(recorded.working())) as stand:
        await stand.type("see ")
        _composer(stand).post_message(Paste(pasted))
        await stand.wait(lambda: "[paste 1: 40 lines]" in _composer(stand).text)
        _composer(stand).post_message(Paste(" small"))
        await stand.wait(lambda: _composer(stand).text == "see [paste 1: 40 lines] small")
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("prompt", f"see {pasted} small")]


async def test_history_holds_the_session_s_prompts(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        first = next(b.text for b in stand.workspace.state.blocks if b.type == "prompt")
        await stand.pilot.press("up")
        assert _composer(stand).text == first


async def test_a_prompt_that_waits_is_taken_back(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.backend.viewer.add(Prompted(seq=LAST + 1, prompt_id="p8", text="and one"))
        stand.backend.viewer.add(Prompted(seq=LAST + 2, prompt_id="p9", text="and two"))
        await stand.wait(lambda: len(stand.workspace.state.queue) == 2)
        assert "waiting: and one" in stand.workspace.query_one("#banner", Lines).plain
        await stand.pilot.press("up")
        await stand.wait(lambda: _composer(stand).text == "and two")
        assert stand.backend.viewer.sent == [("take_back", "p9")]
        await stand.pilot.press("alt+up")
        await stand.wait(lambda: _composer(stand).text == "and two\nand two")


async def test_the_draft_is_kept_over_restarts(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    async with stage(backend) as stand:
        await stand.type("half a tho")
        await stand.wait(lambda: backend.drafts)
        await stand.type("ught")
    assert backend.drafts["k3v7q2m9x4ab"].text == "half a thought"
    async with stage(backend) as stand:
        assert _composer(stand).text == "half a thought"
        await stand.pilot.press("enter")
        await stand.wait(lambda: not backend.drafts["k3v7q2m9x4ab"].text)


async def test_the_draft_of_no_session_yet_goes_along(stage: Stage) -> None:
    backend = DoubleBackend(place=None)
    backend.drafts[""] = Draft(text="build a boat")
    async with stage(backend) as stand:
        await stand.pilot.press("enter")
        await stand.wait(lambda: backend.viewers and backend.viewer.sent)
        assert backend.viewer.sent == [("prompt", "build a boat")]
        await stand.wait(lambda: not backend.drafts[""].text)


def test_a_draft_file_is_private_and_goes_when_it_is_empty(tmp_path: Path) -> None:
    file = DraftFile(tmp_path / "drafts", "../../etc/passwd", "/p")
    assert file.read() == Draft() and file != DraftFile(tmp_path / "drafts", "", "/p")
    draft, mark = Draft(text="x").fold("y" * 5000)
    assert mark == "[paste 1: 5,000 characters]"
    file.keep(draft)
    (path,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert path.parent == tmp_path / "drafts" and path.stat().st_mode & 0o777 == 0o600
    assert file.read() == draft
    path.write_text("{")
    assert file.read() == Draft()
    file.keep(Draft(text=" "))
    assert not path.exists()


@contextlib.contextmanager
def _lent() -> Generator[None]:
    yield


async def test_the_user_s_editor(tmp_path: Path) -> None:
    script = tmp_path / "editor with blanks.py"
    script.write_text(
        "import os, pathlib, signal, sys\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "path = pathlib.Path(sys.argv[-1])\n"
        "assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0\n"
        "path.write_text(path.read_text() + ' and more\\n')\n"
        "sys.exit(int(sys.argv[1]))\n"
    )
    environ = {"VISUAL": f"{sys.executable} '{script}' 0", "EDITOR": "nothing"}
    assert await edit("a text", _lent, environ) == "a text and more"
    assert signal.getsignal(signal.SIGINT) is not None
    with pytest.raises(EditorFailed, match="status 3"):
        await edit("a text", _lent, {"EDITOR": f"{sys.executable} '{script}' 3"})
    with pytest.raises(EditorFailed, match="cannot be started"):
        await edit("a text", _lent, {"EDITOR": "/nowhere/editor"})
    with pytest.raises(EditorFailed, match="cannot be understood"):
        await edit("a text", _lent, {"EDITOR": "'"})
