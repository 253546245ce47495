"""Where a run lives on its host: the record that turns a session's directory into a run's."""

from pathlib import Path

from agent.durable import make_private, read_model, write_model
from agent.events import Frozen
from agent.paths import state_dir
from agent.sessions import SessionDir
from remote.levels import Level
from snapshot.names import Name

SandboxLevel = Level


class Beside(Frozen):
    """What the tree's repositories need: ``source`` on the host, and where the agent sees it, if it is ``needed`` or
    can be shown there."""

    source: Name
    at: Name
    writable: bool = True
    needed: bool = True


class Place(Frozen):
    """``tree`` and ``home`` are on the host; ``tree_at`` and ``home_at`` are where the agent sees them."""

    host: str
    origin: str
    sandbox: SandboxLevel
    tree: str
    tree_at: str
    home: str
    home_at: str
    beside: tuple[Beside, ...] = ()


def read_place(session: SessionDir) -> Place | None:
    """The place of a run, or ``None`` for a session that lives where it began."""
    path = session.path / "place.json"
    return read_model(path, Place) if path.exists() else None


def write_place(session_path: Path, place: Place) -> None:
    """Make the record durable."""
    write_model(session_path / "place.json", place)


def tree_path(run_id: str) -> Path:
    """Where the tree of a run is kept on this host."""
    return make_private(state_dir() / "trees") / run_id


def companions_path(run_id: str) -> Path:
    """Where the directories beside the tree of a run are kept on this host."""
    return make_private(state_dir() / "companions") / run_id


def home_path(run_id: str) -> Path:
    """Where the HOME of a run is kept on this host."""
    return make_private(state_dir() / "homes") / run_id


def incoming_path(run_id: str) -> Path:
    """Where what is being sent to this host is gathered until it is accepted."""
    return make_private(state_dir() / "incoming") / run_id


def leftovers_path(run_id: str) -> Path:
    """Where it is written down what of a run's tree stays on this host when the run goes home."""
    return make_private(state_dir() / "leftovers") / f"{run_id}.json"


def base_store(session_path: Path) -> Path:
    """The object store of the base that diffs are made against."""
    return session_path / "base"
