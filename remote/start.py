"""The tree that a session began with, on its way to a host: so that a run's diff can count from there.

It lies in the session's directory as two files: the id of the tree, and a pack of what no repository holds of it.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from agent.durable import write_record
from agent.sessions import SessionDir
from remote.place import base_store
from snapshot.errors import GitFailed
from snapshot.selection import Selection

START_ID = "start.id"
START_PACK = "start.pack"

Since = Literal["handoff", "start"]
"""What a run's diff counts from: its last handoff, or the session's start."""


def keep_start(session: SessionDir, selection: Selection, masked: Collection[str]) -> None:
    """Make both files anew for a handoff that takes ``selection`` along and ``masked`` files otherwise than they are.

    There are none where the beginning is not known, or may not or cannot travel: nothing else depends on them.
    """
    (session.path / START_ID).unlink(missing_ok=True)
    (session.path / START_PACK).unlink(missing_ok=True)
    base, store = session.path / "base.id", base_store(session)
    if not base.exists() or not store.exists():
        return
    from snapshot.start import pack_start

    try:
        start = pack_start(Path(session.info.project), store, base.read_text().strip(), selection, masked)
    except GitFailed:
        # The store may be of a repository that is another one by now; the run goes without.
        return
    if start is not None:
        write_record(session.path / START_PACK, start.pack)
        write_record(session.path / START_ID, start.tree_id.encode() + b"\n")


def read_start(session: SessionDir) -> str:
    """The id of the tree that the session began with, "" where it is not known."""
    path = session.path / START_ID
    return path.read_text().strip() if path.exists() else ""
