"""A handoff's preflight: everything that can be known before anything changes."""

import asyncio
import os
from pathlib import Path

from agent.sessions import SessionDir
from remote.agents import find_version
from remote.config import Host, Settings
from remote.findings import Extras, HostFacts, Problem, Stays
from remote.host_client import HostClient
from remote.host_protocol import Look, Seen
from remote.levels import stricter
from remote.loss_check import LossCheck
from remote.project_check import ProjectCheck
from remote.secret_check import SecretCheck
from remote.size_limits import check_size
from remote.steps import Preflighted
from remote.terms import Terms
from snapshot.scan import Scan, scan
from snapshot.selection import Selection
from snapshot.survey import Survey, survey_with_scan


class Preflight:
    """What a handoff of ``session`` to ``host`` under ``terms`` would move, leave and meet. `look` comes first."""

    def __init__(self, session: SessionDir, host: Host, terms: Terms) -> None:
        self.secrets = SecretCheck(session, terms)
        self.losses = LossCheck(session, terms)
        self.project = ProjectCheck(session, terms)
        self.selection = Selection(leave=terms.leave)
        self.seen: Preflighted | None = None
        self._session = session
        self._host = host
        self._terms = terms

    async def look(self, client: HostClient) -> Preflighted:
        """Look here and ask the host.

        Raises `RemoteError`, `snapshot.errors.SnapshotError` and `agent.errors.AgentError`.
        """
        seen, tree = await self._look_here()
        question = await asyncio.to_thread(self._question, seen)
        secrets, facts = await asyncio.gather(asyncio.to_thread(self.secrets.look, tree), client.ask(question, Seen))
        stays, objections = await asyncio.to_thread(self.losses.report, facts, self.project.furnishing.variables)
        large = check_size(seen, Settings().limits())
        problems = (*self.project.object(), *large, *secrets, *objections)
        self.seen = _preflighted(client, facts, seen, stays, problems, self.project.report(seen))
        return self.seen

    async def _look_here(self) -> tuple[Survey, Scan]:
        """What of the tree travels, by the project's settings and what the user carries: as it is told, and itself."""
        tree = Path(self._session.info.project)
        selection = await asyncio.to_thread(self.project.look)
        (seen, found), _ = await asyncio.gather(
            asyncio.to_thread(survey_with_scan, tree, selection), asyncio.to_thread(self.losses.look)
        )
        self.selection = await asyncio.to_thread(self.losses.choose, seen, selection)
        if self._terms.carry:
            return await asyncio.to_thread(survey_with_scan, tree, self.selection)
        # A large tree is looked at once; what cannot be read is told of, and then left out.
        return seen, found if self.selection == selection else await asyncio.to_thread(scan, tree, self.selection)

    def _question(self, seen: Survey) -> Look:
        info = self._session.info
        return Look(
            agent=self._terms.agent or info.agent,
            version="" if self._terms.agent else find_version(info.agent),
            size=seen.size,
            tree_at=info.project,
            home_at=info.home,
            sandbox=stricter(self.project.need(self._host.sandbox), self._terms.sandbox),
            model=os.environ.get("CASTOFF_MODEL", ""),
            programs=self.losses.wanted_programs,
            beside=seen.beside,
        )


def _preflighted(
    client: HostClient,
    seen: Seen,
    tree: Survey,
    stays: tuple[Stays, ...],
    problems: tuple[Problem, ...],
    extras: Extras,
) -> Preflighted:
    facts = HostFacts(
        host=client.connection.name,
        user=seen.user,
        system=seen.system,
        runtime=client.runtime.runtime_id,
        sandbox=seen.sandbox,
        sandbox_detail=seen.sandbox_detail,
        free=seen.free,
        rtt=client.connection.rtt,
    )
    refused = [Problem(code=r.code, sentence=r.sentence, way_out=r.way_out) for r in tree.refusals]
    return Preflighted(
        facts=facts,
        files=tree.files,
        size=tree.size,
        git=tree.git,
        stays=stays,
        extras=extras,
        problems=(*refused, *problems, *seen.problems),
    )
