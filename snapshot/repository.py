"""The repository of a tree: how it stands, what of it is ignored, and what of it cannot travel yet."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from snapshot.credentials import read_settings
from snapshot.errors import GitFailed
from snapshot.git import git
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
    """Whether ``tree`` has a ``.git`` directory of its own."""
    return (tree / ".git").is_dir() and not (tree / ".git").is_symlink()


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


def inspect(tree: Path) -> list[Refusal]:
    """Why the repository of ``tree`` cannot travel as it is; empty when it can, or when there is none."""
    dot_git = tree / ".git"
    if not os.path.lexists(dot_git):
        return list(_surrounding(tree))
    if dot_git.is_symlink():
        return [_refuse("git-symlink", ".git", "Here .git is a symbolic link; what it leads to would not travel.")]
    if not dot_git.is_dir():
        return [
            _refuse(
                "linked-worktree",
                ".git",
                "This is a linked worktree or a submodule: its repository lies elsewhere and would not travel.",
                "Open the main working tree, or a clone of its own (git clone).",
            )
        ]
    try:
        git("rev-parse", "--git-dir", tree=tree)
        settings = read_settings(tree)
        return [
            *_outside(dot_git),
            *_partial(settings),
            *_submodules(tree),
        ]
    except GitFailed as error:
        return [_refuse("git-broken", ".git", f"The repository cannot be read: {error}", "Repair it, then try again.")]


def _surrounding(tree: Path) -> Iterator[Refusal]:
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


def _outside(dot_git: Path) -> Iterator[Refusal]:
    for name in ("objects/info/alternates", "objects/info/http-alternates"):
        if (dot_git / name).exists():
            yield _refuse(
                "alternates",
                f".git/{name}",
                "The repository borrows objects from another one, which would not travel.",
                "Make it whole: git repack -a -d, then delete .git/objects/info/alternates.",
            )
    if (dot_git / "commondir").exists():
        yield _refuse("linked-worktree", ".git/commondir", "The repository's common part lies elsewhere.")


def _partial(settings: list[tuple[str, str, str]]) -> Iterator[Refusal]:
    for _, name, value in settings:
        promisor = (
            name.startswith("remote.")
            and name.endswith(".promisor")
            and value.lower() not in {"false", "no", "off", "0"}
        )
        if promisor or name == "extensions.partialclone":
            yield _refuse(
                "partial-clone",
                ".git/config",
                "This is a partial clone: objects that were never fetched are missing.",
                "Fetch them all: git fetch --refetch --no-filter, then unset the remote's promisor settings.",
            )
            return


def _submodules(tree: Path) -> Iterator[Refusal]:
    for record in os.fsdecode(git("ls-files", "--stage", "-z", tree=tree).out).split("\0"):
        if record.startswith("160000 "):
            path = record.partition("\t")[2]
            yield _refuse("submodule", path, f"{path!r} is a submodule; submodules do not travel yet.")


def _read_refs(tree: Path) -> tuple[tuple[str, str], ...]:
    form = "--format=%(refname)%00%(objectname)"
    out = git("for-each-ref", form, "refs/heads", "refs/stash", tree=tree).out.decode(errors="backslashreplace")
    # Names may hold what `str.splitlines` takes for the end of a line.
    pairs = (line.split("\0", 1) for line in out.split("\n") if line)
    return tuple((name, commit) for name, commit in pairs)


def _refuse(code: str, path: str, sentence: str, way_out: str = "Such trees cannot be handed off yet.") -> Refusal:
    return Refusal(code=code, path=show_path(path), sentence=sentence, way_out=way_out)
