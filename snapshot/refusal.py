"""Why a tree, or one thing in it, cannot travel exactly; and what stays on purpose."""

from snapshot.manifest import Frozen


class Refusal(Frozen):
    """One reason not to send. ``path`` is what it is about, "" for the whole tree."""

    code: str
    path: str
    sentence: str
    way_out: str = ""


class Kept(Frozen):
    """One class of things that stays here, and why. ``size`` in bytes.

    ``patterns`` are what `snapshot.selection.Selection.include` would take for all of it to travel, none where that
    cannot be said.
    """

    what: str
    why: str
    files: int = 0
    size: int = 0
    patterns: tuple[str, ...] = ()
    lost: bool = False
    """Whether it would have travelled if it could be read."""
