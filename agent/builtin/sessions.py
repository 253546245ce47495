"""The sessions that are open in this process, and the late import of what runs them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from agent.builtin.errors import NOT_FOUND, ModelError, SessionError
from agent.builtin.model import MODEL_VARIABLE
from agent.builtin.prompt import moved_note
from agent.builtin.store import Session, Store

if TYPE_CHECKING:
    from acp.schema import PromptResponse
    from pydantic_ai.models import Model

    from agent.builtin.history import History


@dataclass
class OpenSession:
    """A session with its conversation, its running turn if any, and a note that the next prompt brings along.

    ``history`` is ``None`` while a new session has none: making one needs libraries that are still being imported.
    """

    session: Session
    history: History | None = None
    note: str = ""
    turn: asyncio.Task[PromptResponse] | None = None

    @property
    def busy(self) -> bool:
        """Whether a turn is running."""
        return self.turn is not None and not self.turn.done()

    async def stop(self) -> None:
        """Cancel the running turn, if any, and wait until nothing of it runs any more."""
        if self.turn is not None and self.busy:
            self.turn.cancel()
            await asyncio.wait([self.turn])


@dataclass
class Sessions:
    """All open sessions by id, over the store of session files."""

    store: Store
    opened: dict[str, OpenSession] = field(default_factory=dict[str, OpenSession])
    _models: dict[str, asyncio.Task[Model | ModelError]] = field(
        default_factory=dict[str, "asyncio.Task[Model | ModelError]"]
    )

    def create(self, cwd: str) -> OpenSession:
        """Start a new session in the folder ``cwd``. Raises `SessionError`."""
        check_folder(cwd)
        try:
            session = self.store.create(cwd, os.environ.get(MODEL_VARIABLE, ""))
        except OSError as error:
            raise unsaved(error) from error
        self._warm(session.record.model)
        opened = self.opened[session.record.session_id] = OpenSession(session)
        return opened

    async def open(self, session_id: str, cwd: str) -> OpenSession:
        """Open a session from its file, in the folder ``cwd``, its conversation repaired. Raises `SessionError`."""
        check_folder(cwd)
        if session_id in self.opened and self.opened[session_id].busy:
            raise busy(session_id)
        session = self.store.open(session_id)
        note = moved_note(cwd) if cwd != session.record.cwd else ""
        session.change(cwd=cwd, model=os.environ.get(MODEL_VARIABLE) or session.record.model)
        if self._models:  # one import at a time: modules that import each other must not be begun from two threads
            await asyncio.wait(self._models.values())
        history = await asyncio.to_thread(_open_history, session)
        self._warm(session.record.model)
        opened = self.opened[session_id] = OpenSession(session, history, note)
        return opened

    def find(self, session_id: str) -> OpenSession:
        """Return an open session. Raises `SessionError` for one that is not open here."""
        if session_id not in self.opened:
            sentence = f"The session “{session_id}” is not open."
            raise SessionError(sentence, "Load or resume it first.", code="session-unknown", rpc_code=NOT_FOUND)
        return self.opened[session_id]

    async def model(self, name: str) -> Model | ModelError:
        """Return the model for the string ``name``, or why there is none."""
        model = await asyncio.shield(self._warm(name))
        if isinstance(model, ModelError):
            self._models.pop(name, None)  # the next prompt looks again
        return model

    async def close(self) -> None:
        """Stop every turn."""
        for opened in self.opened.values():
            await opened.stop()

    def _warm(self, name: str) -> asyncio.Task[Model | ModelError]:
        """Begin to import the model's libraries, which takes a second or so, while the user still thinks."""
        if name not in self._models:
            self._models[name] = asyncio.create_task(asyncio.to_thread(_build_model, name))
        return self._models[name]


def check_folder(cwd: str) -> None:
    """Raise `SessionError` unless ``cwd`` is an absolute path of a folder."""
    if not Path(cwd).is_absolute() or not Path(cwd).is_dir():
        raise SessionError(f"“{cwd}” is not an absolute path of a folder.", code="session-folder")


def unsaved(error: OSError) -> SessionError:
    """Return the error for a session file that could not be written."""
    way_out = "Make room for it, or give the rights to write it, then try again."
    return SessionError(f"The session could not be saved: {error}.", way_out, code="session-unsaved")


def busy(session_id: str) -> SessionError:
    """Return the error for a session whose turn is still running."""
    sentence = f"A turn is already running in the session “{session_id}”."
    return SessionError(sentence, "Wait for it, or cancel it.", code="session-busy")


def _open_history(session: Session) -> History:
    from agent.builtin.history import History

    history = History(session)
    history.repair()
    return history


def _build_model(name: str) -> Model | ModelError:
    from agent.builtin.model_calls import build_model

    import_module("agent.builtin.turn")  # needed next: imported here, beside the user's thinking
    try:
        return build_model(name)
    except ModelError as error:
        return error
