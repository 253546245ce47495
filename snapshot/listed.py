"""What travels, by path, kind and size: all that sending it needs to know."""

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
