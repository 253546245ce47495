"""Messages that cross panes."""

from dataclasses import dataclass

from textual.message import Message

from agent.state import SessionState


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
class Complained(Message):
    """Something did not work; ``way_out`` may be empty."""

    sentence: str
    way_out: str = ""
