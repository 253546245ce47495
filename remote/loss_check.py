"""The loss report of one handoff: what is looked up here, what the user chose, and what is asked of the host."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from agent.profiles import load_profile
from agent.sessions import SessionDir
from remote.findings import Problem, Stays
from remote.host_protocol import Seen
from remote.losses import carried_files, carried_patterns, object_to, report_losses
from remote.parcel import fold
from remote.stock import Stock, take_stock
from remote.terms import Terms
from remote.tools import MOST_ASKED, find_here
from snapshot.git import git
from snapshot.refusal import Kept
from snapshot.secrets import scan_file
from snapshot.selection import Selection
from snapshot.survey import Survey


class LossCheck:
    """What one handoff of ``session`` under ``terms`` leaves behind. `look` comes first."""

    def __init__(self, session: SessionDir, terms: Terms) -> None:
        self._session = session
        self._terms = terms
        self._tree = Path(session.info.project)
        self._stock = Stock()
        self._kept: tuple[Kept, ...] = ()
        self._lost_files: frozenset[str] = frozenset()

    def look(self) -> None:
        """Take stock of this machine; takes a moment. Raises `agent.errors.AgentError`."""
        profile = load_profile(self._session.info.agent)
        self._stock = take_stock(self._session, profile, fold(self._session).blocks)

    def choose(self, seen: Survey, selection: Selection) -> Selection:
        """``selection`` with what the user carries of what stays under it, and without what cannot be read.

        Raises `snapshot.errors.GitFailed`.
        """
        self._kept = seen.stays
        filters = find_here(seen.programs, os.environ.get("PATH"))
        self._stock = self._stock.model_copy(update={"filters": filters})
        include = (*selection.include, *carried_patterns(seen.stays, self._terms.carry))
        leave = (*selection.leave, *seen.closed)
        chosen = Selection(include=include, exclude=selection.exclude, leave=leave)
        asked = (*self._stock.own_programs, *(each.file for each in self._stock.project_mcp))
        ignored = _ignored(self._tree, asked) if seen.summary is not None else set[str]()
        self._lost_files = frozenset(
            name
            for name in asked
            if chosen.excludes(name, folder=False) or (name in ignored and not chosen.includes(name, folder=False))
        )
        return chosen

    @property
    def wanted_programs(self) -> tuple[str, ...]:
        """What the host is asked for before anything moves: programs that are not part of the tree."""
        used = (*self._stock.filters, *self._stock.programs)
        return tuple(dict.fromkeys(program.name for program in used))

    @property
    def used_programs(self) -> tuple[str, ...]:
        """What is looked for on arrival: those, and the programs in the tree, relative to it."""
        own = (f"./{name}" for name in self._stock.own_programs)
        return (*self.wanted_programs, *own)[:MOST_ASKED]

    @property
    def carried(self) -> tuple[str, ...]:
        """The files outside the tree that travel, relative to HOME."""
        return carried_files(self._stock, self._terms.carry, self._session.info.home)

    @property
    def left_outside(self) -> tuple[str, ...]:
        """The files outside the tree that stay, by absolute path."""
        home = Path(self._session.info.home)
        carried = {str(home / name) for name in self.carried}
        return tuple(each.path for each in self._stock.outside if not each.folder and each.path not in carried)

    def report(self, seen: Seen, variables: Iterable[str]) -> tuple[tuple[Stays, ...], tuple[Problem, ...]]:
        """Everything that stays, and what is against going on with it; ``variables`` are names of those that go along.

        Reads the files that are carried.
        """
        home = self._session.info.home
        set_there = seen.model_copy(update={"variables": (*seen.variables, *variables)})
        stays = report_losses(self._kept, self._stock, self._lost_files, set_there, self._terms, home)
        return stays, (*object_to(stays, self._terms), *self._secrets())

    def _secrets(self) -> list[Problem]:
        problems: list[Problem] = []
        for name in self.carried:
            hits = scan_file(Path(self._session.info.home) / name, name)
            if hits:
                sentence = f"~/{name} holds what looks like a secret: {hits[0].description}, line {hits[0].line}."
                problems.append(Problem(code="secret", sentence=sentence, way_out="Leave it here."))
        return problems


def _ignored(tree: Path, names: Sequence[str]) -> set[str]:
    """Those of ``names`` that git ignores and does not track."""
    if not names:
        return set()
    asked = b"\0".join(os.fsencode(name) for name in names) + b"\0"
    out = git("check-ignore", "-z", "--stdin", tree=tree, stdin=asked, accept=(0, 1)).out
    return {name for name in os.fsdecode(out).split("\0") if name}
