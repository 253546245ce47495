"""What the project's settings make of one handoff: what is selected, what goes along, and whether that is agreed to."""

import os
from collections.abc import Iterable
from pathlib import Path

from agent.deeds import Rules
from agent.sessions import SessionDir
from agent.watch import Watch
from remote.agreement import agree, find_disagreement
from remote.egress import Egress, find_hosts
from remote.findings import Extras, Problem, Stays
from remote.furnishing import Furnishing
from remote.levels import Need, stricter
from remote.project import Project, read_project
from remote.terms import Terms
from snapshot.git import git
from snapshot.refusal import Kept
from snapshot.selection import Selection
from snapshot.survey import Survey


class ProjectCheck:
    """The settings of ``session``'s project, read once and held for the whole handoff."""

    def __init__(self, session: SessionDir, terms: Terms) -> None:
        self._tree = Path(session.info.project)
        self._terms = terms
        self._project = Project()

    def look(self) -> Selection:
        """Read the settings; returns what they select. Raises `remote.errors.ProjectFileInvalid`."""
        self._project = read_project(self._tree)
        return self._project.selection(leave=self._terms.leave)

    def report(self, seen: Survey) -> Extras:
        """What goes along beyond what git does not ignore, and what will be run."""
        settings = self._project.settings
        return Extras(
            included=_told(seen.included),
            companions=_told(seen.companions),
            env=settings.env,
            setup=tuple(command.run for command in settings.setup),
            rules=self.rules,
        )

    @property
    def watch(self) -> Watch:
        """By what runs of the project are watched."""
        return Watch.model_validate(self._project.settings.watch.model_dump())

    @property
    def rules(self) -> Rules:
        """What this run asks for, and what it is refused."""
        return self._project.settings.policy.unattended.rules | self._terms.rules

    def object(self) -> tuple[Problem, ...]:
        """What was not agreed to, not even now, and which variables have no value here."""
        if self._terms.agree and self._terms.agree == self._project.digest:
            agree(self._tree, self._project)
        unset = [name for name in self._project.settings.env if name not in os.environ]
        problems = find_disagreement(self._tree, self._project)
        if unset:
            several = "are" if len(unset) > 1 else "is"
            sentence = f"{', '.join(unset)} {several} not set here and will not be set there."
            way_out = "Set it where castoff is started, or take it out of env."
            problems.append(Problem(code="env-unset", sentence=sentence, way_out=way_out, blocking=False))
        return tuple(problems)

    @property
    def furnishing(self) -> Furnishing:
        """What the run gets there; the variables have the values of this very moment."""
        settings = self._project.settings
        values = {name: os.environ[name] for name in settings.env if name in os.environ}
        listed = Egress(allow=settings.network.allow, private=settings.network.private)
        return Furnishing(setup=settings.setup, variables=values, egress=listed.joined(_find_remotes(self._tree)))

    def need(self, host: Need) -> Need:
        """The level of sandbox that counts where the host's settings ask for ``host``."""
        return stricter(host, self._project.settings.sandbox)


def _find_remotes(tree: Path) -> Egress:
    """The servers of the repository's remotes that speak HTTP; none where there is no repository."""
    if not (tree / ".git").exists():
        return Egress()
    names = r"^remote\..*\.(url|pushurl)$"
    said = git("config", "--get-regexp", names, tree=tree, accept=(0, 1)).out.decode(errors="replace")
    return Egress(allow=tuple(dict.fromkeys(find_hosts(said))))


def _told(kept: Iterable[Kept]) -> tuple[Stays, ...]:
    return tuple(Stays(what=each.what, why=each.why, files=each.files, size=each.size) for each in kept)
