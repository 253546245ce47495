"""Scanning a tree for credentials: only what git has not published, and each content only once."""

import os
import stat
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from snapshot.beneath import Beneath
from snapshot.digest import DigestCache, file_digest
from snapshot.durable import write_durably
from snapshot.errors import SecretsUnread
from snapshot.git import git
from snapshot.manifest import Frozen, in_git
from snapshot.repository import has_repository
from snapshot.secret_rules import rules_digest
from snapshot.secrets import Hit, scan_file
from snapshot.walk import walk

_MOST_KEPT = 200_000
"""A tree of 100,000 files, and its session's, twice."""
BLOB = "blob "
"""Begins the keys of what is an object of git's; its id follows."""

Standing = Literal["untracked", "modified", "staged"]
"""How a file differs from the last commit; of a staged one the repository itself holds the content."""

_FILES = ("100644", "100755")
"""Modes of regular files in an index: https://git-scm.com/docs/git-fast-import#_filemodify"""


class Difference(NamedTuple):
    """A file that is not as in the last commit. ``staged`` is the id of its content in the index if that is another
    one than in the commit, else ""; ``differs`` says whether the file itself is yet another one."""

    path: str
    standing: Standing
    staged: str = ""
    differs: bool = True


def changed_paths(
    tree: Path, travels: Iterable[str] | None = None, differences: Iterable[Difference] | None = None
) -> tuple[str, ...]:
    """The files outside ``.git`` whose content is not that of the last commit, of ``travels`` if that is given.

    Untracked, modified and staged files, and those of which git was told not to look at their changes; of ``travels``
    also what git ignores. Without a repository all files. Sorted; links are left out. ``differences`` is what
    `read_differences` said; without it that is asked. Raises `GitFailed`, `TreeChanged`.
    """
    if travels is not None:
        chosen = {path for path in travels if not in_git(path)}
    else:
        chosen = {item.path for item in walk(tree, {".git"}).found}
    if has_repository(tree):
        found = read_differences(tree) if differences is None else differences
        changed = {each.path for each in found} | unwatched_files(tree)
        known = _listed(tree) if travels is not None else chosen
        chosen = {path for path in chosen if path in changed or path not in known}
    with Beneath(tree) as below:
        return tuple(path for path in sorted(chosen) if _is_file(below, path))


def read_differences(tree: Path) -> list[Difference]:
    """What git says of each file that is not as in the last commit. Raises `GitFailed`."""
    out = git(
        *("status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=all"),
        tree=tree,
    ).out
    found: list[Difference] = []
    for record in os.fsdecode(out).split("\0"):
        # Fields before the path: https://git-scm.com/docs/git-status#_porcelain_format_version_2
        match record[:1]:
            case "1":
                fields = record.split(" ", 8)
                staged = fields[7] if record[2] not in ".D" and fields[4] in _FILES else ""
                standing = "modified" if record[2] == "." else "staged"
                found.append(Difference(fields[8], standing, staged, record[3] != "."))
            case "u":
                found.append(Difference(record.split(" ", 10)[10], "staged"))
            case "?":
                found.append(Difference(record[2:], "untracked"))
            case _:
                pass
    return found


def unwatched_files(tree: Path) -> set[str]:
    """Files marked assume-unchanged (a tag in lower case) or skip-worktree (``S``): git status is silent on them."""
    listed = os.fsdecode(git("ls-files", "-v", "-z", tree=tree).out).split("\0")
    return {record[2:] for record in listed if record and (record[0].islower() or record[0] == "S")}


def scan_tree(
    tree: Path, paths: Iterable[str], *, cache: "ScanCache | None" = None, digests: DigestCache | None = None
) -> tuple[Hit, ...]:
    """The credentials in ``paths`` of ``tree``, in their order. What is no regular file any more is passed over.

    What ``cache`` knows by its content is not searched again, and what ``digests`` knows is not even read.
    Raises `SecretsUnread` for a file that cannot be read.
    """
    hits: list[Hit] = []
    with Beneath(tree) as below:
        for path in paths:
            hits += _scan_one(below, path, cache, digests)
    if cache is not None:
        cache.save()
    if digests is not None:
        digests.save()
    return tuple(hits)


class ScanCache:
    """What earlier scans found, by the digest of the content, kept in a file (0600) that holds no values.

    A damaged or missing file, or one of other rules, is an empty cache: it only costs time.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, tuple[Hit, ...]] = {}
        self._changed = False
        try:
            page = _PAGE.validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return
        if page.rules == rules_digest():
            self._known = page.found

    def find(self, key: str, path: str) -> tuple[Hit, ...] | None:
        """What was found in this content, told as being in ``path``."""
        known = self._known.pop(key, None)
        if known is None:
            return None
        self._known[key] = known
        return tuple(hit.model_copy(update={"path": path}) for hit in known)

    def blobs_with_secrets(self) -> list[str]:
        """The ids of all objects of git's in which anything was found."""
        return sorted({key.split(" ")[1] for key, hits in self._known.items() if hits and key.startswith(BLOB)})

    def keep(self, key: str, hits: Collection[Hit]) -> None:
        """Remember what was found."""
        self._known[key] = tuple(hit.model_copy(update={"path": ""}) for hit in hits)
        self._changed = True

    def save(self) -> None:
        """Write it down if anything is new; of the contents only those used last."""
        if self._changed:
            kept = dict(list(self._known.items())[-_MOST_KEPT:])
            write_durably(self._file, _PAGE.dump_json(_Page(rules=rules_digest(), found=kept)))
            self._changed = False


class _Page(Frozen):
    rules: str
    found: dict[str, tuple[Hit, ...]]


_PAGE: TypeAdapter[_Page] = TypeAdapter(_Page)


def _scan_one(below: Beneath, path: str, cache: ScanCache | None, digests: DigestCache | None) -> tuple[Hit, ...]:
    try:
        where, name = below.at(path)
        if cache is None:
            return scan_file(name, path, where)
        # Some rules look at the path as well, so the same content under another name is another thing.
        key = f"{_digest(below, path, digests)} {os.fsencode(path).hex()}"
        hits = cache.find(key, path)
        if hits is None:
            hits = scan_file(name, path, where)
            cache.keep(key, hits)
        return hits
    except OSError as error:
        if not _is_file(below, path):
            return ()
        raise SecretsUnread(f"{path!r} could not be searched for secrets: {error.strerror}.", "Try again.") from error


def _digest(below: Beneath, path: str, digests: DigestCache | None) -> str:
    record = below.stat(path)
    known = digests.find(path, record) if digests is not None else None
    if known is None:
        where, name = below.at(path)
        known = file_digest(name, record.st_size, where)
        if digests is not None:
            digests.keep(path, record, known)
    return known


def _listed(tree: Path) -> set[str]:
    return set(os.fsdecode(git("ls-files", "-z", tree=tree).out).split("\0"))


def _is_file(below: Beneath, path: str) -> bool:
    try:
        return stat.S_ISREG(below.stat(path).st_mode)
    except OSError:
        return False
