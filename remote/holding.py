"""What a host has already in the directory that a tree is sent to, as it says itself.

It only saves looking and sending: what has arrived is compared by digest all the same. The statement is taken away
before anything is changed, so that a move that was cut leaves none behind.
"""

from pathlib import Path

from agent.durable import read_model, write_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from snapshot.names import Name

MOST_WITHOUT = 1000
"""Paths that may be missing: with more, nothing is stated."""


class Holding(Frozen):
    """The tree of the manifest with this ``digest``, but for the files ``without``."""

    digest: str
    without: tuple[Name, ...] = ()


def state_holding(folder: Path, holding: Holding) -> None:
    """Say what ``folder/tree`` holds."""
    if len(holding.without) <= MOST_WITHOUT:
        write_model(folder / "holding.json", holding)


def take_holding(folder: Path) -> Holding | None:
    """What ``folder/tree`` was said to hold; from now on nothing is said."""
    file = folder / "holding.json"
    try:
        return read_model(file, Holding)
    except RecordDamaged:
        # Not known, and therefore looked at by rsync.
        return None
    finally:
        file.unlink(missing_ok=True)
