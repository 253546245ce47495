"""What a run changed: the manifest that left against the run's.

Permission bits come home masked: never set-user-id, never writable for others, always readable and writable for the
user; the executable bits are kept.
"""

from collections.abc import Collection, Sequence
from typing import Literal

from snapshot.manifest import Entry, Frozen, Manifest
from snapshot.names import Name

_FEW = 20


class Change(Frozen):
    """One path that differs: ``before`` is None when it was added, ``after`` when it was deleted."""

    path: Name
    change: Literal["added", "modified", "deleted"]
    before: Entry | None
    after: Entry | None

    @property
    def content(self) -> bool:
        """Whether it gives a regular file new bytes."""
        before, after = self.before, self.after
        if after is None or after.type != "file":
            return False
        return before is None or before.type != "file" or before.digest != after.digest


def compare(base: Manifest, theirs: Manifest) -> tuple[Change, ...]:
    """What the run changed outside ``.git``, sorted by path; ``after`` has the mode it will have here.

    File times alone are no change.
    """
    before = {entry.path: entry for entry in base.tree_entries()}
    after = {entry.path: masked(entry, before.get(entry.path)) for entry in theirs.tree_entries()}
    changes: list[Change] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            changes.append(Change(path=path, change="added" if old is None else "deleted", before=old, after=new))
        elif (old.type, old.mode, old.digest, old.target) != (new.type, new.mode, new.digest, new.target):
            changes.append(Change(path=path, change="modified", before=old, after=new))
    return tuple(changes)


def wanted(changes: Sequence[Change], gone: Collection[str] = ()) -> tuple[str, ...]:
    """The regular files whose bytes are needed to merge ``changes``; links and modes come from the manifest.

    A mere change of mode needs none, unless the file is ``gone`` here.
    """
    return tuple(change.path for change in changes if change.content or (change.path in gone and _is_file(change)))


def _is_file(change: Change) -> bool:
    return change.after is not None and change.after.type == "file"


class Losses(Frozen):
    """How many files and links the run deleted, of how many that left, and whether it left any."""

    lost: int
    had: int
    has: int

    @property
    def mass(self) -> bool:
        """Whether most of the tree is gone, so that somebody has to be asked."""
        return (self.had > 0 and self.has == 0) or (self.lost > _FEW and self.lost * 2 > self.had)


def count_losses(base: Manifest, theirs: Manifest) -> Losses:
    """What of ``base`` is not there any more in ``theirs``; directories do not count."""
    had = {entry.path for entry in base.tree_entries() if entry.type != "dir"}
    has = {entry.path for entry in theirs.tree_entries()}
    return Losses(lost=len(had - has), had=len(had), has=sum(entry.type != "dir" for entry in theirs.tree_entries()))


def masked(entry: Entry, before: Entry | None) -> Entry:
    """``entry`` with the mode that it will have here; ``before`` is what left in its place."""
    if entry.type == "symlink":
        return entry
    if before is not None and before.type == entry.type and before.mode == entry.mode:
        return entry
    mode = entry.mode & 0o755 | (0o600 if entry.type == "file" else 0o700)
    return entry.model_copy(update={"mode": mode})
