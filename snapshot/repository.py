"""The repository of a tree: how it stands, what of it is ignored, and what of it cannot travel yet."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from snapshot.git import git, unquote_path
from snapshot.manifest import GitSummary
from snapshot.refusal import Refusal
from snapshot.walk import show_path

# After a copy inode and ctime of every file differ from the index; only whole seconds and sizes count then.
COPIED = ("core.checkStat=minimal", "core.trustctime=false")


class Status(NamedTuple):
    """What ``git status`` said. ``ignored`` are paths that match an ignore rule, directories without their content."""

    summary: GitSummary
    ignored: frozenset[str]


def has_repository(tree: Path) -> bool:
    """Whether ``tree`` has a ``.git``: a directory, or a file or link that leads to one."""
    return (tree / ".git").is_dir() or (tree / ".git").is_file()


def is_readable(tree: Path) -> bool:
    """Whether git finds a repository at ``tree/.git``."""
    if not has_repository(tree):
        return False
    return git("rev-parse", "--git-dir", "--git-common-dir", tree=tree, accept=(0, 128)).status == 0


def git_path(tree: Path, name: str) -> Path:
    """Where the repository of ``tree`` keeps its own file ``name``: not always in ``tree/.git``. Raises `GitFailed`."""
    return tree / os.fsdecode(git("rev-parse", "--git-path", name, tree=tree).out[:-1])


class Directory(NamedTuple):
    """A directory that a repository needs: where it is, links resolved, and as what it is ``named``, absolute.
    ``objects``: it is a store of objects and nothing more."""

    at: Path
    named: Path
    objects: bool = False


def own_directories(tree: Path) -> list[Directory]:
    """Where all that belongs to the repository of ``tree`` lies: its directory, the one that it shares with other
    worktrees, and the object directories that it borrows from. Raises `GitFailed`, `OSError`."""
    asked = [("rev-parse", "--absolute-git-dir"), ("rev-parse", "--git-common-dir")]
    own, common = [(tree / os.fsdecode(git(*words, tree=tree).out[:-1])).resolve() for words in asked]
    found = [
        _named(own, tree, _leads_to(tree / ".git", b"gitdir: ")),
        _named(common, own, _leads_to(own / "commondir")),
    ]
    return [*found, *_borrowed(common / "objects", set())]


def _borrowed(objects: Path, seen: set[Path]) -> Iterator[Directory]:
    """The object directories that one borrows from, and those that they borrow from; what is not there is no matter."""
    seen.add(objects)
    listed = objects / "info/alternates"
    for line in listed.read_bytes().split(b"\n") if listed.is_file() else ():
        path = Path(os.path.normpath(objects / os.fsdecode(unquote_path(line))))
        at = path.resolve()
        if line and not line.startswith(b"#") and at not in seen and path.is_dir():
            yield Directory(at, path, objects=True)
            yield from _borrowed(at, seen)


def _leads_to(file: Path, prefix: bytes = b"") -> str:
    """What one of git's files that hold a path says; "" if it is no such file."""
    if not file.is_file():
        return ""
    return os.fsdecode(file.read_bytes().removeprefix(prefix).rstrip(b"\r\n"))


def _named(at: Path, beside: Path, said: str) -> Directory:
    return Directory(at, Path(os.path.normpath(beside.absolute() / said)) if said else at)


def read_status(tree: Path, *, copied: bool = False) -> Status:
    """How the repository of ``tree`` stands; ``copied`` says that its files were copied after the index was written.

    Raises `GitFailed`. A file that is tracked is never in ``ignored``, whatever the ignore rules say.
    """
    out = git(
        *("status", "--porcelain=v2", "-z", "--no-renames", "--ignored=matching"),
        *("--untracked-files=all", "--ignore-submodules=all"),
        tree=tree,
        config=COPIED if copied else (),
    ).out
    counts = {"staged": 0, "unstaged": 0, "untracked": 0, "conflicts": 0}
    ignored: set[str] = set()
    for line in os.fsdecode(out).split("\0"):
        match line[:2]:
            case "! ":
                ignored.add(line[2:].rstrip("/"))
            case "? ":
                counts["untracked"] += 1
            case "u ":
                counts["conflicts"] += 1
            case "1 ":
                counts["staged"] += line[2] != "."
                counts["unstaged"] += line[3] != "."
            case _:
                pass
    return Status(read_summary(tree).model_copy(update=counts), frozenset(ignored))


def read_summary(tree: Path) -> GitSummary:
    """HEAD, refs and index of ``tree``, without comparing any file: the counts are 0."""
    branch = git("symbolic-ref", "--quiet", "HEAD", tree=tree, accept=(0, 1)).out.decode(errors="backslashreplace")
    commit = git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", tree=tree, accept=(0, 1)).out.decode().strip()
    return GitSummary(
        branch=branch.rstrip("\n").removeprefix("refs/heads/"),
        head=commit or None,
        refs=_read_refs(tree),
        index=blake3(git("ls-files", "--stage", "-v", "-z", tree=tree).out).hexdigest(),
    )


def ignored_among(tree: Path, paths: list[str]) -> set[str]:
    """Those of ``paths`` that an ignore rule matches; git itself lists no sockets, pipes or devices."""
    if not paths:
        return set()
    asked = b"\0".join(os.fsencode(path) for path in paths) + b"\0"
    out = git("check-ignore", "--no-index", "-z", "--stdin", tree=tree, stdin=asked, accept=(0, 1)).out
    return {path for path in os.fsdecode(out).split("\0") if path}


def find_tracked(tree: Path) -> list[str]:
    """The paths in the index, sorted. Raises `GitFailed`."""
    return [path for path in os.fsdecode(git("ls-files", "-z", tree=tree).out).split("\0") if path]


def surrounding(tree: Path) -> Iterator[Refusal]:
    """A refusal if ``tree``, which has no repository of its own, belongs to one above it."""
    for parent in tree.absolute().parents:
        if os.path.lexists(parent / ".git"):
            # A home directory under version control surrounds everything: only files that it tracks here count.
            # Whoever owns it: a repository that git refuses to read for its owner would stay unseen.
            config = ("safe.directory=*",)
            inside = git("-C", str(tree.absolute()), "ls-files", "-z", config=config, accept=(0, 128)).out
            if inside:
                yield _refuse(
                    "inside-repository",
                    "",
                    f"This folder belongs to the repository {str(parent)!r}, which would not travel.",
                    "Open the root of the repository.",
                )
            return


def is_partial(tree: Path) -> bool:
    """Whether objects may be missing in the repository because a remote has promised them."""
    names = r"^(extensions\.partialclone|remote\..*\.promisor)$"
    return git("config", "--get-regexp", names, tree=tree, accept=(0, 1)).status == 0


def checks_for(tree: Path) -> tuple[str, ...]:
    """Settings for a fetch into the repository of ``tree`` that is to check what comes as far as it can.

    With ``fsckObjects`` every object that another names must be there. In a partial clone they need not, and fetch by
    itself checks that those which are missing were promised.
    """
    return ("fetch.fsckObjects=false" if is_partial(tree) else "fetch.fsckObjects=true",)


def read_stashes(tree: Path) -> tuple[str, ...]:
    """The commits of all stashes, the newest first."""
    if git("rev-parse", "--verify", "--quiet", "refs/stash", tree=tree, accept=(0, 1)).status:
        return ()
    return tuple(git("rev-list", "--walk-reflogs", "refs/stash", tree=tree).out.decode().split())


def _read_refs(tree: Path) -> tuple[tuple[str, str], ...]:
    form = "--format=%(refname)%00%(objectname)"
    out = git("for-each-ref", form, "refs/heads", "refs/tags", "refs/stash", tree=tree).out
    # Names may hold what `str.splitlines` takes for the end of a line.
    lines = (line.split("\0", 1) for line in out.decode(errors="backslashreplace").split("\n") if line)
    refs = tuple((name, made) for name, made in lines)
    older = read_stashes(tree)[1:] if any(name == "refs/stash" for name, _ in refs) else ()
    return refs + tuple((f"stash@{{{number}}}", made) for number, made in enumerate(older, 1))


def _refuse(code: str, path: str, sentence: str, way_out: str = "Such trees cannot be handed off yet.") -> Refusal:
    return Refusal(code=code, path=show_path(path), sentence=sentence, way_out=way_out)
