"""The exact list of what travels, at one point in time.

Everything is digested, then everything is looked at again: what differs in any way that the file system shows
makes the capture fail, so that a manifest never mixes two states of the tree.
"""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from snapshot.access import refuse_unreadable
from snapshot.beneath import Beneath
from snapshot.companion_scan import CompanionScan, list_companion
from snapshot.credentials import without_credentials
from snapshot.digest import DigestCache, file_digest, text_digest
from snapshot.draft import Draft, make_draft, write_overlay
from snapshot.errors import SnapshotRefused, TreeChanged
from snapshot.garbage import uncollected
from snapshot.manifest import Companion, Entry, EntryType, GitSummary, Inner, Manifest, entry_type, in_git, time_counts
from snapshot.onlooker import looking_on
from snapshot.overlay import Change, Overlay
from snapshot.refusal import Refusal
from snapshot.repository import read_summary
from snapshot.scan import Scan
from snapshot.second_look import compare, look_again, staying
from snapshot.selection import EVERYTHING, Selection
from snapshot.walk import Found, read_link, show_path, skip_git, tell_changed, walk

# Files that changed this shortly before the first look may have changed again within the same clock tick.
_TICK_NS = 50_000_000
_PLAIN = Overlay({}, None)
_FIELDS = set(Entry.model_fields)
_put = object.__setattr__


def capture(
    tree: Path,
    selection: Selection = EVERYTHING,
    *,
    cache: DigestCache | None = None,
    overlay: Path | None = None,
    changes: Mapping[str, Change] | None = None,
    companions_overlay: Path | None = None,
) -> Manifest:
    """The manifest of all that travels of ``tree``; files that ``cache`` knows unchanged are not read again.

    Settings files with credentials, and the files named in ``changes``, travel with other bytes than they have here
    (`snapshot.overlay`): those are in the manifest, and in the folder ``overlay``, made anew if there are any. For
    a companion that is the folder ``companions_overlay/KEY`` (`snapshot.manifest.Companion.key`).
    Raises `SnapshotRefused` with every reason, `TreeChanged` if anything changes meanwhile, `GitFailed`.
    """
    draft = make_draft(tree, selection, overlay=overlay, changes=changes, companions_overlay=companions_overlay)
    return complete(draft, cache=cache)


@uncollected()
def complete(draft: Draft, *, cache: DigestCache | None = None) -> Manifest:
    """The manifest of what ``draft`` lists, if the tree has been the same since; raises what `capture` does."""
    tree, seen = draft.tree, draft.seen
    with looking_on(tree, seen.travels, staying(seen)) as is_same:
        read = _read(tree, seen.travels, cache, draft.over)
        # Before the second look at the tree, so that one comparison of the repository covers both.
        companions = tuple(_capture_companion(each, cache, draft.companions_overlay) for each in seen.companions)
        entries = _describe(seen.travels, read)
        if is_same():
            # So everything was so when the look began; what was read since then is what it was if its record is.
            _look_closer(tree, seen.travels, read, draft.began)
        else:
            look_again(tree, seen, draft.selection)
    _read_fresh_again(tree, seen.travels, entries, draft.since, draft.over)
    _check_repositories(tree, seen)
    if cache is not None:
        cache.save()
    inner = tuple(Inner(path=path, git=git) for path, git in seen.inner.items())
    return Manifest(
        entries=entries,
        git=seen.git,
        inner=inner,
        selection=draft.selection,
        companions=companions,
        pointers=seen.pointers,
    )


def _capture_companion(seen: CompanionScan, cache: DigestCache | None, overlays: Path | None) -> Companion:
    """What of a companion travels, at one point in time. Raises what `capture` does."""
    beside = seen.beside
    bare = Companion(at=str(beside.at), also=tuple(map(str, beside.also)), inside=beside.inside)
    since = time.time_ns()
    own = cache.beside(bare.key) if cache is not None else None
    over = Overlay(dict.fromkeys(seen.withheld, without_credentials), overlays / bare.key if overlays else None)
    write_overlay(beside.at, seen.travels, over)
    read = _read(beside.at, seen.travels, own, over, f"{beside.inside}/")
    entries = _describe(seen.travels, read, f"{beside.inside}/")
    compare(dict(seen.travels), list_companion(beside).found, f"{beside.inside}/")
    _read_fresh_again(beside.at, seen.travels, entries, since, over)
    if own is not None:
        own.save()
    above = [_entry(".git", "dir", 0o700, 0, 0, "")] if beside.inside != ".git" else []
    top = _entry(beside.inside, "dir", beside.at.stat().st_mode & 0o7777, 0, 0, "")
    return bare.model_copy(update={"entries": (*above, top, *entries)})


def capture_paths(tree: Path, paths: Iterable[str], *, base: Manifest | None = None) -> Manifest:
    """The manifest of ``paths`` and the directories above them, outside ``.git``, without running git.

    For a tree that is not trusted: ``paths`` is what ``python -m snapshot list`` printed inside the sandbox.
    What ``base`` holds and still exists is added, so that an ignore rule made by the run deletes nothing.
    Paths that do not exist are left out. Raises `SnapshotRefused` and `TreeChanged` as `capture` does.
    """
    wanted = {path for path in paths if not in_git(path)}
    wanted |= {entry.path for entry in base.tree_entries()} if base else set()
    found = _select(tree, wanted)
    since = time.time_ns()
    entries = _describe(found, _read(tree, found, None, _PLAIN))
    compare(dict(found), _select(tree, wanted))
    _read_fresh_again(tree, found, entries, since, _PLAIN)
    return Manifest(entries=entries)


def _select(tree: Path, wanted: set[str]) -> list[Found]:
    # The walk never follows a link, so a path through one, or with `..`, selects nothing.
    listed, unlisted = walk(tree, enter=skip_git)
    above = {parent for item in listed if item.path in wanted for parent in _parents(item.path)}
    found = [item for item in listed if item.path in wanted or item.path in above]
    refusals = [
        _refuse("special-file", item.path, "is a socket, pipe or device")
        for item in found
        if entry_type(item.stat.st_mode) is None
    ]
    refusals += [_refuse("unreadable", path, "cannot be listed") for path in unlisted if path in wanted | above]
    if refusals:
        raise SnapshotRefused(refusals)
    return found


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _read(
    tree: Path, found: list[Found], cache: DigestCache | None, over: Overlay, above: str = ""
) -> list[str | Entry]:
    """Of each file that ``cache`` knows its digest; what has to be looked at for its entry is, and has ``above`` before
    its path there."""
    digests = cache.find_all(found) if cache is not None else [None] * len(found)
    with Beneath(tree) as below:
        return [
            _describe_one(below, item, cache, over, above)
            if digest is None or (over.may_replace and over.find(item.path) is not None)
            else digest
            for item, digest in zip(found, digests, strict=True)
        ]


def _look_closer(tree: Path, found: list[Found], read: list[str | Entry], began: int) -> None:
    """Raise `TreeChanged` unless what was read, and what may have changed within one tick after the look that ``began``
    then, has the record with which it was found."""
    limit = began - _TICK_NS
    known = {
        path: own
        for (path, own), entry in zip(found, read, strict=True)
        if own.st_ctime_ns > limit or (isinstance(entry, Entry) and entry.type != "dir")
    }
    with Beneath(tree) as below:
        compare(dict(known), [Found(path, _stat(below, path)) for path in known])


def _stat(below: Beneath, path: str) -> os.stat_result:
    try:
        return below.stat(path)
    except OSError as error:
        raise tell_changed([path]) from error


def _describe(found: list[Found], read: list[str | Entry], above: str = "") -> tuple[Entry, ...]:
    """The entries of ``found``, as `_read` has read them, with ``above`` before their paths."""
    entries: list[Entry] = []
    for (path, record), known in zip(found, read, strict=True):
        if isinstance(known, Entry):
            entries.append(known)
        else:
            # Most files are known: for them no more is done than has to be.
            named = above + path
            mtime_ns = record.st_mtime_ns if ".git" not in named or time_counts(named) else 0
            entries.append(_entry(named, "file", record.st_mode & 0o7777, record.st_size, mtime_ns, known))
    return tuple(entries)


def _describe_one(below: Beneath, item: Found, cache: DigestCache | None, over: Overlay, above: str) -> Entry:
    path, record = item
    named = above + path
    kind = entry_type(record.st_mode)
    mode = record.st_mode & 0o7777
    if kind == "dir":
        return _entry(named, "dir", mode, 0, 0, "")
    size = record.st_size
    try:
        if kind == "symlink":
            where, name = below.at(path)
            return link_entry(named, read_link(name, where))
        replaced = over.find(path)
        if replaced is not None:
            size, digest = replaced.size, replaced.digest
        else:
            digest = _digest(below, item, cache)
    except PermissionError as error:
        raise SnapshotRefused([refuse_unreadable(path)]) from error
    except OSError as error:
        raise tell_changed([path]) from error
    mtime_ns = record.st_mtime_ns if time_counts(named) else 0
    return _entry(named, "file", mode, size, mtime_ns, digest)


def _digest(below: Beneath, item: Found, cache: DigestCache | None) -> str:
    path, record = item
    where, name = below.at(path)
    digest = file_digest(name, record.st_size, where)
    if cache is not None:
        cache.keep(path, record, digest)
    return digest


def _entry(path: str, kind: EntryType, mode: int, size: int, mtime_ns: int, digest: str, target: str = "") -> Entry:
    # What `model_construct` does, without its look at each field: a fifth of its time, and there are very many. Not
    # validated, and with one set of field names for all: half the memory of a hundred thousand entries.
    entry = Entry.__new__(Entry)
    fields = {
        "path": path,
        "type": kind,
        "mode": mode,
        "size": size,
        "mtime_ns": mtime_ns,
        "digest": digest,
        "target": target,
    }
    _put(entry, "__dict__", fields)
    _put(entry, "__pydantic_fields_set__", _FIELDS)
    _put(entry, "__pydantic_extra__", None)
    _put(entry, "__pydantic_private__", None)
    return entry


def link_entry(path: str, target: str) -> Entry:
    """The entry of a symbolic link."""
    size = len(os.fsencode(target))
    return Entry(
        path=path, type="symlink", mode=0o777, size=size, mtime_ns=0, digest=text_digest(target), target=target
    )


def _read_fresh_again(tree: Path, found: list[Found], entries: tuple[Entry, ...], since: int, over: Overlay) -> None:
    limit = since - _TICK_NS
    fresh = [index for index, (_, own) in enumerate(found) if own.st_ctime_ns > limit or own.st_mtime_ns > limit]
    with Beneath(tree) as below:
        for path, entry in ((found[index].path, entries[index]) for index in fresh):
            if entry.type != "file":
                continue
            try:
                where, name = below.at(path)
                digest = file_digest(name, entry.size, where)
            except OSError as error:
                raise tell_changed([path]) from error
            replaced = over.find(path)
            if digest != (entry.digest if replaced is None else replaced.raw):
                raise tell_changed([path])


def _check_repositories(tree: Path, seen: Scan) -> None:
    own = {"": seen.git} if seen.git is not None else {}
    for path, summary in {**own, **seen.inner}.items():
        if _stand(read_summary(tree / path)) != _stand(summary):
            sentence = "A git command changed the repository while the tree was read."
            raise TreeChanged(sentence, (f"{path}/.git" if path else ".git",), "Try again.")


def _stand(summary: GitSummary) -> tuple[object, ...]:
    return (summary.branch, summary.head, summary.refs, summary.index)


def _refuse(code: str, path: str, what: str) -> Refusal:
    shown = show_path(path)
    return Refusal(code=code, path=shown, sentence=f"{shown!r} {what}.", way_out="Remove it, or ignore it.")
