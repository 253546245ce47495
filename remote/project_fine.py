"""What a user has called fine, in a project's own settings: not found again in any later run of the project."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, cast

import tomlkit

from agent.durable import write_record
from agent.gates import GATES
from remote.agreement import agree, is_agreed
from remote.errors import ProjectFileInvalid
from remote.project import NAME, parse_settings, read_project

_TIMED = frozenset({"silence", "alone_hours"})
_LARGEST = 64 * 1024


def can_be_fine(rule: str) -> bool:
    """Whether what ``rule`` finds can be fine once and for all: a gate is passed, and time is no habit."""
    return rule not in GATES | _TIMED


def teach_fine(tree: Path, rule: str, key: str) -> str:
    """`add_fine` where there is a project and something to learn; returns the sentence that says so, or ""."""
    if not can_be_fine(rule) or not tree.is_dir() or not add_fine(tree, f"{rule}: {key}"):
        return ""
    return f"Wrote {rule}: {key} into the project's {NAME}; castoff budget RUN --not-fine takes it out."


def add_fine(tree: Path, matter: str) -> bool:
    """Write ``matter``, a verdict's ``rule: key``, into the project's file; returns whether it was not there yet.

    What the user had agreed to in this project stays agreed to, with this. Raises `ProjectFileInvalid`,
    `agent.errors.RecordDamaged`.
    """
    # What holds so far, also by the user's own file: this project's list takes its place.
    fine = read_project(tree).settings.watch.fine
    if matter in fine:
        return False
    _write(tree, (*fine, matter))
    return True


def remove_fine(tree: Path, matter: str) -> bool:
    """Take it out again; returns whether it was there. Raises as `add_fine`."""
    fine = read_project(tree).asks.watch.fine
    if matter not in fine:
        return False
    _write(tree, tuple(each for each in fine if each != matter))
    return True


def _write(tree: Path, fine: tuple[str, ...]) -> None:
    path = tree / NAME
    before = read_project(tree)
    agreed = is_agreed(tree, before)
    if path.is_symlink():
        # A project may bring one along, and what it leads to is not the project's.
        raise ProjectFileInvalid(f"{path} is a link: castoff does not write to it.", "Write into its [watch] yourself.")
    document = tomlkit.parse(path.read_bytes() if path.exists() else b"")
    watch = cast(MutableMapping[str, Any], document.setdefault("watch", tomlkit.table()))
    if fine:
        watch["fine"] = list(fine)
    else:
        del watch["fine"]
    text = tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType]  # tomlkit types its sort_keys argument partly
    parse_settings(text, str(path))
    if len(text.encode()) > _LARGEST:
        raise ProjectFileInvalid(f"{path} would be too large.", "Take something out of it.")
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    try:
        write_record(path, text.encode(), mode)
    except OSError as error:
        raise ProjectFileInvalid(
            f"{path} cannot be written: {error.strerror}.", "See to it, and say it again."
        ) from error
    if agreed:
        # The user said so here and now; what the file asks for besides was agreed to already.
        agree(tree, read_project(tree))
