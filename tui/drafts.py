"""The draft in the composer: what was typed, the big pastes folded in it, and where it is kept over restarts."""

import hashlib
import os
from pathlib import Path

from pydantic import Field

from agent.durable import make_private, read_model, remove_record, write_model
from agent.errors import RecordDamaged
from agent.frozen import Frozen
from tui.drawing.words import count

FOLD_LINES = 12
FOLD_CHARACTERS = 2000
"""A paste of more than this is one word in the composer."""


class Draft(Frozen):
    """A text with marks in it, and what stands behind each mark."""

    text: str = ""
    pastes: dict[str, str] = Field(default_factory=dict[str, str])

    @property
    def whole(self) -> str:
        """The text as it is sent."""
        whole = self.text
        for mark, pasted in self.pastes.items():
            whole = whole.replace(mark, pasted)
        return whole

    def fold(self, pasted: str) -> tuple["Draft", str]:
        """What to put in for ``pasted``: itself, or where it is big a mark that this draft then knows."""
        rows = pasted.count("\n") + 1
        if rows <= FOLD_LINES and len(pasted) <= FOLD_CHARACTERS:
            return self, pasted
        size = count(rows, "line") if rows > FOLD_LINES else count(len(pasted), "character")
        mark = f"[paste {len(self.pastes) + 1}: {size}]"
        return self.model_copy(update={"pastes": {**self.pastes, mark: pasted}}), mark


class DraftFile:
    """Where the draft of one session is kept, or of a project that has none yet."""

    def __init__(self, folder: Path, session_id: str, project: str) -> None:
        # A host says what its runs' ids are: nothing of that becomes a path.
        self._path = folder / hashlib.sha256(os.fsencode(session_id or f"new in {project}")).hexdigest()[:32]

    def __eq__(self, other: object) -> bool:
        """Whether both are the same file."""
        return isinstance(other, DraftFile) and other._path == self._path

    __hash__ = None  # type: ignore[assignment]

    def read(self) -> Draft:
        """The draft; an empty one where none was kept, or what was kept cannot be read."""
        try:
            return read_model(self._path, Draft)
        except (RecordDamaged, OSError):
            return Draft()

    def keep(self, draft: Draft) -> None:
        """Keep it; an empty one leaves no file. Raises `OSError`."""
        if draft.text.strip():
            make_private(self._path.parent)
            write_model(self._path, draft)
        else:
            remove_record(self._path)
