"""Session files: one JSON document per session, replaced as a whole and on disk before `Session.save` returns."""

import os
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from agent.builtin.errors import NOT_FOUND, SessionError
from agent.builtin.record import Record
from agent.durable import make_private, write_record

HOME_VARIABLE = "CASTOFF_AGENT_HOME"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_SESSION_ID = re.compile(r"[a-z2-7]{12}")


@dataclass
class Session:
    """An open session: its ``record``, and ``history`` as one JSON document (bytes) per message, oldest first."""

    path: Path
    record: Record
    history: list[bytes] = field(default_factory=list[bytes])

    def change(self, **fields: object) -> None:
        """Replace fields of the record; nothing is on disk before `save`."""
        self.record = self.record.model_copy(update=fields)

    def save(self) -> None:
        """Write the session file and wait until it is on disk. Raises `OSError`."""
        self.change(updated_at=datetime.now(UTC).isoformat(timespec="seconds"))
        head = self.record.model_dump_json().encode()
        write_record(self.path, head[:-1] + b',"history":[' + b",".join(self.history) + b"]}\n")


class Store:
    """The folder of all session files of one user."""

    def __init__(self, root: Path | None = None) -> None:
        self.folder = (root or agent_home()) / "sessions"

    def create(self, cwd: str, model: str) -> Session:
        """Return a new session, already on disk."""
        make_private(self.folder)
        session_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        session = Session(self._path(session_id), Record(session_id=session_id, cwd=cwd, model=model))
        session.save()
        return session

    def open(self, session_id: str) -> Session:
        """Return the session as its file has it. Raises `SessionError` if there is none, or it cannot be read."""
        path = self._path(session_id)
        try:
            return _read(path)
        except FileNotFoundError as error:
            way_out = "session/list names the known ones."
            sentence = f"There is no session “{session_id}”."
            raise SessionError(sentence, way_out, code="session-unknown", rpc_code=NOT_FOUND) from error
        except (OSError, ValueError) as error:
            sentence = f"The session file {path} cannot be read: {error}."
            raise SessionError(sentence, "It has been left as it is.", code="session-unreadable") from error

    def records(self) -> list[Record]:
        """Return the records of all readable sessions, newest first."""
        found: list[Record] = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                found.append(_read(path).record)
            except (OSError, ValueError):
                continue  # a list shows what can be opened; opening the file by its id says what is wrong with it
        return sorted(found, key=lambda record: record.updated_at, reverse=True)

    def _path(self, session_id: str) -> Path:
        if not _SESSION_ID.fullmatch(session_id):
            sentence = f"“{session_id}” is not the id of a session: ids are 12 characters of a-z and 2-7."
            raise SessionError(sentence, code="session-unknown", rpc_code=NOT_FOUND)
        return self.folder / f"{session_id}.json"


def agent_home() -> Path:
    """Return the folder of the agent's own state."""
    configured = os.environ.get(HOME_VARIABLE)
    return Path(configured) if configured else Path.home() / ".castoff-agent"


def _read(path: Path) -> Session:
    """Raises `OSError`, and `ValueError` for a file that is not a session."""
    document: object = from_json(path.read_bytes())
    if not isinstance(document, dict) or not isinstance(cast("dict[str, object]", document).get("history"), list):
        raise ValueError("it holds no conversation")
    fields = cast("dict[str, object]", document)
    messages = cast("list[object]", fields.pop("history"))
    try:
        record = Record.model_validate(fields)
    except ValidationError as error:
        raise ValueError(f"{error.error_count()} of its fields are wrong") from error
    return Session(path, record, [to_json(message) for message in messages])
