"""The levels of a sandbox, strongest first, and what each of them promises."""

from collections.abc import Mapping
from typing import Literal

from agent.events import Frozen

Level = Literal["full", "open", "reduced", "none"]
Need = Literal["auto", "full", "open", "reduced", "none"]
"""The least level that is asked for: ``auto`` is ``open`` where the host can do it, and else the best there is."""
Promise = Literal["files", "traces", "processes", "sight", "number", "machine", "privileges", "network", "namespaces"]
"""``files``: what they hold, and lists of them; ``traces``: that they are there, their sizes and modes; ``processes``:
what others hold and do; ``sight``: that they are there, signals, and memory that they share; ``number``: how many the
run itself may have; ``machine``: its share of memory and disk, which no level alone limits."""

LEVELS: tuple[Level, ...] = ("full", "open", "reduced", "none")
_ORDER: tuple[Need, ...] = LEVELS


class Says(Frozen):
    """What a level is, in one sentence for the screen, and which promises it keeps."""

    sentence: str
    keeps: frozenset[Promise]


SAYS: Mapping[Level, Says] = {
    "full": Says(
        sentence="full: its own file system and processes, and no network but the addresses on this run's list",
        keeps=frozenset({"files", "traces", "processes", "sight", "number", "privileges", "network", "namespaces"}),
    ),
    "open": Says(
        sentence="bubblewrap: its own file system and processes; the network is open",
        keeps=frozenset({"files", "traces", "processes", "sight", "number", "privileges"}),
    ),
    "reduced": Says(
        sentence="reduced: no files but its own and the system's; it sees and may signal other processes there, the "
        "network is open, and the tree is at another path than here",
        keeps=frozenset({"files", "processes", "number", "privileges"}),
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
    wanted: Level = "open" if need in ("auto", "reduced") else need
    return wanted if LEVELS.index(wanted) > LEVELS.index(best) else best


def falls_short(need: Need, level: Level) -> bool:
    """Whether ``level`` is less than what was asked for, or hoped for with ``auto``."""
    return LEVELS.index(level) > LEVELS.index("open" if need == "auto" else need)


def maps_paths(level: Level) -> bool:
    """Whether the tree and HOME of a run appear at the laptop's paths."""
    return level in ("full", "open")
