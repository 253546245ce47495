"""Names and links from a host, before anything is created here.

The rules are those of git's own protection for the three kinds of file systems a tree may be carried to:
nothing outside the tree, nothing that any file system takes for ``.git``, nothing that two names share.
"""

import os
import re
import unicodedata
from pathlib import PurePosixPath

from snapshot.digest import text_digest
from snapshot.manifest import Entry, Frozen, Manifest
from snapshot.walk import show_path

# HFS+ drops these from names when it compares them.
_IGNORABLE = dict.fromkeys([0x200C, 0x200D, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])
_SHORT_GIT = re.compile(r"git~\d+$")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³]|conin\$|conout\$)\s*([.:].*)?$", re.S)
_LONGEST_NAME = 255
_LONGEST_PATH = 4000


class PathProblem(Frozen):
    """Why ``path`` may not be created; ``sentence`` goes on after the path."""

    path: str
    code: str
    sentence: str


def check_paths(manifest: Manifest, base: Manifest | None = None) -> tuple[PathProblem, ...]:
    """What in the manifest's tree (``.git`` itself is never taken) may not be created here.

    What is in ``base`` with the same type and target came from here and is not asked about.
    """
    known = base.by_path if base else {}
    problems: list[PathProblem] = []
    # An inner `.git` is as little taken as the tree's own; a host that sends one anyway means harm.
    for entry in manifest.entries:
        if entry.path == ".git" or entry.path.startswith(".git/"):
            continue
        before = known.get(entry.path)
        if before is None or before.type != entry.type:
            problems += [_problem(entry.path, *found) for found in _name_problems(entry.path)]
        if entry.type == "symlink" and (before is None or before.target != entry.target):
            problems += [_problem(entry.path, *found) for found in _link_problems(entry)]
    return tuple(problems + _contradictions(manifest) + _collisions(manifest, known))


def is_git_name(name: str) -> bool:
    """Whether some file system takes ``name`` for ``.git``."""
    plain = unicodedata.normalize("NFC", name.translate(_IGNORABLE)).casefold()
    # NTFS: an alternate stream is part of the file, trailing dots and spaces are dropped.
    plain = plain.partition(":")[0].rstrip(". ")
    return plain == ".git" or _SHORT_GIT.match(plain) is not None


def _name_problems(path: str) -> list[tuple[str, str]]:
    if path.startswith("/"):
        return [("absolute", "is absolute")]
    if "\0" in path or not path:
        return [("nul", "is empty or holds a NUL byte")]
    problems: list[tuple[str, str]] = []
    if len(os.fsencode(path)) > _LONGEST_PATH:
        problems.append(("too-long", f"is longer than {_LONGEST_PATH} bytes"))
    for name in path.split("/"):
        problems += _part_problems(name)
    return problems


def _part_problems(name: str) -> list[tuple[str, str]]:
    pieces = name.split("\\")
    if name in {"", ".", ".."} or ".." in pieces:
        return [("traversal", "leads out of the folder it is in")]
    if any(is_git_name(piece) for piece in pieces):
        return [("git-name", "can be taken for a git repository's own files")]
    problems: list[tuple[str, str]] = []
    if len(os.fsencode(name)) > _LONGEST_NAME:
        problems.append(("too-long", f"has a name longer than {_LONGEST_NAME} bytes"))
    if name[-1] in ". ":
        problems.append(("trailing", "ends in a dot or a space, which some systems drop"))
    if _RESERVED.match(name.casefold()):
        problems.append(("reserved", "is a device's name on Windows"))
    return problems


def _link_problems(entry: Entry) -> list[tuple[str, str]]:
    target = entry.target
    if not target or "\0" in target or text_digest(target) != entry.digest:
        return [("link", "is a link that its digest does not fit, or to nothing")]
    if target.startswith("/"):
        return [("link-outside", "is a link out of this folder")]
    parts = [part for part in target.split("/") if part not in {"", "."}]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    # A `..` after a name may climb from wherever a link led to, so only leading ones can be counted.
    folder = PurePosixPath(entry.path).parent.parts
    if climbs > len(folder) or ".." in parts[climbs:]:
        return [("link-outside", "is a link out of this folder")]
    landing = [*folder[: len(folder) - climbs], *parts[climbs:]]
    if any(is_git_name(part) for part in landing):
        return [("link-git", "is a link into a git repository's own files")]
    return []


def _contradictions(manifest: Manifest) -> list[PathProblem]:
    """Paths below something that is no folder."""
    taken = {f"{entry.path}/" for entry in manifest.tree_entries() if entry.type != "dir"}
    return [
        _problem(entry.path, "no-folder", f"lies in {above!r}, which is no folder")
        for entry in manifest.tree_entries()
        for above in _folders_above(entry.path)
        if above in taken
    ]


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) + "/" for end in range(1, len(parts))]


def _collisions(manifest: Manifest, known: dict[str, Entry]) -> list[PathProblem]:
    problems: list[PathProblem] = []
    first: dict[str, str] = {}
    for entry in manifest.tree_entries():
        other = first.setdefault(_fold(entry.path), entry.path)
        if other != entry.path and not (other in known and entry.path in known):
            problems.append(_problem(entry.path, "collision", f"differs from {other!r} in upper and lower case only"))
    return problems


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _problem(path: str, code: str, sentence: str) -> PathProblem:
    return PathProblem(path=show_path(path), code=code, sentence=sentence)
