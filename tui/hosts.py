"""Which host a session can be cast off to now, or why to none."""

from collections.abc import Sequence

from tui.backend import HostCard, Place
from tui.errors import TuiError


def choose_host(place: Place | None, hosts: Sequence[HostCard], asked: str, *likely: str) -> str:
    """The host ``asked`` for, else the first of the ``likely`` that there is, else the first of all; empty where there
    is no host yet.

    Raises `tui.errors.TuiError` where nothing can be cast off, or not there.
    """
    names = [h.name for h in hosts]
    if place is None:
        way_out = "Ask the agent for something first."
        if not names:
            way_out += " And castoff host add NAME USER@ADDRESS, in a terminal, names a machine to cast off to."
        raise TuiError("There is nothing to cast off yet.", way_out)
    if place.host:
        raise TuiError(f"This session is on {place.host} already.", "Pull it back first (Ctrl+L).")
    if asked and asked not in names:
        known = ", ".join(names) or "none yet"
        raise TuiError(f"There is no host {asked!r}.", f"There are: {known}. castoff host add adds one.")
    return asked or next((name for name in (*likely, *names) if name in names), "")
