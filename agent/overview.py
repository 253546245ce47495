"""All sessions on this machine with who owns them; one whose records are damaged hides none of the others."""

from dataclasses import dataclass
from pathlib import Path

from agent.errors import JournalDamaged, RecordDamaged
from agent.lease import Lease, read_lease
from agent.sessions import SessionDir, open_session, session_paths


@dataclass(frozen=True)
class Damaged:
    """A session that cannot be read, and why."""

    id: str
    error: RecordDamaged | JournalDamaged

    def __str__(self) -> str:
        """A sentence for the user."""
        return f"The session {self.id} cannot be read: {self.error} {self.error.way_out}".strip()


@dataclass(frozen=True)
class Overview:
    """Sessions that are whole, newest first, each with its lease; and those that are not."""

    whole: tuple[tuple[SessionDir, Lease], ...]
    damaged: tuple[Damaged, ...]

    def doubtful(self) -> tuple[tuple[SessionDir, Lease], ...]:
        """Those of which a host has to be asked how they stand: they are there, or may be."""
        return tuple((session, lease) for session, lease in self.whole if lease.state != "held" or lease.to)


def look_over(root: Path) -> Overview:
    """All sessions under the state directory ``root``."""
    whole: list[tuple[SessionDir, Lease]] = []
    damaged: list[Damaged] = []
    for path in session_paths(root):
        try:
            session = open_session(path)
            whole.append((session, read_lease(session)))
        except RecordDamaged as error:
            damaged.append(Damaged(path.name, error))
    return Overview(tuple(sorted(whole, key=lambda each: each[0].info.created, reverse=True)), tuple(damaged))
