"""What can be seen of a tree: everything git says, and every file with its bytes, mode and time.

Standard library only and one file, because it also runs on a host, in a run's sandbox: ``fingerprint.py TREE`` prints
what `look` returns, as Python.
"""

import hashlib
import os
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

Seen = dict[str, dict[str, Any]]


def look(tree: Path) -> Seen:
    """``git`` is the `fingerprint`; ``ignored`` and ``objects`` are by repository; ``files`` is all that lies there.

    Of a repository's own files those are left out that git makes anew when it is only asked: the index, whose content
    the fingerprint has, how objects are stored, and what LFS leaves of its work; so are castoff's own refs.
    """
    where = {root: root.relative_to(tree).as_posix() for root in roots(tree)}
    return {
        "git": dict(fingerprint(tree)),
        "ignored": {name: _ignored(root) for root, name in where.items()},
        "objects": {name: _objects(root) for root, name in where.items()},
        "files": dict(_files(tree)),
    }


def roots(tree: Path) -> list[Path]:
    """Every folder of the tree that git takes for a repository."""
    found = [Path(folder) for folder, folders, files in os.walk(tree) if ".git" in (*folders, *files)]
    found = [folder for folder in found if ".git" not in folder.relative_to(tree).parts]
    return [folder for folder in sorted(found) if _git(folder, "rev-parse", "--show-toplevel", check=False) != b""]


def fingerprint(tree: Path) -> dict[str, bytes]:
    """Everything git says of a tree and of the repositories in it, ignored files left out."""
    each: dict[str, bytes] = {}
    for root in roots(tree):
        if "ignored" not in root.parts:
            name = root.relative_to(tree).as_posix()
            each |= {f"{name}: {key}": value for key, value in _fingerprint(root).items()}
    return each


def _fingerprint(tree: Path) -> dict[str, bytes]:
    own = tree / os.fsdecode(_git(tree, "rev-parse", "--git-dir").rstrip(b"\n"))
    return {
        "status": b"\0".join(line for line in _status(tree) if not line.startswith(b"! ")),
        "index": _git(tree, "ls-files", "-s", "-v", "-z"),
        "stash": _git(tree, "stash", "list"),
        "reflog": _git(tree, "reflog", check=False),
        "refs": _git(tree, "for-each-ref"),
        "config": _git(tree, "config", "--local", "--list"),
        "fsck": _git(tree, "fsck", "--no-dangling"),
        "submodules": _git(tree, "submodule", "status", "--recursive", check=False),
        "worktrees": _git(tree, "worktree", "list", "--porcelain").replace(os.fsencode(tree), b"HERE"),
        "merge": b"".join(sorted(os.fsencode(path.name) for path in own.iterdir())),
    }


def _status(tree: Path) -> list[bytes]:
    return _git(tree, "status", "--porcelain=v2", "--branch", "--ignored=matching", "-uall", "-z").split(b"\0")


def _ignored(root: Path) -> tuple[str, ...]:
    return tuple(os.fsdecode(line[2:]).rstrip("/") for line in _status(root) if line.startswith(b"! "))


def _objects(root: Path) -> tuple[bytes, ...]:
    return tuple(sorted(_git(root, "cat-file", "--batch-all-objects", "--batch-check", "--unordered").splitlines()))


def _files(tree: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            path = Path(folder) / name
            inside = path.relative_to(tree)
            if not _is_remade(inside.parts):
                found[str(inside)] = _describe(path)
    return found


def _is_remade(parts: tuple[str, ...]) -> bool:
    own = parts[parts.index(".git") + 1 :] if ".git" in parts else ()
    pairs = set(pairwise(own))
    if ("lfs", "objects") in pairs:
        return False
    index = own[-1:] == ("index",) or (own and own[-1].startswith("sharedindex."))
    return bool(index) or "objects" in own or bool({("refs", "castoff"), ("lfs", "tmp")} & pairs)


def _describe(path: Path) -> tuple[object, ...]:
    """Folders count by mode, links by target, files by mode, time in nanoseconds, and content."""
    record = path.lstat()
    if stat.S_ISLNK(record.st_mode):
        return ("link", os.readlink(path))  # noqa: PTH115 - a `Path` would tidy `./a//b`
    if stat.S_ISDIR(record.st_mode):
        return ("folder", record.st_mode)
    return ("file", record.st_mode, record.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())


def _git(tree: Path, *arguments: str, check: bool = True) -> bytes:
    return subprocess.run(["git", *arguments], cwd=tree, capture_output=True, check=check).stdout


if __name__ == "__main__":
    sys.stdout.write(ascii(look(Path(sys.argv[1]))))
