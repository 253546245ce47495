"""The manifest: the exact list of what travels, and its file.

The file is one JSON object, names in it as `snapshot.names` writes them. Entries are rows, not objects, which makes
the file a third smaller;
``digest`` in it is compared on reading, so a damaged file is never taken for a shorter list.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from blake3 import blake3
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from snapshot.durable import write_durably
from snapshot.errors import ManifestDamaged
from snapshot.names import Name, encode_name
from snapshot.selection import EVERYTHING, Selection

FORMAT = 1
_AT_ONCE = 1000
"""Entries that are encoded at once."""
EntryType = Literal["file", "dir", "symlink"]
_LATEST = 1 << 70
"""Nanoseconds before and after 1970 that a system call takes for a file's time: more than any file system keeps."""
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class Frozen(BaseModel):
    """Base of this folder's records: immutable, and tolerant of fields that a newer version added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Entry(Frozen):
    """One file, directory or symbolic link, by its path relative to the tree, separated by ``/``.

    ``mode`` is the permission bits (0o777 for links, whose own bits mean nothing). ``size`` is bytes: of the
    content, or of a link's target; 0 for directories. ``mtime_ns`` is 0 where `time_counts` is false. ``digest`` is
    the blake3 of the content or of the link's target in hex, "" for directories. ``target`` is a link's target.
    """

    path: Name
    type: EntryType
    mode: Annotated[int, Field(ge=0, le=0o7777)]
    size: Annotated[int, Field(ge=0, lt=1 << 63)]
    mtime_ns: Annotated[int, Field(ge=-_LATEST, le=_LATEST)]
    digest: Hex
    target: Name = ""


class GitSummary(Frozen):
    """Where the repository stood. ``head`` is the commit id, None before the first commit.

    ``branch`` is "" when HEAD is detached. ``refs`` are the local branches, the tags and all stashes with
    their ids.
    ``index`` is a digest of the staged entries and their flags, without the file times that any git command rewrites.
    """

    branch: str
    head: str | None
    staged: int = 0
    unstaged: int = 0
    untracked: int = 0
    conflicts: int = 0
    refs: tuple[tuple[str, str], ...] = ()
    index: str = ""

    @property
    def line(self) -> str:
        """One line for the user: branch and counts."""
        at = self.branch or f"detached at {(self.head or '')[:10]}"
        if self.head is None:
            at += ", no commit yet"
        counts = ((self.staged, "staged"), (self.unstaged, "unstaged"), (self.untracked, "untracked"))
        parts = [f"{count} {word}" for count, word in (*counts, (self.conflicts, "in conflict")) if count]
        return f"{at} · {', '.join(parts) or 'clean'}"


class Inner(Frozen):
    """How a repository inside the tree stood: a submodule or any other; ``path`` is that of its work tree."""

    path: Name
    git: GitSummary


class Companion(Frozen):
    """A directory outside the tree that repositories in it need: the one that linked worktrees share, borrowed
    objects, a submodule's own. It travels beside the tree.

    ``at`` is its absolute path, links resolved; ``also`` are other paths by which it is named here, through links.
    ``entries`` are what is in it, sorted by path, as if it lay at ``inside`` in a tree of its own.
    """

    at: Name
    also: tuple[Name, ...] = ()
    inside: Literal[".git", ".git/objects"] = ".git"
    entries: tuple[Entry, ...] = ()

    @property
    def key(self) -> str:
        """A name for it that is the same with every handoff."""
        return blake3(os.fsencode(self.at)).hexdigest(12)

    @cached_property
    def manifest(self) -> "Manifest":
        """The manifest of the tree of its own."""
        return Manifest(entries=self.entries)


class Pointer(Frozen):
    """The ``.git`` file of a worktree elsewhere, which stays: its absolute path, and what it says.

    Where only it appears, git does not take the worktree for deleted.
    """

    at: Name
    text: Name


class Manifest(Frozen):
    """What travels, sorted by path. ``git`` is None where the tree itself is no repository; ``inner`` are those in it,
    sorted by path. ``selection`` is what was chosen. ``companions`` travel beside the tree, and ``pointers`` are of
    the worktrees that their repositories and those in the tree have elsewhere."""

    version: int = FORMAT
    entries: tuple[Entry, ...]
    git: GitSummary | None = None
    inner: tuple[Inner, ...] = ()
    selection: Selection = EVERYTHING
    companions: tuple[Companion, ...] = ()
    pointers: tuple[Pointer, ...] = ()

    @cached_property
    def digest(self) -> str:
        """blake3 in hex over every entry: path, type, mode, size, digest, and the mtime of regular files."""
        state = blake3(f"castoff manifest {self.version}\0".encode())
        _add_entries(state, self.entries)
        for companion in self.companions:
            names = "\0".join((companion.at, *companion.also))
            state.update(os.fsencode(f"companion\0{names}\0{companion.inside}\0{len(companion.entries)}\0"))
            _add_entries(state, companion.entries)
        return state.hexdigest()

    @cached_property
    def files(self) -> int:
        """How many files and links of the tree travel."""
        return sum(entry.type != "dir" for entry in self.entries)

    @cached_property
    def size(self) -> int:
        """Bytes of all files and links of the tree, as rsync counts them."""
        return sum(entry.size for entry in self.entries)

    @cached_property
    def all_files(self) -> int:
        """How many files and links travel, those of companions too."""
        return self.files + sum(companion.manifest.files for companion in self.companions)

    @cached_property
    def all_size(self) -> int:
        """Bytes of all that travels, of companions too."""
        return self.size + sum(companion.manifest.size for companion in self.companions)

    @cached_property
    def by_path(self) -> dict[str, Entry]:
        """The entries by path."""
        return {entry.path: entry for entry in self.entries}

    def tree_entries(self) -> tuple[Entry, ...]:
        """The entries outside any ``.git``."""
        return tuple(entry for entry in self.entries if not in_git(entry.path))


def _add_entries(state: blake3, entries: Sequence[Entry]) -> None:
    for start in range(0, len(entries), _AT_ONCE):
        page = entries[start : start + _AT_ONCE]
        lines = [f"{e.path}\0{e.type}\0{e.mode:o}\0{e.size}\0{e.mtime_ns}\0{e.digest}\0{e.target}\0" for e in page]
        state.update(os.fsencode("".join(lines)))


def in_git(path: str) -> bool:
    """Whether ``path`` is, or lies in, the ``.git`` of some repository: the tree's own, a submodule's, an inner one."""
    return ".git" in path and ".git" in path.split("/")


def time_counts(path: str) -> bool:
    """Whether the time of the regular file ``path`` is part of the snapshot.

    Git touches objects and shared indexes when it merely comes across them again; their times say nothing.
    """
    return not (in_git(path) and ("/objects/" in path or path.rpartition("/")[2].startswith("sharedindex.")))


_KIND = 0o170000
"""The bits of an ``st_mode`` that say what it is: POSIX's ``S_IFMT``, without calling it for each of very many."""
_TYPES: dict[int, EntryType] = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink"}


def entry_type(mode: int) -> EntryType | None:
    """The entry type of an ``st_mode``; None for sockets, pipes and devices."""
    return _TYPES.get(mode & _KIND)


Row = tuple[str, EntryType, int, int, int, str, str]


class _Beside(Frozen):
    """A companion, its entries as rows."""

    at: Name
    also: tuple[Name, ...]
    inside: Literal[".git", ".git/objects"]
    entries: list[Row]


class _Head(Frozen):
    version: int = FORMAT


class _Page(Frozen):
    castoff: Literal["manifest"] = "manifest"
    version: Literal[1] = FORMAT
    digest: str
    git: GitSummary | None
    inner: tuple[Inner, ...] = ()
    selection: Selection = EVERYTHING
    companions: tuple[_Beside, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    entries: list[Row]


_ENTRIES: TypeAdapter[tuple[Entry, ...]] = TypeAdapter(tuple[Entry, ...])


def dump_manifest(manifest: Manifest) -> bytes:
    """The manifest as compact JSON."""
    page = _Page(
        digest=manifest.digest,
        git=manifest.git,
        inner=manifest.inner,
        selection=manifest.selection,
        companions=tuple(
            _Beside(at=each.at, also=each.also, inside=each.inside, entries=_rows(each.entries))
            for each in manifest.companions
        ),
        pointers=manifest.pointers,
        entries=_rows(manifest.entries),
    )
    return page.model_dump_json().encode() + b"\n"


def _rows(entries: Iterable[Entry]) -> list[Row]:
    return [(encode_name(e.path), e.type, e.mode, e.size, e.mtime_ns, e.digest, encode_name(e.target)) for e in entries]


def _entries(rows: Iterable[Row]) -> tuple[Entry, ...]:
    names = Entry.model_fields
    return _ENTRIES.validate_python([dict(zip(names, row, strict=True)) for row in rows])


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in ``data``; raises `ManifestDamaged` for anything that `dump_manifest` did not write."""
    try:
        if (newer := _Head.model_validate_json(data).version) > FORMAT:
            raise ManifestDamaged(
                f"The manifest was written by a newer castoff, in format {newer}; this one knows {FORMAT}.",
                "Update castoff on this machine; nothing was changed.",
            )
        page = _Page.model_validate_json(data)
        entries = _entries(page.entries)
        companions = tuple(
            Companion(at=each.at, also=each.also, inside=each.inside, entries=_entries(each.entries))
            for each in page.companions
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ManifestDamaged(f"The manifest cannot be read: {first['msg']}.", "Start the move again.") from error
    manifest = Manifest(
        version=page.version,
        entries=entries,
        git=page.git,
        inner=page.inner,
        selection=page.selection,
        companions=companions,
        pointers=page.pointers,
    )
    lists = [entries, *(companion.entries for companion in companions)]
    if manifest.digest != page.digest or any(len({entry.path for entry in each}) != len(each) for each in lists):
        raise ManifestDamaged("The manifest is not the one that was written.", "Start the move again.")
    return manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Put the manifest into the file ``path`` (mode 0600): whole or not at all, also after a power cut."""
    write_durably(path, dump_manifest(manifest))


def read_manifest(path: Path) -> Manifest:
    """The manifest in the file ``path``; raises `ManifestDamaged`, also when there is no such file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ManifestDamaged(f"The manifest cannot be read: {error.strerror}.", "Start the move again.") from error
    return parse_manifest(data)
