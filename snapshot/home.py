"""Bringing a run home onto a tree that is still what left.

``base`` is the manifest that left, ``theirs`` the run's. Permission bits come home masked: never set-user-id,
never writable for others, always readable and writable for the user; the executable bits are kept.
"""

import shutil
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from snapshot.errors import MassDeletion, PlacingFailed, UndoDamaged, UnsafePaths
from snapshot.manifest import Entry, Frozen, Manifest, sync_directory, write_durably
from snapshot.names import Name
from snapshot.paths import check_paths
from snapshot.place import Source
from snapshot.repository import has_repository, read_status
from snapshot.selection import choose, leave_out
from snapshot.transition import Step, change_tree
from snapshot.verify import Difference, differs
from snapshot.walk import show_path, walk

__all__ = ["Applied", "Change", "apply", "check_paths", "compare", "unchanged", "undo", "wanted"]

_RECORD = "undo.json"
_FEW = 20


class Change(Frozen):
    """One path that differs: ``before`` is None when it was added, ``after`` when it was deleted."""

    path: Name
    change: Literal["added", "modified", "deleted"]
    before: Entry | None
    after: Entry | None

    @property
    def content(self) -> bool:
        """Whether a regular file's bytes have to be fetched for it."""
        before, after = self.before, self.after
        if after is None or after.type != "file":
            return False
        return before is None or before.type != "file" or before.digest != after.digest


class Applied(Frozen):
    """How many files and links were added or modified, and deleted."""

    changed: int
    deleted: int


class _Record(Frozen):
    """What an undo goes by. ``base`` is the digest of the manifest that left."""

    base: str = ""
    changes: tuple[Change, ...]


def compare(base: Manifest, theirs: Manifest) -> tuple[Change, ...]:
    """What the run changed outside ``.git``, sorted by path; ``after`` has the mode it will have here.

    File times alone are no change.
    """
    before = {entry.path: entry for entry in base.tree_entries()}
    after = {entry.path: _masked(entry, before.get(entry.path)) for entry in theirs.tree_entries()}
    changes: list[Change] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            changes.append(Change(path=path, change="added" if old is None else "deleted", before=old, after=new))
        elif (old.type, old.mode, old.digest, old.target) != (new.type, new.mode, new.digest, new.target):
            changes.append(Change(path=path, change="modified", before=old, after=new))
    return tuple(changes)


def wanted(base: Manifest, theirs: Manifest) -> tuple[str, ...]:
    """The regular files whose bytes have to be in quarantine for `apply`; links and modes come from ``theirs``."""
    return tuple(change.path for change in compare(base, theirs) if change.content)


def unchanged(tree: Path, base: Manifest) -> tuple[Difference, ...]:
    """How ``tree`` differs from what left; empty when it does not. File times do not count.

    What git ignores is not looked at, and of ``.git`` only HEAD and the index are. Raises `GitFailed`, `TreeChanged`.
    """
    known = {entry.path: entry for entry in base.tree_entries()}
    status = read_status(tree) if has_repository(tree) else None
    ignored = choose(tree, status.ignored, base.selection).ignored - known.keys() if status else frozenset[str]()
    walked = walk(tree, ignored | {".git"})
    here = dict(leave_out(walked.found, base.selection).found)
    differences = [Difference(path=show_path(path), what="extra") for path in here.keys() - known.keys()]
    differences += [Difference(path=show_path(path), what="unreadable") for path in walked.unlisted]
    for path, entry in known.items():
        what = differs(f"{tree}/{path}", here[path], entry, times=False) if path in here else "missing"
        if what:
            differences.append(Difference(path=path, what=what))
    now, then = status.summary if status else None, base.git
    if now is None or then is None:
        if now is not then:
            differences.append(Difference(path=".git", what="extra" if then is None else "missing"))
    else:
        if (now.branch, now.head) != (then.branch, then.head):
            differences.append(Difference(path=".git/HEAD", what="digest"))
        if now.index != then.index:
            differences.append(Difference(path=".git/index", what="digest"))
    return tuple(sorted(differences, key=lambda difference: difference.path))


def apply(
    tree: Path, base: Manifest, theirs: Manifest, incoming: Path, keep: Path, *, allow_mass_deletion: bool = False
) -> Applied:
    """Make ``tree`` what the run made of it, with the bytes of `wanted` from the quarantine ``incoming``.

    Everything replaced or deleted is kept under ``keep`` first (made if missing, 0700), for `undo`. Run again after
    a crash it finishes; if the run went on meanwhile, what was placed of its earlier state is undone first.
    Raises `UnsafePaths`, `MassDeletion` and `TreeChanged` (some path is neither what left nor what came) before
    anything is touched, `UndoDamaged` if ``keep`` belongs to something else; `TreeChanged`, `IncomingDamaged` or
    `PlacingFailed` in the middle leave the rest untouched.
    """
    problems = check_paths(theirs, base)
    if problems:
        raise UnsafePaths(problems)
    changes = compare(base, theirs)
    if not allow_mass_deletion:
        _check_deletions(base, theirs, changes)
    record = _Record(base=base.digest, changes=changes)
    if (keep / _RECORD).exists():
        _undo_earlier(tree, keep, record)
    try:
        _prepare(keep, record)
    except OSError as error:
        raise PlacingFailed(
            f"{str(keep)!r} could not be written: {error.strerror}.", "Make room or permission, then run it again."
        ) from error
    change_tree(tree, [Step(c.path, c.before, c.after) for c in changes], Source(incoming), keep=keep)
    return _count(changes, gone="deleted")


def undo(tree: Path, keep: Path) -> Applied:
    """Put back what `apply` replaced or deleted and remove what it added, bit for bit, times and modes included.

    Raises `TreeChanged` if one of those paths was changed since, before anything is touched; `UndoDamaged`.
    """
    changes = _read_record(keep).changes
    change_tree(tree, [Step(c.path, c.after, c.before) for c in changes], Source(keep, numbered=True))
    return _count(changes, gone="added")


def _undo_earlier(tree: Path, keep: Path, record: _Record) -> None:
    """Undo what was placed of another state of the same run: a pull was cut or failed, and the run went on."""
    earlier = _read_record(keep)
    if earlier.changes == record.changes:
        return
    if earlier.base != record.base:
        raise UndoDamaged(f"{str(keep)!r} holds the undo of another pull.", "Use an empty folder.")
    undo(tree, keep)
    # Numbered by the steps of the earlier record. Cut here, undoing again finds nothing to do.
    shutil.rmtree(keep / "files", ignore_errors=True)


def _prepare(keep: Path, record: _Record) -> None:
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    (keep / "files").mkdir(mode=0o700, exist_ok=True)
    write_durably(keep / _RECORD, record.model_dump_json().encode())
    sync_directory(keep.parent)


def _count(changes: tuple[Change, ...], gone: Literal["added", "deleted"]) -> Applied:
    files = [c for c in changes if (entry := c.after or c.before) is not None and entry.type != "dir"]
    deleted = sum(change.change == gone for change in files)
    return Applied(changed=len(files) - deleted, deleted=deleted)


def _read_record(keep: Path) -> _Record:
    try:
        return _Record.model_validate_json((keep / _RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        raise UndoDamaged(f"There is no readable undo in {str(keep)!r}.") from error


def _check_deletions(base: Manifest, theirs: Manifest, changes: tuple[Change, ...]) -> None:
    had = sum(entry.type != "dir" for entry in base.tree_entries())
    has = sum(entry.type != "dir" for entry in theirs.tree_entries())
    lost = sum(c.change == "deleted" and c.before is not None and c.before.type != "dir" for c in changes)
    if (had and not has) or (lost > _FEW and lost * 2 > had):
        raise MassDeletion(
            f"The run deleted {lost} of {had} files.", "Look at the list; if it is meant, allow the deletion."
        )


def _masked(entry: Entry, before: Entry | None) -> Entry:
    if entry.type == "symlink":
        return entry
    if before is not None and before.type == entry.type and before.mode == entry.mode:
        return entry
    mode = entry.mode & 0o755 | (0o600 if entry.type == "file" else 0o700)
    return entry.model_copy(update={"mode": mode})
