"""Judges a trace by what a power cut may leave: a record's bytes are on disk before its name is, and its name is
before anybody is told."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tests.kills.tracing import Call

_NOT_RECORDS = {"left", "base", "tree", "run", "overlay", "parcel", "aside", "bundle", "merged"}
_SCRATCH = "castoff-undo-"
"""How a folder is named in which git makes the bundle of an undo: that has its own name when it is on disk."""
_WRITES = ("write", "pwrite64", "writev", "copy_file_range", "sendfile", "ftruncate")
_SYNCS = ("fsync", "fdatasync")
_RENAMES = ("rename", "renameat", "renameat2")


def find_faults(calls: Iterable[Call], is_record: Callable[[str], bool], known: Iterable[str] = ()) -> list[str]:
    """A sentence for each record that a power cut could tear, or that others hear of before its name is on disk.

    ``known`` are files that were there before. What one thread does between a name and its next message, or its end,
    is looked at; a thread that waits for another cannot be seen to.
    """
    unsynced: set[str] = set()
    pending: dict[int, dict[str, str]] = {}
    seen = set(known)
    faults: list[str] = []
    for call in calls:
        if call.result is None or call.result < 0:
            continue
        names = pending.setdefault(call.thread, {})
        if call.name in _WRITES and call.path.startswith("/"):
            unsynced.add(call.path)
        elif call.name in _SYNCS:
            unsynced.discard(call.path)
            for name in [name for name, folder in names.items() if folder == call.path]:
                del names[name]
        elif call.name in _RENAMES:
            source, target = call.paths[0], call.path
            if is_record(target):
                names[target] = _folder(target)
                if source in unsynced:
                    faults.append(f"{target} gets its name before its bytes are on disk")
            unsynced.discard(source)
            seen.add(target)
        elif call.creates and call.path not in seen:
            seen.add(call.path)
            if is_record(call.path):
                names[call.path] = _folder(call.path)
        if call.to_others:
            faults += [f"{name} is told of before its name is on disk" for name in names]
            names.clear()
    faults += [f"{name} is left before its name is on disk" for names in pending.values() for name in names]
    return faults


def count_renames(calls: Iterable[Call], is_record: Callable[[str], bool]) -> int:
    """How many records get their names."""
    return sum(call.name in _RENAMES and call.result == 0 and is_record(call.path) for call in calls)


def records_below(state: Path) -> Callable[[str], bool]:
    """Whether a path is a session's record: no lock, log or socket, nor anything in scratch or a store of git's."""

    def is_record(path: str) -> bool:
        if not path.startswith((f"{state}/sessions/", f"{state}/incoming/")):
            return False
        parts = path.removeprefix(f"{state}/").split("/")[2:]
        scratch = any(part.startswith(_SCRATCH) for part in parts[:-1])
        return (
            not scratch
            and not (set(parts[:-1]) & _NOT_RECORDS)
            and not path.endswith((".lock", ".log", ".sock", ".castoff-new", ".part"))
        )

    return is_record


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "/"
