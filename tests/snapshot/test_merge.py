"""Merging what a run made with what is here: each row of the table, and that nothing of either side is ever lost."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snapshot.capture import capture
from snapshot.errors import UnsafePaths
from snapshot.home import apply, undo
from snapshot.manifest import Entry, Manifest
from snapshot.merge import Conflict
from snapshot.plan import Choice
from snapshot.verify import verify
from tests.snapshot.repos import write
from tests.snapshot.test_home import cut_after_plan
from tests.snapshot.trees import Shape, build
from tests.snapshot.trips import Trip

TEXT = "".join(f"line {number}\n" for number in range(12))


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    """These tests cut processes, not the power: what is written need not reach the disk."""

    def fsync(_handle: int) -> None:
        return None

    monkeypatch.setattr(os, "fsync", fsync)


def put(tree: Path, what: str, path: str = "x") -> None:
    """Put at ``path`` what a word says."""
    place = tree / path
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    kind, _, detail = what.partition(" ")
    match kind:
        case "text":
            lines = TEXT.splitlines(keepends=True)
            number, _, word = detail.partition(" ")
            if number:
                lines[int(number)] = f"{word}\n"
            write(tree, path, "".join(lines))
        case "run":
            write(tree, path, TEXT).chmod(0o755)
        case "private":
            write(tree, path, TEXT).chmod(0o600)
        case "binary":
            write(tree, path, b"\0" + detail.encode())
        case "link":
            place.symlink_to(detail)
        case "folder":
            write(tree, f"{path}/{detail}", detail)
        case _:
            assert what == "nothing"


ROWS: list[tuple[str, str, str, str | None, list[str]]] = [
    # left, here, run: what is there afterwards, and what kinds of conflict there are
    ("text", "text", "text 2 run", "text 2 run", []),
    ("text", "text 2 here", "text", "text 2 here", []),
    ("text", "text 2 same", "text 2 same", "text 2 same", []),
    ("text", "text 2 here", "text 2 run", None, ["text"]),
    ("text", "text 2 here", "binary run", "text 2 here", ["binary"]),
    ("binary left", "binary here", "binary run", "binary here", ["binary"]),
    ("nothing", "text 2 here", "text 2 run", "text 2 here", ["added"]),
    ("nothing", "text 2 same", "text 2 same", "text 2 same", []),
    ("nothing", "nothing", "text", "text", []),
    ("text", "nothing", "nothing", "nothing", []),
    ("text", "text", "nothing", "nothing", []),
    ("text", "nothing", "text", "nothing", []),
    ("text", "text 2 here", "nothing", "text 2 here", ["deleted-there"]),
    ("text", "nothing", "text 2 run", "text 2 run", ["deleted-here"]),
    ("text", "nothing", "run", "run", ["deleted-here"]),
    ("text", "text", "run", "run", []),
    ("text", "run", "private", "run", ["mode"]),
    ("text", "run", "run", "run", []),
    ("link a", "link b", "link c", "link b", ["link"]),
    ("link a", "link a", "link c", "link c", []),
    ("link a", "link c", "link c", "link c", []),
    ("link a", "text", "link c", "text", ["type"]),
    ("text", "text 2 here", "link c", "text 2 here", ["type"]),
    ("text", "text", "link c", "link c", []),
    ("text", "text", "folder in", "folder in", []),
    ("text", "text 2 here", "folder in", "text 2 here", ["type"]),
    ("folder in", "folder in", "text", "text", []),
    ("folder in", "folder mine", "text", "folder mine", ["type"]),
    ("folder in", "text", "folder theirs", "text", ["type"]),
    ("folder in", "nothing", "folder theirs", "folder theirs", []),
    ("nothing", "folder mine", "text", "folder mine", ["type"]),
    ("nothing", "link c", "folder in", "link c", ["type"]),
]


@pytest.mark.parametrize(("left", "here", "run", "after", "kinds"), ROWS)
def test_a_row_of_the_table(
    tmp_path: Path, left: str, here: str, run: str, after: str | None, kinds: list[str]
) -> None:
    trip = Trip(tmp_path, make=False)
    write(trip.here, "other", "other")
    put(trip.here, left)
    trip.leave()
    put(trip.here, here)
    put(trip.there, run)
    ours = capture(trip.here)
    plan = trip.plan()
    assert [conflict.kind for conflict in plan.conflicts] == kinds
    apply(trip.here, plan, trip.folders)
    if after is not None:
        wanted = tmp_path / "wanted"
        write(wanted, "other", "other")
        put(wanted, after)
        assert content_of(trip.here) == content_of(wanted)
    if (trip.keep / "undo.json").exists():
        undo(trip.here, trip.keep)
    assert verify(trip.here, ours) == ()


def content_of(tree: Path) -> dict[str, object]:
    """What every path is: content or target, and the executable bit."""
    return {entry.path: (entry.type, entry.digest, entry.mode & 0o100) for entry in capture(tree).entries}


def test_texts_are_merged_by_lines_and_modes_by_themselves(tmp_path: Path) -> None:
    trip = Trip(tmp_path, make=False)
    put(trip.here, "text")
    trip.leave()
    put(trip.here, "text 2 here")
    (trip.here / "x").chmod(0o755)
    put(trip.there, "text 9 run")
    plan = trip.plan()
    assert plan.conflicts == ()
    apply(trip.here, plan, trip.folders)
    lines = (trip.here / "x").read_text().splitlines()
    assert (lines[2], lines[9], len(lines)) == ("here", "run", 12)
    assert (trip.here / "x").stat().st_mode & 0o777 == 0o755


def test_a_clash_has_standard_markers_and_all_versions_are_kept(tmp_path: Path) -> None:
    trip = Trip(tmp_path, make=False)
    put(trip.here, "text")
    trip.leave()
    put(trip.here, "text 2 here")
    put(trip.there, "text 2 run")
    apply(trip.here, trip.plan(), trip.folders)
    marked = "<<<<<<< here\nhere\n||||||| when it left\nline 2\n=======\nrun\n>>>>>>> run on vm\n"
    assert (trip.here / "x").read_text() == TEXT.replace("line 2\n", marked)
    assert "here\n" in (trip.folders.here / "x").read_text()
    assert (trip.folders.left / "x").read_text() == TEXT
    assert "run\n" in (trip.folders.run / "x").read_text()


@pytest.mark.parametrize("spoil", ["unknown", "other"])
def test_without_what_left_nothing_is_guessed(tmp_path: Path, spoil: str) -> None:
    trip = Trip(tmp_path, make=False)
    put(trip.here, "text")
    trip.leave()
    put(trip.here, "text 2 here")
    put(trip.there, "text 9 run")

    def read_left(entry: Entry) -> bytes | None:
        return None

    trip.read_left = read_left
    plan = trip.plan()
    assert [conflict.kind for conflict in plan.conflicts] == ["binary"] and plan.placements == ()


def test_special_files_here_stay(tmp_path: Path) -> None:
    trip = Trip(tmp_path, make=False)
    write(trip.here, "pipe", "p")
    write(trip.here, "folder/in", "p")
    trip.leave()
    write(trip.there, "pipe", "changed")
    write(trip.there, "folder/in", "changed")
    (trip.here / "pipe").unlink()
    os.mkfifo(trip.here / "pipe")
    shutil.rmtree(trip.here / "folder")
    os.mkfifo(trip.here / "folder")
    plan = trip.plan()
    assert [(conflict.path, conflict.kind) for conflict in plan.conflicts] == [
        ("folder", "special"),
        ("pipe", "special"),
    ]
    apply(trip.here, plan, trip.folders)
    assert stat.S_ISFIFO((trip.here / "pipe").stat().st_mode)


def test_what_is_held_back_stays_as_it_is_here(tmp_path: Path) -> None:
    trip = Trip(tmp_path, make=False)
    for path in ("Makefile", "src/a.py", "src/b.py", "bin/x/deep"):
        write(trip.here, path, path)
    trip.leave()
    write(trip.there, "Makefile", "changed")
    write(trip.there, "src/a.py", "changed")
    write(trip.there, "src/new/c.py", "new")
    (trip.there / "src/b.py").unlink()
    shutil.rmtree(trip.there / "bin")
    write(trip.there, "bin", "a file")
    plan = trip.plan(Choice())
    assert [(held.path, held.why) for held in plan.held] == [("Makefile", "executable")]
    plan = trip.plan(Choice(only=("src/new", "src/b.py")))
    assert {held.path: held.why for held in plan.held} == dict.fromkeys(
        ["Makefile", "bin", "bin/x", "bin/x/deep", "src/a.py"], "not-chosen"
    )
    apply(trip.here, plan, trip.folders)
    assert (trip.here / "src/new/c.py").exists() and not (trip.here / "src/b.py").exists()
    assert (trip.here / "bin/x/deep").exists() and (trip.here / "Makefile").read_text() == "Makefile"


@pytest.mark.parametrize(
    "entries",
    [
        [("a", "file"), ("a/b", "file")],
        [("link", "symlink"), ("link/b", "file")],
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(tmp_path: Path, entries: list[tuple[str, str]]) -> None:
    trip = Trip(tmp_path)
    made = [
        Entry.model_validate(
            {"path": path, "type": kind, "mode": 0o644, "size": 0, "mtime_ns": 0, "digest": "", "target": ""}
        )
        for path, kind in entries
    ]
    with pytest.raises(UnsafePaths):
        trip.plan(theirs=Manifest(entries=(*trip.base.entries, *made)))


def test_a_folder_that_the_host_does_not_name_is_made(tmp_path: Path) -> None:
    trip = Trip(tmp_path)
    write(trip.there, "deep/er/file", "new")
    theirs = trip.theirs()
    theirs = Manifest(entries=tuple(e for e in theirs.entries if e.path not in {"deep", "deep/er"}), git=theirs.git)
    apply(trip.here, trip.plan(theirs=theirs), trip.folders)
    assert (trip.here / "deep/er/file").read_text() == "new"
    assert (trip.here / "deep").stat().st_mode & 0o777 == 0o755


# Nothing is ever lost

CONTENT = [TEXT, TEXT.replace("line 2", "two"), TEXT.replace("line 2", "zwei"), TEXT.replace("line 9", "nine")]
CONTENTS: list[bytes] = [*(text.encode() for text in CONTENT), b"\0one", b"\0two", b""]
NAMES = ["a", "b", "c d", "-e"]


@st.composite
def trees(draw: st.DrawFn) -> Shape:
    """A tree of few names, so that both sides meet."""
    shape: Shape = {}
    folders = [""]
    for _ in range(draw(st.integers(0, 8))):
        path = draw(st.sampled_from(folders)) + draw(st.sampled_from(NAMES))
        if path not in shape:
            add(draw, shape, path)
            if shape[path][0] is None:
                folders.append(path + "/")
    return shape


def add(draw: st.DrawFn, shape: Shape, path: str) -> None:
    kind = draw(st.sampled_from(["file", "file", "file", "dir", "dir", "link"]))
    if kind == "dir":
        shape[path] = (None, draw(st.sampled_from([0o755, 0o700])))
    elif kind == "link":
        shape[path] = (draw(st.sampled_from(["a", "b"])), 0o777)
    else:
        shape[path] = (draw(st.sampled_from(CONTENTS)), draw(st.sampled_from([0o644, 0o755, 0o600])))


@st.composite
def edits(draw: st.DrawFn, base: Shape) -> Shape:
    """``base`` after some edits."""
    shape = dict(base)
    for _ in range(draw(st.integers(0, 5))):
        folders = ["", *(f"{path}/" for path, (node, _) in shape.items() if node is None)]
        path = draw(st.sampled_from([*shape, draw(st.sampled_from(folders)) + draw(st.sampled_from(NAMES))]))
        what = draw(st.sampled_from(["remove", "replace", "mode"]))
        node = shape.get(path, (None, 0))[0]
        if what == "mode" and isinstance(node, bytes):
            shape[path] = (node, draw(st.sampled_from([0o644, 0o755])))
            continue
        for inner in [each for each in shape if each == path or each.startswith(f"{path}/")]:
            del shape[inner]
        if what == "replace":
            add(draw, shape, path)
    return dict(sorted(shape.items()))


@st.composite
def meetings(draw: st.DrawFn) -> tuple[Shape, Shape, Shape]:
    """What left, what is here, what the run made of it."""
    base = draw(trees())
    return base, draw(edits(base)), draw(edits(base))


Seen = dict[str, tuple[str, bytes, int]]
"""Everything in a tree by path: its kind, its bytes or target, its permission bits."""


def look(root: Path) -> Seen:
    """Everything below ``root``."""
    found: Seen = {}
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            path = Path(folder) / name
            record = path.lstat()
            key = path.relative_to(root).as_posix()
            if path.is_symlink():
                found[key] = ("link", os.fsencode(path.readlink()), 0)
            elif path.is_dir():
                found[key] = ("dir", b"", stat.S_IMODE(record.st_mode))
            else:
                found[key] = ("file", path.read_bytes(), stat.S_IMODE(record.st_mode))
    return found


def above(path: str) -> Iterator[str]:
    yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def losses(trip: Trip, left: Path, ours: Seen, conflicts: tuple[Conflict, ...]) -> list[str]:
    """What of either side's work is neither in the tree nor kept; written without a look at how a merge works."""
    base, theirs, after = look(left), look(trip.there), look(trip.here)
    kept = {conflict.path for conflict in conflicts}
    lost: list[str] = []
    for path in base.keys() | ours.keys() | theirs.keys():
        was, mine, run, now = (side.get(path) for side in (base, ours, theirs, after))
        listed = any(each in kept for each in above(path))
        if was == mine == run and now != mine and not listed:
            lost.append(f"{path}: nobody changed it, and it changed")
        if mine != was and now != mine and not is_there(mine, was, now, trip.folders.here / path, listed):
            lost.append(f"{path}: mine is lost: {was} {mine} {run} {now}")
        if run != was and now != run and not is_there(run, was, now, trip.folders.run / path, listed):
            lost.append(f"{path}: the run's is lost: {was} {mine} {run} {now}")
    return lost


def is_there(
    side: tuple[str, bytes, int] | None,
    was: tuple[str, bytes, int] | None,
    now: tuple[str, bytes, int] | None,
    kept: Path,
    listed: bool,
) -> bool:
    """Whether one side's change to a path is in the tree though the other's is as well, or is kept and listed."""
    if side is None:
        # A deletion: another edit of the other side stays, or a folder in which something stays.
        return listed or (was is not None and was[0] == "dir" and now is not None and now[0] == "dir")
    if side[0] == "dir":
        # A folder has no bytes: it is made again as soon as something is in it. One that was there when the tree left
        # can have got another mode here at most, and goes with it; what is in it is looked at by itself.
        return listed or (now is not None and now[0] == "dir") or (was is not None and (now is None or was[0] == "dir"))
    if side[0] == "link":
        return listed
    bytes_are_there = now is not None and now[0] == "file" and (now[1] == side[1] or holds(now[1], side[1], was))
    bytes_are_kept = listed and kept.is_file() and kept.read_bytes() == side[1]
    mode_is_there = now is not None and (now[2] == side[2] or (was is not None and side[2] == was[2]))
    only_mode = was is not None and was[0] == "file" and was[1] == side[1]
    return ((bytes_are_there or only_mode) and (mode_is_there or listed)) or bytes_are_kept


def holds(merged: bytes, side: bytes, was: tuple[str, bytes, int] | None) -> bool:
    """Whether a merged text has each line that ``side`` added and none that it removed and nobody else wrote."""
    if was is None or was[0] != "file" or b"\0" in merged:
        return False
    lines, old, new = (set(text.splitlines()) for text in (merged, was[1], side))
    return new - old <= lines


@settings(max_examples=300, deadline=None)
@given(meeting=meetings())
@example(meeting=({"f": (b"text\n", 0o644)}, {"f": (b"text\n", 0o755)}, {"f": (b"\0binary", 0o644)}))
@example(meeting=({"d": (None, 0o700)}, {"d": (None, 0o755)}, {"d": (b"a file now\n", 0o644)}))
def test_nothing_of_either_side_is_ever_lost(meeting: tuple[Shape, Shape, Shape]) -> None:
    with tempfile.TemporaryDirectory() as name:
        trip = Trip(Path(name), make=False)
        base, ours, theirs = meeting
        build(trip.here, base)
        trip.leave()
        build(trip.here, ours)
        build(trip.there, theirs)
        before, seen = capture(trip.here), look(trip.here)
        plan = trip.plan()
        apply(trip.here, plan, trip.folders)
        assert losses(trip, trip.left, seen, plan.conflicts) == []
        again = capture(trip.here)
        apply(trip.here, plan, trip.folders)
        assert verify(trip.here, again) == ()
        if (trip.keep / "undo.json").exists():
            undo(trip.here, trip.keep)
        assert verify(trip.here, before) == ()


def apart(root: Path) -> Trip:
    """Both sides at work, with every way in which their work meets."""
    trip = Trip(root, make=False)
    for number, (left, _, _, _, _) in enumerate(ROWS):
        write(trip.here, f"{number}/other", "other")
        put(trip.here, left, f"{number}/x")
    trip.leave()
    for number, (_, here, run, _, _) in enumerate(ROWS):
        put(trip.here, here, f"{number}/x")
        put(trip.there, run, f"{number}/x")
    put(trip.here, "text 2 here", "merged")
    put(trip.left, "text", "merged")
    return trip


def test_a_cut_in_a_merge_is_repaired_by_the_same_plan(tmp_path: Path) -> None:
    whole = apart(tmp_path / "whole")
    apply(whole.here, whole.plan(), whole.folders)
    wanted = content_of(whole.here)
    finished, calls = False, 0
    while not finished:
        trip = apart(tmp_path / f"{calls}")
        ours = capture(trip.here)
        plan = trip.plan()
        finished = cut_after_plan(calls, trip, plan)
        apply(trip.here, plan, trip.folders)
        assert content_of(trip.here) == wanted
        undo(trip.here, trip.keep)
        assert verify(trip.here, ours) == ()
        shutil.rmtree(tmp_path / f"{calls}")
        calls += 3
    assert calls > 30
