"""The review of a diff: hunks told apart, words marked, accepted, taken back in a real tree, commented on."""

import subprocess
from pathlib import Path

import pytest

from agent.errors import AgentFailed
from snapshot.diff import FileDiff
from snapshot.executable import explain_paths
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import PLACE, DoubleBackend, DoubleDiff, DoubleFile
from tui.drawing.hunks import SIDE_BY_SIDE, draw_hunk
from tui.errors import HunkMoved
from tui.hunks import split_hunks, write_comments
from tui.lines_view import Lines
from tui.review import DiffScreen, HunkList, arrange
from tui.turning import turn_in_tree

BEFORE = "".join(f"line {n}\n" for n in range(1, 41))
AFTER = BEFORE.replace("line 3\n", "line three\n").replace("line 20\n", "").replace("line 38\n", "line 38\nmore\n")


def _diff(tree: Path, before: str | None, after: str | None, name: str = "a file.txt") -> FileDiff:
    """What git says of a file that was ``before`` and is ``after`` now; it is left in ``tree`` as it is now."""
    for folder, text in (("old", before), ("new", after)):
        (tree / folder).mkdir()
        if text is not None:
            (tree / folder / name).write_text(text)
    said = subprocess.run(
        ["git", "diff", "--no-index", "old", "new"], cwd=tree, capture_output=True, text=True, check=False
    ).stdout
    change = "added" if before is None else "deleted" if after is None else "modified"
    return FileDiff(path=name, change=change, text=said[said.index("@@") :])


@pytest.mark.parametrize(
    ("before", "after"),
    [(BEFORE, AFTER), (BEFORE, AFTER.rstrip("\n")), (BEFORE.rstrip("\n"), AFTER), (None, AFTER), (AFTER, None)],
)
def test_hunks_are_taken_back_one_by_one_and_made_again(tmp_path: Path, before: str | None, after: str | None) -> None:
    file = _diff(tmp_path, before, after)
    tree = tmp_path / "new"
    there = tree / file.path
    hunks = split_hunks(file)
    assert len(hunks) == (3 if before and after else 1) and all(hunk.whole for hunk in hunks)
    for hunk in reversed(hunks):
        turn_in_tree(tree, hunk, back=True)
    assert (there.read_text() if there.exists() else None) == before
    for hunk in hunks:
        turn_in_tree(tree, hunk, back=False)
    assert (there.read_text() if there.exists() else None) == after


def test_a_hunk_is_not_taken_back_where_the_file_has_changed(tmp_path: Path) -> None:
    hunk = split_hunks(_diff(tmp_path, BEFORE, AFTER))[1]
    there = tmp_path / "new" / hunk.path
    there.write_text("one more\n" + AFTER)
    with pytest.raises(HunkMoved, match="not any more as it is shown"):
        turn_in_tree(tmp_path / "new", hunk, back=True)
    assert there.read_text() == "one more\n" + AFTER
    there.unlink()
    there.symlink_to(tmp_path / "old" / hunk.path)
    with pytest.raises(AgentFailed, match="symbolic link"):
        turn_in_tree(tmp_path / "new", hunk, back=True)
    for path in ("../old/a file.txt", "/etc/passwd", "x\0y"):
        with pytest.raises((AgentFailed, HunkMoved)):
            turn_in_tree(tmp_path / "new", hunk._replace(path=path), back=True)
    assert (tmp_path / "old" / hunk.path).read_text() == BEFORE


def test_a_hunk_that_was_cut_is_not_taken_back(tmp_path: Path) -> None:
    file = _diff(tmp_path, BEFORE, AFTER)
    cut = file.model_copy(update={"text": "\n".join(file.text.split("\n")[:4]) + "\n"})
    (hunk,) = split_hunks(cut)
    assert not hunk.whole
    with pytest.raises(HunkMoved):
        turn_in_tree(tmp_path / "new", hunk, back=True)


def test_changed_words_are_marked() -> None:
    rows = (
        "-    return price * count",
        "+    return price * quantity",
        " done",
        "-gone entirely",
        "+0123456789 abc def",
    )
    drawn = draw_hunk(rows, "a.py", 80)
    marked = ["".join(s.text for s in row.spans if s.role.endswith("-word")) for row in drawn]
    assert marked == ["count", "quantity", "", "", ""]
    assert [row.plain[:1] for row in drawn] == ["−", "+", " ", "−", "+"]
    beside = draw_hunk(rows, "a.py", SIDE_BY_SIDE)
    assert len(beside) == 3 and "count" in beside[0].plain and "quantity" in beside[0].plain
    assert all(row.width <= SIDE_BY_SIDE for row in beside)


def test_what_tools_obey_comes_first() -> None:
    files = [DoubleFile("a.py"), DoubleFile("z/.github/workflows/x.yml"), DoubleFile("Makefile", "deleted")]
    assert arrange(files)[0].file.path == "z/.github/workflows/x.yml"
    assert arrange(files)[0].why == "the forge runs it"
    assert explain_paths([("tool.txt", "modified", 0o100644, 0o100755)]) == {
        "tool.txt": "it can be run as a program now"
    }
    for name in ("\x1b[2J", "a\nb", "..", "/", "", "\\xff", "a" * 5000):
        arrange([DoubleFile(name)])


def test_comments_quote_what_they_are_about() -> None:
    (hunk,) = split_hunks(DoubleFile("a.md", text="@@ -1 +1 @@\n-x\n+```\n"))
    text = write_comments([hunk], {hunk.key: "Why?"})
    assert "a.md, line 1:\n````diff\n-x\n+```\n````\nWhy?" in text


async def _open(stand: Stand) -> HunkList:
    await stand.pilot.press("alt+d")
    await stand.wait(lambda: isinstance(stand.app.screen, DiffScreen) and stand.app.screen.query_one(HunkList).reviewed)
    return stand.app.screen.query_one(HunkList)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_accepting_and_commenting(stage: Stage, size: tuple[int, int]) -> None:
    backend = DoubleBackend(recorded.working())
    backend.diffs = {"": recorded.diff()}
    async with stage(backend, size) as stand:
        view = await _open(stand)
        assert "rows.py" in view.plain and "+4 −2" in view.plain and "csv.reader" in view.plain
        first = view.marked
        await stand.pilot.press("a")
        assert first in view.seen and view.marked != first and "✓ accepted" in view.plain
        await stand.pilot.press("c", *"too short", "enter")
        assert "» too short" in view.plain
        await stand.pilot.press("s")
        await stand.wait(lambda: backend.viewer.sent)
        assert backend.viewer.sent[0][0] == "prompt" and "too short" in backend.viewer.sent[0][1]
        await stand.wait(lambda: not view.comments)
        await stand.pilot.press("escape")
        await stand.wait(lambda: stand.app.screen is stand.workspace)


async def test_taking_back_takes_two_presses_and_is_undone(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.diffs = {"": recorded.diff()}
    async with stage(backend) as stand:
        view = await _open(stand)
        await stand.pilot.press("r")
        assert not backend.turned and "r again" in stand.app.screen.query_one("#diff-foot", Lines).plain
        backend.diffs = {"": DoubleDiff(recorded.diff().files[1:])}
        path = view.current.path if view.current else ""
        await stand.pilot.press("r")
        await stand.wait(lambda: len(view.reviewed) == 2)
        await stand.pilot.press("u")
        await stand.wait(lambda: len(backend.turned) == 2)
        assert [(p, back) for p, _, back in backend.turned] == [(path, True), (path, False)]
        backend.unturned = HunkMoved("It moved.", "Look again.")
        await stand.pilot.press("r", "r")
        await stand.wait(lambda: any("It moved. Look again." in n for n in stand.notices))


async def test_a_tree_that_is_elsewhere_is_not_touched(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working(), PLACE.model_copy(update={"host": "vm"}))
    backend.diffs = {"vm": recorded.diff()}
    async with stage(backend) as stand:
        await _open(stand)
        await stand.pilot.press("r", "r")
        await stand.wait(lambda: stand.notices)
        assert "The tree is on vm." in stand.notices[0] and not backend.turned
