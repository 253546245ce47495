"""Files on an agent's behalf: inside the tree, through no link, whole, with the mode they had."""

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from agent.builtin.tools.files import write_text as write_file
from agent.errors import AgentFailed
from agent.treefiles import READ_LIMIT, read_text, relative_name, write_text

Write = Callable[[Path, PurePosixPath, str], None]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / "src" / "a.py").write_text("a\n")
    return tree


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    return outside


def test_reads_and_writes(tree: Path) -> None:
    assert read_text(tree, PurePosixPath("src/a.py")) == "a\n"
    write_text(tree, PurePosixPath("src/a.py"), "ä\r\n")
    assert (tree / "src/a.py").read_bytes() == "ä\r\n".encode()
    assert read_text(tree, PurePosixPath("src/a.py")) == "ä\r\n"
    write_text(tree, PurePosixPath("new/deep/b.py"), "")
    assert (tree / "new/deep/b.py").read_bytes() == b""
    assert sorted(p.name for p in tree.rglob("*") if p.is_file()) == ["a.py", "b.py"]


def test_bytes_that_are_not_text_are_read_as_marks(tree: Path) -> None:
    (tree / "bin").write_bytes(b"a\xffb")
    assert read_text(tree, PurePosixPath("bin")) == "a�b"


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o444])
def test_the_mode_is_kept(tree: Path, mode: int) -> None:
    (tree / "src/a.py").chmod(mode)
    write_text(tree, PurePosixPath("src/a.py"), "b")
    assert (tree / "src/a.py").stat().st_mode & 0o7777 == mode


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_new_file_is_as_the_umask_has_it(tree: Path, umask: int, mode: int) -> None:
    earlier = os.umask(umask)
    try:
        write_text(tree, PurePosixPath("b"), "b")
        write_file(tree / "c", "c")
    finally:
        os.umask(earlier)
    assert {(tree / name).stat().st_mode & 0o7777 for name in "bc"} == {mode}


def test_a_huge_file_is_refused(tree: Path) -> None:
    with (tree / "huge").open("wb") as file:
        file.truncate(READ_LIMIT)
    assert len(read_text(tree, PurePosixPath("huge"))) == READ_LIMIT
    with (tree / "huge").open("ab") as file:
        file.write(b"x")
    with pytest.raises(AgentFailed, match="larger than 16 MiB"):
        read_text(tree, PurePosixPath("huge"))


def leads_out(write: Write, tree: Path, outside: Path) -> bool:
    """Whether ``write`` can be made to change something outside of the tree."""
    (tree / "directory").symlink_to(outside)
    (tree / "file").symlink_to(outside / "secret")
    for name in ("directory/secret", "directory/new", "file"):
        try:
            write(tree, PurePosixPath(name), "evil")
        except (AgentFailed, OSError):
            continue
    return [p.read_text() for p in outside.iterdir()] != ["secret"]


def test_no_link_leads_out(tree: Path, outside: Path) -> None:
    assert not leads_out(write_text, tree, outside)
    assert (tree / "file").is_symlink()
    assert not [p for p in tree.rglob(".castoff-*")]


def write_plainly(tree: Path, name: PurePosixPath, content: str) -> None:
    """The planted bug."""
    (tree / name).write_text(content)


def test_a_plain_open_would_be_led_out(tree: Path, outside: Path) -> None:
    assert leads_out(write_plainly, tree, outside)


def test_no_link_is_read_through(tree: Path, outside: Path) -> None:
    (tree / "directory").symlink_to(outside)
    (tree / "file").symlink_to(outside / "secret")
    with pytest.raises(OSError, match="Not a directory"):
        read_text(tree, PurePosixPath("directory/secret"))
    with pytest.raises(AgentFailed, match="file is a symbolic link"):
        read_text(tree, PurePosixPath("file"))


def test_what_is_no_file_is_refused_and_leaks_no_descriptor(tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counting, not walking
    for name in ("src", "fifo"):
        with pytest.raises(AgentFailed, match="not a regular file"):
            read_text(tree, PurePosixPath(name))
        with pytest.raises(AgentFailed, match="not a regular file"):
            write_text(tree, PurePosixPath(name), "x")
    with pytest.raises(FileNotFoundError):
        read_text(tree, PurePosixPath("none/such"))
    with pytest.raises(NotADirectoryError):
        write_text(tree, PurePosixPath("src/a.py/b"), "x")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_text_that_cannot_be_written_harms_nothing(tree: Path) -> None:
    with pytest.raises(AgentFailed, match="lone surrogate"):
        write_text(tree, PurePosixPath("src/a.py"), "half \ud800")
    assert [p.name for p in (tree / "src").iterdir()] == ["a.py"]
    assert (tree / "src/a.py").read_text() == "a\n"


def test_a_failing_write_leaves_no_rest(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_text(tree, PurePosixPath("src/a.py"), "b")
    assert [p.name for p in (tree / "src").iterdir()] == ["a.py"]


@pytest.mark.parametrize(
    "path",
    [
        "/elsewhere/a",
        "/tree",
        "/tree/",
        "/tree2/a",
        "/tree/../etc/passwd",
        "/tree/a/../b",
        "/tree/..",
        "a",
        "",
        "//tree/a",
        "/tree/a\0b",
        "/tree/\ud800",
    ],
)
def test_names_outside_of_the_tree(path: str) -> None:
    with pytest.raises(AgentFailed):
        relative_name("/tree", path)


@pytest.mark.parametrize(
    ("path", "name"),
    [("/tree/a", "a"), ("/tree/./b//c", "b/c"), ("/tree/..a", "..a"), ("/tree/-x y\n'", "-x y\n'")],
)
def test_names_in_the_tree(path: str, name: str) -> None:
    assert relative_name("/tree", path) == PurePosixPath(name)
