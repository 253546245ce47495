import os
import time
from collections.abc import Callable, Collection, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from snapshot import capture as capture_module
from snapshot import onlooker
from snapshot.capture import capture, complete
from snapshot.digest import DigestCache
from snapshot.draft import make_draft
from snapshot.errors import TreeChanged
from snapshot.selection import Selection
from snapshot.walk import Found
from tests.snapshot.repos import NASTY, start, write

Look = AbstractContextManager[Callable[[], bool]]
BEFORE_1970 = -1_500_000_000
AGO = 1_600_000_000_123_456_789


@pytest.fixture(autouse=True)
def any_number_is_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onlooker, "MANY", 0)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The trees that castoff has looked at again by itself."""
    looked: list[Path] = []
    real = capture_module.look_again

    def look(tree: Path, *rest: object) -> None:
        looked.append(tree)
        real(tree, *rest)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(capture_module, "look_again", look)
    return looked


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """When everything is read, and before it is looked at again, ``change`` happens."""
    real = capture_module.looking_on

    def look(
        tree: Path, found: Collection[Found], staying: Collection[str]
    ) -> AbstractContextManager[Callable[[], bool]]:
        change()
        return real(tree, found, staying)

    monkeypatch.setattr(capture_module, "looking_on", look)


def after_it_looked(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """When find has seen everything, and before anything is read, ``change`` happens."""
    real = capture_module.looking_on

    @contextmanager
    def look(tree: Path, found: Collection[Found], staying: Collection[str]) -> Generator[Callable[[], bool]]:
        with real(tree, found, staying) as is_same:
            assert is_same()
            change()
            yield is_same

    monkeypatch.setattr(capture_module, "looking_on", look)


def skip(*_: object) -> None:
    """In place of what would notice a change too."""


def make(tree: Path) -> None:
    """Names of all kinds, what stays beside what travels, links, old times."""
    start(tree)
    for name in NASTY:
        write(tree, f"odd/{name}/{name}")
    (tree / os.fsdecode(b"\xff")).mkdir()
    (tree / "link").symlink_to("nowhere")
    (tree / "to a folder").symlink_to("src")
    write(tree, "build/made")
    write(tree, "src/app.pyc")
    write(tree, "left/out")
    os.utime(write(tree, "old"), ns=(AGO, AGO))
    (tree / "old").chmod(0o4751)


def test_it_sees_what_the_first_look_saw(tmp_path: Path, looks: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    chosen = Selection(exclude=("/left",))
    seen = capture(tmp_path, chosen)
    assert looks == []
    monkeypatch.setattr(onlooker, "MANY", 10_000)
    assert capture(tmp_path, chosen) == seen
    assert looks == [tmp_path]


def replace_by_link(tree: Path) -> None:
    (tree / "src").rename(tree.parent / "elsewhere")
    (tree / "src").symlink_to(tree.parent / "elsewhere")


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda tree: write(tree, "old", "TEXT\n"),
    "mode": lambda tree: (tree / "old").chmod(0o751),
    "time": lambda tree: os.utime(tree / "old", ns=(AGO, AGO + 1)),
    "gone": lambda tree: (tree / "old").unlink(),
    "new": lambda tree: write(tree, "odd/new"),
    "new folder": lambda tree: (tree / "new").mkdir(),
    "renamed": lambda tree: (tree / "old").rename(tree / "new"),
    "a link's target": lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("NOWHERE")),
    "a folder that is a link": replace_by_link,
    "a name with a line's end": lambda tree: write(tree, "odd/new\n644 5 1 2 3 line"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_before_it_looks_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    tree = tmp_path / "tree"
    make(tree)
    meanwhile(monkeypatch, lambda: change(tree))
    with pytest.raises(TreeChanged):
        capture(tree)


@pytest.mark.parametrize("change", ["content", "gone", "renamed", "a link's target", "a folder that is a link"])
@pytest.mark.parametrize("planted", [False, True])
def test_what_changes_after_it_looked_and_before_it_is_read_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, planted: bool
) -> None:
    """The planted bug: what was read is not looked at again."""
    tree = tmp_path / "tree"
    make(tree)
    after_it_looked(monkeypatch, lambda: CHANGES[change](tree))
    monkeypatch.setattr(capture_module, "_read_fresh_again", skip)
    if planted:
        monkeypatch.setattr(capture_module, "_look_closer", skip)
    if planted and change in ("content", "a link's target"):
        assert "old" in capture(tree).by_path
    else:
        with pytest.raises(TreeChanged):
            capture(tree)


@pytest.mark.parametrize("planted", [False, True])
def test_what_changes_within_the_tick_of_its_time_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: bool
) -> None:
    """find does not see it. The planted bug: nothing is taken for as fresh as that."""
    make(tmp_path)
    after_it_looked(monkeypatch, lambda: (tmp_path / "old").chmod(0o600))

    def know(_: DigestCache, found: list[Found]) -> list[str | None]:
        return ["ab" * 32 if path == "old" else None for path, _ in found]

    monkeypatch.setattr(DigestCache, "find_all", know)
    monkeypatch.setattr(capture_module, "_read_fresh_again", skip)
    draft = make_draft(tmp_path)
    if planted:
        complete(draft._replace(began=time.time_ns() + 10**12), cache=DigestCache(tmp_path / "none"))
    else:
        with pytest.raises(TreeChanged):
            complete(draft, cache=DigestCache(tmp_path / "none"))


def test_believing_it_always_leaves_a_change_unnoticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: whatever find saw is taken for a yes."""
    make(tmp_path)

    def believe(*_: object) -> Look:
        write(tmp_path, "odd/new")
        return nullcontext(lambda: True)

    monkeypatch.setattr(capture_module, "looking_on", believe)
    assert "odd/new" not in capture(tmp_path).by_path


def test_its_no_is_no_error_by_itself(tmp_path: Path, looks: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    meanwhile(monkeypatch, lambda: write(tmp_path, "src/new.pyc"))
    assert "src/new.pyc" not in capture(tmp_path).by_path
    assert looks == [tmp_path]


@pytest.mark.parametrize(
    "find", ["", "#!/bin/sh\nexit 1\n", "#!/bin/sh\nkill -9 $$\n"], ids=["none", "of another kind", "killed"]
)
def test_without_a_find_that_can_do_it_castoff_looks(
    tmp_path: Path, looks: list[Path], monkeypatch: pytest.MonkeyPatch, find: str
) -> None:
    tree, path = tmp_path / "tree", tmp_path / "bin"
    make(tree)
    path.mkdir()
    for program in ("git", "sh"):
        (path / program).symlink_to(f"/usr/bin/{program}")
    if find:
        write(path, "find", find).chmod(0o755)
    monkeypatch.setenv("PATH", str(path))
    assert "old" in capture(tree).by_path
    assert looks == [tree]


def test_a_time_before_1970_is_castoffs_own_look(tmp_path: Path, looks: list[Path]) -> None:
    start(tmp_path)
    os.utime(tmp_path / "README", ns=(BEFORE_1970, BEFORE_1970))
    assert capture(tmp_path).by_path["README"].mtime_ns == BEFORE_1970
    assert looks in ([], [tmp_path])


def test_of_very_many_that_stay_castoff_looks(tmp_path: Path, looks: list[Path]) -> None:
    start(tmp_path)
    for number in range(101):
        write(tmp_path, f"{number}.pyc")
    capture(tmp_path)
    assert looks == [tmp_path]
