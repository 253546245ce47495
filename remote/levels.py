"""The levels of a sandbox, strongest first, and what each of them promises."""

from collections.abc import Mapping
from typing import Literal

from agent.events import Frozen

Level = Literal["full", "open", "none"]
Need = Literal["auto", "full", "open", "none"]
"""A level that is asked for: ``auto`` is ``open`` where the host can do it and ``none`` where it cannot."""
Promise = Literal["files", "processes", "privileges", "network", "namespaces"]

LEVELS: tuple[Level, ...] = ("full", "open", "none")
_ORDER: tuple[Need, ...] = LEVELS


class Says(Frozen):
    """What a level is, in one sentence for the screen, and which promises it keeps."""

    sentence: str
    keeps: frozenset[Promise]


SAYS: Mapping[Level, Says] = {
    "full": Says(
        sentence="full: its own file system and processes, and no network but the addresses on this run's list",
        keeps=frozenset({"files", "processes", "privileges", "network", "namespaces"}),
    ),
    "open": Says(
        sentence="bubblewrap: its own file system and processes; the network is open",
        keeps=frozenset({"files", "processes", "privileges"}),
    ),
    "none": Says(
        sentence="none: the agent runs as your user on the host, with all that user may do", keeps=frozenset()
    ),
}


def stricter(host: Need, project: Need) -> Need:
    """What counts where the host's settings and the project's ask for a level each: the stronger one.

    ``auto`` gives way to any other; that a host is to have ``none`` gives way to what a project needs.
    """
    if "auto" in (host, project):
        return project if host == "auto" else host
    return host if _ORDER.index(host) < _ORDER.index(project) else project


def chosen(need: Need, best: Level) -> Level:
    """The level that a run gets where ``best`` is what works; what is less than was asked for has to be refused."""
    wanted: Level = "open" if need == "auto" else need
    return wanted if LEVELS.index(wanted) > LEVELS.index(best) else best
