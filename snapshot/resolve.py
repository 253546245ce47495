"""What to do about a conflict or a change that was held back: sentences, and commands to paste into a shell.

The commands are meant for the tree's folder. They hold no character that a terminal obeys, whatever a file is called.
"""

import os
import shlex
from pathlib import Path

from snapshot.manifest import Entry, Frozen
from snapshot.merge import Conflict, Kind
from snapshot.texts import Folders

_SENTENCES: dict[Kind, str] = {
    "text": "was changed on both sides; the lines that clash are marked in it",
    "binary": "was changed on both sides and cannot be merged by lines; yours stays",
    "added": "was made on both sides, each its own; yours stays",
    "link": "is a link that both sides changed; yours stays",
    "type": "is one kind of thing here and another in the run; yours stays",
    "mode": "has other permissions on both sides; yours stay",
    "deleted-there": "was deleted by the run and changed here; yours stays",
    "deleted-here": "was deleted here and changed by the run; the run's is here again",
    "special": "is something here that cannot be read or replaced; it stays",
}


class Way(Frozen):
    """A way to settle a conflict: whose version it takes, and the command."""

    takes: str
    command: str


def describe_conflict(conflict: Conflict) -> str:
    """A sentence without its subject, which is the path."""
    return _SENTENCES[conflict.kind]


def find_ways(conflict: Conflict, folders: Folders) -> tuple[Way, ...]:
    """How to settle a conflict the one or the other way, once the pull is done."""
    path, here, run = conflict.path, conflict.here, conflict.run
    match conflict.kind:
        case "text":
            found = [
                Way(takes="yours", command=copy_command(folders.here, path)),
                Way(takes="the run's", command=copy_command(folders.run, path)),
            ]
        case "mode":
            mode = run.mode if run is not None else 0
            found = [Way(takes="the run's", command=f"chmod {mode:o} -- {quote(path)}")]
        case "deleted-there":
            found = [Way(takes="the run's", command=f"rm -- {quote(path)}")] if _is_no_folder(here) else []
        case "deleted-here":
            found = [Way(takes="yours", command=f"rm -- {quote(path)}")]
        case "type" | "special":
            found = _replacing(path, run, folders)
        case _:
            found = [Way(takes="the run's", command=take_command(path, run, folders))]
    return tuple(found)


def take_command(path: str, run: Entry | None, folders: Folders, left: Entry | None = None) -> str:
    """The command that makes ``path`` what the run made of what ``left``; ``run`` is None if it deleted it."""
    if run is None:
        return f"rm -- {quote(path)}"
    if run.type == "symlink":
        return f"ln -sfn -- {quote(run.target)} {quote(path)}"
    mode = f"chmod {run.mode:o} -- {quote(path)}"
    if left is not None and (left.type, left.digest) == (run.type, run.digest):
        return mode
    folder = path.rpartition("/")[0]
    before = f"mkdir -p -- {quote(folder)} && " if folder else ""
    return before + copy_command(folders.run, path) + (f" && {mode}" if run.mode & 0o111 else "")


def copy_command(folder: Path, path: str) -> str:
    """The command that copies ``path`` out of one of our folders."""
    return f"cp -- {quote(str((folder / path).absolute()))} {quote(path)}"


def _replacing(path: str, run: Entry | None, folders: Folders) -> list[Way]:
    if run is None:
        return []
    aside = f"mv -- {quote(path)} {quote(path + '.here')} && "
    if run.type != "dir":
        return [Way(takes="the run's", command=aside + take_command(path, run, folders))]
    source = quote(str((folders.run / path).absolute()))
    return [Way(takes="the run's", command=f"{aside}cp -R -- {source} {quote(path)}")]


def _is_no_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.type != "dir"


def quote(text: str) -> str:
    """``text`` as one word for sh, bash and zsh; what a terminal might obey is written as ``$'...'`` has it."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = (_escape(char) for char in text)
    return f"$'{''.join(escaped)}'"


def _escape(char: str) -> str:
    if char in "'\\":
        return f"\\{char}"
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(char))
