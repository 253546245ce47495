"""What travels, by path, kind and size: all that sending it needs to know."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from snapshot.manifest import EntryType


class Named(Protocol):
    """One thing that travels; the fields are those of `snapshot.manifest.Entry`, which is one."""

    @property
    def path(self) -> str:
        """Relative to the tree."""
        ...

    @property
    def type(self) -> EntryType:
        """What it is."""
        ...

    @property
    def size(self) -> int:
        """In bytes."""
        ...


class Listed(NamedTuple):
    """A `Named` that has not been read."""

    path: str
    type: EntryType
    size: int


def count(travels: Iterable[Named]) -> tuple[int, int]:
    """How many of them are files and links, and the bytes of those."""
    sizes = [each.size for each in travels if each.type != "dir"]
    return len(sizes), sum(sizes)
