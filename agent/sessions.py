"""Sessions on disk: one directory each, found by id."""

import base64
import contextlib
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from agent.durable import make_private, read_model, sync_directory, write_model, write_record
from agent.errors import RecordDamaged, SessionUnknown
from agent.events import Frozen
from agent.protocol import Lease


class SessionInfo(Frozen):
    """A session's identity: nothing but its agent ever changes, wherever the session lives.

    ``project`` and ``home`` are absolute paths on the machine the session began on. ``agent`` is the profile of the
    agent that drives it now.
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
    write_model(path / "lease.json", Lease())
    # Last: a directory without it is not a session, so a crash in between leaves none.
    write_model(path / "session.json", info)
    sync_directory(path.parent)
    return SessionDir(path, info)


def open_session(path: Path) -> SessionDir:
    """The session in the directory ``path``; raises `agent.errors.RecordDamaged`."""
    return SessionDir(path, read_model(path / "session.json", SessionInfo))


def change_agent(session: SessionDir, agent: str) -> SessionDir:
    """The session, which the agent called ``agent`` drives from its next start on; nothing drives it meanwhile."""
    info = session.info.model_copy(update={"agent": agent})
    if info != session.info:
        write_model(session.path / "session.json", info)
    return SessionDir(session.path, info)


def session_paths(root: Path) -> tuple[Path, ...]:
    """The directories of all sessions under ``root``, each named by its session's id, also of damaged ones."""
    folder = root / "sessions"
    return tuple(p for p in folder.iterdir() if (p / "session.json").exists()) if folder.is_dir() else ()


def list_sessions(root: Path) -> tuple[SessionDir, ...]:
    """All sessions under ``root`` that can be read, newest first; `agent.overview` names those that cannot, too."""
    found: list[SessionDir] = []
    for path in session_paths(root):
        with contextlib.suppress(RecordDamaged):
            found.append(open_session(path))
    return tuple(sorted(found, key=lambda s: s.info.created, reverse=True))


def get_session(root: Path, session_id: str) -> SessionDir | None:
    """The session ``session_id``, or ``None`` if it is not under ``root``; raises `RecordDamaged`."""
    path = next((p for p in session_paths(root) if p.name == session_id), None)
    return open_session(path) if path is not None else None


def find_session(root: Path, prefix: str | None) -> SessionDir:
    """The one session whose id begins with ``prefix``, or the only one there is; raises `SessionUnknown`.

    Raises `RecordDamaged` when that one cannot be read.
    """
    found = sorted((p.name for p in session_paths(root) if p.name.startswith(prefix or "")), reverse=True)
    if len(found) == 1:
        return open_session(root / "sessions" / found[0])
    if not found:
        what = f"No session's id begins with {prefix!r}." if prefix else "There is no session yet."
        raise SessionUnknown(what, "castoff new starts one; castoff runs lists those on hosts.")
    ids = ", ".join(found[:5])
    raise SessionUnknown(f"More than one session fits: {ids}.", "Give more of the id.")
