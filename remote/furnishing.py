"""What a run gets on its host besides its tree: variables of the laptop's, and the project's setup commands.

Variables lie in one file beside the session, readable by its user alone, and are gone when the run goes home.
"""

from collections.abc import Mapping

from pydantic import Field

from agent.durable import read_model, remove_record, write_model
from agent.events import Frozen
from agent.sessions import SessionDir
from agent.setup import SetupCommand
from remote.egress import Egress


class Furnishing(Frozen):
    """``setup`` in the order in which the commands run; ``variables`` by name, and never shown."""

    setup: tuple[SetupCommand, ...] = ()
    egress: Egress = Egress()
    """What the project needs of the network, where the sandbox has none of its own."""
    variables: Mapping[str, str] = Field(default={}, repr=False)


def keep_furnishing(session: SessionDir, furnishing: Furnishing) -> None:
    """Keep it for the run, in place of an earlier stay's."""
    write_model(session.path / "furnishing.json", furnishing)


def read_furnishing(session: SessionDir) -> Furnishing:
    """What the run has; raises `agent.errors.RecordDamaged`."""
    path = session.path / "furnishing.json"
    return read_model(path, Furnishing) if path.exists() else Furnishing()


def drop_furnishing(session: SessionDir) -> None:
    """The run is here no more: its variables are not kept."""
    remove_record(session.path / "furnishing.json")
