"""Messages that cross panes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from agent.state import SessionState

if TYPE_CHECKING:
    from snapshot.diff import Diff


@dataclass
class StateChanged(Message):
    """The session's state, at most once a frame."""

    state: SessionState


@dataclass
class LinkChanged(Message):
    """The link to the runner came (``lost`` empty) or went, with the reason and a way out."""

    lost: str = ""
    way_out: str = ""


@dataclass
class DiffChanged(Message):
    """The diff was read, or could not be: ``trouble`` says why."""

    diff: "Diff | None"
    trouble: str = ""


@dataclass
class Complained(Message):
    """Something did not work; ``way_out`` may be empty."""

    sentence: str
    way_out: str = ""
