"""The tree that a session began with, on its way to a host: so that a run's diff can count from there.

It lies in the session's directory as two files: the id of the tree, and a pack of what no repository holds of it,
which the host may have already. Where it does not travel, a third one says why.
"""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.durable import write_record
from agent.sessions import SessionDir
from remote.place import base_store
from snapshot.errors import GitFailed, StartStays
from snapshot.selection import Selection

if TYPE_CHECKING:
    from snapshot.start import Start

START_ID = "start.id"
START_PACK = "start.pack"
START_WHY = "start.why"
START = (START_ID, START_PACK, START_WHY)

Since = Literal["handoff", "start"]
"""What a run's diff counts from: its last handoff, or the session's start."""


def keep_start(session: SessionDir, selection: Selection, masked: Collection[str], held: str) -> None:
    """Make the files anew for a handoff that takes ``selection`` along and ``masked`` files otherwise than they are, to
    a host that holds the tree ``held`` (`snapshot.start.held_start`).

    Where the beginning does not travel, `read_why` tells why, on the host too: the run goes on without, and its diffs
    count from the handoff. Raises `OSError`.
    """
    for name in START:
        (session.path / name).unlink(missing_ok=True)
    try:
        start = _pack(session, selection, masked, held)
    except StartStays as why:
        _say_why(session, str(why))
        return
    if start.pack is not None:
        write_record(session.path / START_PACK, start.pack)
    write_record(session.path / START_ID, start.tree_id.encode() + b"\n")


def drop_start(session: SessionDir) -> None:
    """What came is not whole: the run goes without, and says so."""
    _say_why(session, "What the session began with is not whole on the host: its repository lacks a part.")
    (session.path / START_ID).unlink()


def read_start(session: SessionDir) -> str:
    """The id of the tree that the session began with, "" where it is not known."""
    path = session.path / START_ID
    return path.read_text().strip() if path.exists() else ""


def read_why(session: SessionDir) -> str:
    """Why what the session began with is not known, as a sentence; "" where nobody said."""
    path = session.path / START_WHY
    return path.read_text() if path.exists() else ""


def _pack(session: SessionDir, selection: Selection, masked: Collection[str], held: str) -> "Start":
    base, store = session.path / "base.id", base_store(session.path)
    if not base.exists() or not store.exists():
        raise StartStays("What the session began with was not kept.")
    from snapshot.start import pack_start

    try:
        return pack_start(Path(session.info.project), store, base.read_text().strip(), selection, masked, held)
    except GitFailed as error:
        # The store may be of a repository that is another one by now.
        raise StartStays(f"What the session began with could not be read when it left: {error}") from error


def _say_why(session: SessionDir, why: str) -> None:
    write_record(session.path / START_WHY, why.encode())
