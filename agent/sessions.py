"""Sessions on disk: one directory each, found by id."""

import base64
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from agent.durable import make_private, read_model, sync_directory, write_model, write_record
from agent.errors import SessionUnknown
from agent.events import Frozen


class SessionInfo(Frozen):
    """A session's identity: it never changes, wherever the session lives.

    ``project`` and ``home`` are absolute paths on the machine the session began on.
    """

    id: str
    title: str
    project: str
    home: str
    agent: str
    created: float


@dataclass(frozen=True)
class SessionDir:
    """A session's directory: its parts by name."""

    path: Path
    info: SessionInfo

    @property
    def id(self) -> str:
        """The session's id."""
        return self.info.id

    @property
    def journal(self) -> Path:
        """The append-only log of events."""
        return self.path / "journal.jsonl"

    @property
    def frames(self) -> Path:
        """The raw ACP frames, kept losslessly beside the journal."""
        return self.path / "acp.jsonl"

    def move(self, epoch: int) -> Path:
        """The directory of receipts of the change of hands to ``epoch``, made at need."""
        return make_private(self.path / "moves" / str(epoch))


def new_id() -> str:
    """Twelve lower-case characters: 60 random bits."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()[:12]


def create_session(root: Path, project: Path, agent: str, title: str = "") -> SessionDir:
    """Make a session for the tree ``project`` under the state directory ``root``, held here at epoch 1."""
    info = SessionInfo(
        id=new_id(),
        title=title or project.name,
        project=str(project),
        home=str(Path.home()),
        agent=agent,
        created=time.time(),
    )
    path = make_private(root / "sessions") / info.id
    path.mkdir(mode=0o700)
    write_record(path / "journal.jsonl", b"")
    write_record(path / "lease.json", b'{"epoch": 1, "state": "held"}\n')
    # Last: a directory without it is not a session, so a crash in between leaves none.
    write_model(path / "session.json", info)
    sync_directory(path.parent)
    return SessionDir(path, info)


def open_session(path: Path) -> SessionDir:
    """The session in the directory ``path``; raises `agent.errors.RecordDamaged`."""
    return SessionDir(path, read_model(path / "session.json", SessionInfo))


def list_sessions(root: Path) -> tuple[SessionDir, ...]:
    """All sessions under ``root``, newest first; raises `agent.errors.RecordDamaged` for one that cannot be read."""
    folder = root / "sessions"
    if not folder.is_dir():
        return ()
    found = [open_session(p) for p in folder.iterdir() if (p / "session.json").exists()]
    return tuple(sorted(found, key=lambda s: s.info.created, reverse=True))


def find_session(root: Path, prefix: str | None) -> SessionDir:
    """The one session whose id begins with ``prefix``, or the only one there is; raises `SessionUnknown`."""
    found = [s for s in list_sessions(root) if s.id.startswith(prefix or "")]
    if len(found) == 1:
        return found[0]
    if not found:
        what = f"No session's id begins with {prefix!r}." if prefix else "There is no session yet."
        raise SessionUnknown(what, "castoff new starts one; castoff runs lists those on hosts.")
    ids = ", ".join(s.id for s in found[:5])
    raise SessionUnknown(f"More than one session fits: {ids}.", "Give more of the id.")
