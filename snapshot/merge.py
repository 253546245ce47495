"""Merging trees three-way, path by path: what left, what the run made of it, what is here now. No file is touched.

What only one side changed is that side's. What both changed is the same, is merged, or is a conflict: then what is
here stays, or text gets markers, and every version is kept aside. Nothing here is ever replaced without a placement
that says what stood there before.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from snapshot.changes import Change
from snapshot.manifest import Entry, Frozen
from snapshot.names import Name
from snapshot.place import same

Kind = Literal["text", "binary", "added", "link", "type", "mode", "deleted-there", "deleted-here", "special"]
"""Why both sides' changes to a path do not go together: text with markers; bytes without lines; added on both sides;
two links; two kinds of things; two modes; one side deleted what the other changed; something here that cannot be
read or replaced."""


class Placement(Frozen):
    """A path, what is there before (None: nothing) and after, and whose bytes ``after`` has."""

    path: Name
    before: Entry | None
    after: Entry | None
    source: Literal["run", "merged"] = "run"


class Conflict(Frozen):
    """One path on which both sides disagree: what left, what is here, what the run has; None is nothing.

    With ``type`` and ``special`` it stands for everything below the path as well.
    """

    path: Name
    kind: Kind
    left: Entry | None
    here: Entry | None
    run: Entry | None


class Merged(NamedTuple):
    """A merged text: its size in bytes, its digest, when it was made, and whether it has conflict markers."""

    size: int
    digest: str
    mtime_ns: int
    clash: bool


class Here(NamedTuple):
    """What is here now at the paths that the run changed and at the folders above them.

    ``inside`` has all paths below a directory that would give way to something else. ``special`` are paths that
    cannot be read or are no file, directory or link.
    """

    entries: Mapping[str, Entry]
    inside: Mapping[str, Sequence[str]]
    special: frozenset[str]


class Outcome(NamedTuple):
    """What has to be placed, sorted by path, and what the two sides disagree on."""

    placements: tuple[Placement, ...]
    conflicts: tuple[Conflict, ...]


MergeText = Callable[[str, Entry, Entry, Entry], Merged | None]
"""Merges one file's text (path, left, here, run); None if it is no text or there is no base for it."""


def merge(
    changes: Sequence[Change],
    left: Mapping[str, Entry],
    theirs: Mapping[str, Entry],
    here: Here,
    merge_text: MergeText,
) -> Outcome:
    """Bring ``changes`` onto what is ``here``; ``left`` and ``theirs`` are all entries by path, modes masked."""
    placements: dict[str, Placement] = {}
    conflicts: dict[str, list[Conflict]] = {}
    for change in changes:
        placement, clashes = _decide(change, here, merge_text)
        if placement is not None:
            placements[change.path] = placement
        if clashes:
            conflicts[change.path] = [
                Conflict(path=change.path, kind=kind, left=change.before, here=_at(here, change.path), run=change.after)
                for kind in clashes
            ]
    tree = _Tree(placements, conflicts, left, theirs, here)
    tree.keep_what_is_inside()
    tree.make_parents()
    return Outcome(
        tuple(placements[path] for path in sorted(placements)),
        tuple(conflict for path in sorted(conflicts) for conflict in conflicts[path]),
    )


def _at(here: Here, path: str) -> Entry | None:
    return here.entries.get(path)


def _decide(change: Change, here: Here, merge_text: MergeText) -> tuple[Placement | None, list[Kind]]:
    """What becomes of one path, looked at alone."""
    path, left, run, ours = change.path, change.before, change.after, _at(here, change.path)
    if path in here.special:
        return None, ["special"]
    if same(ours, run):
        return None, []
    if same(ours, left) or (_is_dir(ours) and _is_dir(left) and not _is_dir(run)):
        # A directory that goes is the same directory whatever its mode; what is in it is looked at by itself.
        return Placement(path=path, before=ours, after=run), []
    if run is None:
        return None, ["deleted-there"]
    if ours is None:
        if _is_dir(run) and _is_dir(left):
            return None, []  # made again if something is placed in it
        return Placement(path=path, before=None, after=run), ["deleted-here"]
    if ours.type != run.type:
        return None, ["type"]
    if ours.type == "symlink":
        return None, ["link"]
    return _merge_same_kind(path, left, ours, run, merge_text)


def _merge_same_kind(
    path: str, left: Entry | None, ours: Entry, run: Entry, merge_text: MergeText
) -> tuple[Placement | None, list[Kind]]:
    """Two files or two directories: content and mode are merged each by itself."""
    base = left if left is not None and left.type == ours.type else None
    clashes: list[Kind] = []
    after = ours
    source: Literal["run", "merged"] = "run"
    if ours.type == "file" and ours.digest != run.digest:
        merged = None
        if base is not None and base.digest == ours.digest:
            after = run
        elif base is None or base.digest != run.digest:
            merged = merge_text(path, base, ours, run) if base is not None else None
            if merged is None:
                clashes.append("added" if base is None else "binary")
            else:
                if merged.clash:
                    clashes.append("text")
                after, source = _merged_entry(ours, merged), "merged"
    mode = _merge_modes(base, ours, run)
    if mode is None:
        clashes.append("mode")
    after = after.model_copy(update={"mode": ours.mode if mode is None else mode})
    if same(ours, after):
        return None, clashes
    return Placement(path=path, before=ours, after=after, source=source), clashes


def _merged_entry(ours: Entry, merged: Merged) -> Entry:
    return ours.model_copy(update={"size": merged.size, "digest": merged.digest, "mtime_ns": merged.mtime_ns})


def _merge_modes(base: Entry | None, ours: Entry, run: Entry) -> int | None:
    if ours.mode == run.mode or (base is not None and base.mode == run.mode):
        return ours.mode
    return run.mode if base is not None and base.mode == ours.mode else None


def _is_dir(entry: Entry | None) -> bool:
    return entry is not None and entry.type == "dir"


class _Tree(NamedTuple):
    """The outcomes together: no directory goes while something stays in it, and everything placed has its folder."""

    placements: dict[str, Placement]
    conflicts: dict[str, list[Conflict]]
    left: Mapping[str, Entry]
    theirs: Mapping[str, Entry]
    here: Here

    def keep_what_is_inside(self) -> None:
        """A directory gives way to a file or link only if nothing of this side stays in it."""
        for path, placement in sorted(self.placements.items()):
            if not _is_dir(placement.before) or placement.after is None or _is_dir(placement.after):
                continue
            if any(self._stays(inner) for inner in self.here.inside.get(path, ())):
                self._keep_whole(path)

    def make_parents(self) -> None:
        """Add the folders that are missing above what is placed; what stands in their place here stays."""
        for path in sorted(path for path, placement in self.placements.items() if placement.after is not None):
            for parent in parents(path):
                final = self._final(parent)
                if parent in self.here.special or (final is not None and final.type != "dir"):
                    self._keep_whole(parent)
                    break
                if final is None:
                    self.placements[parent] = Placement(path=parent, before=None, after=self._folder(parent))

    def _stays(self, path: str) -> bool:
        placement = self.placements.get(path)
        return placement is None or placement.after is not None

    def _final(self, path: str) -> Entry | None:
        placement = self.placements.get(path)
        return placement.after if placement is not None else _at(self.here, path)

    def _folder(self, path: str) -> Entry:
        known = self.theirs.get(path)
        if known is not None and known.type == "dir":
            return known
        return Entry.model_construct(path=path, type="dir", mode=0o755, size=0, mtime_ns=0, digest="", target="")

    def _keep_whole(self, path: str) -> None:
        """What is here at ``path`` stays with everything below; one conflict stands for all of it."""
        for table in (self.placements, self.conflicts):
            for inner in [each for each in table if each == path or each.startswith(f"{path}/")]:
                del table[inner]
        kind: Kind = "special" if path in self.here.special else "type"
        self.conflicts[path] = [
            Conflict(
                path=path, kind=kind, left=self.left.get(path), here=_at(self.here, path), run=self.theirs.get(path)
            )
        ]


def parents(path: str) -> list[str]:
    """The folders above ``path``, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
