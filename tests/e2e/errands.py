"""Many sessions to one real sshd over one connection: each folder goes out, the agent does an errand there, it comes
home. Every step is the product's own; only the agent is small."""

import ast
import shutil
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from agent.paths import state_dir
from agent.sessions import SessionDir, create_session
from remote.handoff import hand_off
from remote.links import Links
from remote.pull import pull_back
from remote.steps import Away, Home, PullStep
from remote.terms import Terms
from tests.doubles import errand_agent
from tests.e2e.journey import Place, drive, lay_out, wait_for_run
from tests.hosts import HostForTests
from tests.snapshot import fingerprint
from tests.snapshot.fingerprint import Seen

LOOK = 'python3 "$AGENT/fingerprint.py" "$PWD" > "$HOME/seen"'
"""The errand that looks at the tree as the agent sees it, where it sees it."""
_IDENTITY = {f"GIT_{who}_{what}": "ann" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Voyage:
    """One laptop, one host called vm, one connection."""

    place: Place
    host: HostForTests
    links: Links

    def provide_agent(self) -> None:
        """Put the agent where the host's castoff finds it, and its profile on both sides."""
        data = self.host.home / ".local/share/castoff"
        agent = data / "agents" / "errand"
        agent.mkdir(parents=True, exist_ok=True)
        shutil.copy(errand_agent.__file__, agent)
        shutil.copy(fingerprint.__file__, agent)
        self.host.own(self.host.home / ".local")
        for config in (self.place.root / "config", self.host.home / ".config/castoff"):
            (config / "agents").mkdir(parents=True, exist_ok=True)
            (config / "agents/errand.toml").write_text(errand_agent.PROFILE)
        self.host.own(self.host.home / ".config")

    def make_tree(self, name: str, build: Callable[[Path], None]) -> Path:
        """A new folder that ``build`` makes, called as no other."""
        above = self.place.home / "work" / f"{name}-{sum(1 for _ in (self.place.home / 'work').glob('*'))}"
        above.mkdir(parents=True)
        build(above / "a project")
        return above / "a project"

    async def send(self, tree: Path, errand: str, terms: Terms | None = None) -> SessionDir:
        """Hand a new session in ``tree`` off, and wait until the agent has done the errand, a shell script, there."""
        session = create_session(state_dir(), tree, "errand")
        terms = (terms or Terms()).model_copy(update={"say": f"[[do: {errand}]]"})
        steps = await drive(hand_off(session, self.links.host("vm"), terms, self.links))
        assert isinstance(steps[-1], Away), steps[-1]
        state = await wait_for_run(self.host, session.id, lambda s: s.phase in ("finished", "failed"))
        assert state.phase == "finished", (state.detail, self._said(session))
        return session

    def _said(self, session: SessionDir) -> str:
        log = self.there("sessions", session) / "agent.log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def there(self, what: str, session: SessionDir) -> Path:
        """The run's own ``sessions``, ``trees`` or ``homes`` directory on the host."""
        return self.host.home / ".local/state/castoff" / what / session.id

    def seen(self, session: SessionDir) -> Seen:
        """What the errand `LOOK` saw."""
        return ast.literal_eval((self.there("homes", session) / "seen").read_text())

    async def pull(self, session: SessionDir) -> tuple[Home, list[PullStep]]:
        """Bring it home; the last step and all of them."""
        steps = await drive(pull_back(self.links, "vm", session.id))
        home = steps[-1]
        assert isinstance(home, Home), home
        return home, steps


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def voyage(tmp_path_factory: pytest.TempPathFactory, sshd_host: HostForTests) -> AsyncGenerator[Voyage]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (_IDENTITY | {"GIT_CONFIG_NOSYSTEM": "1"}).items():
            patch.setenv(name, value)
        place = lay_out(tmp_path_factory.mktemp("laptop"), patch.setenv)
        sshd_host.write_settings(place.root / "config")
        links = Links()
        voyage = Voyage(place, sshd_host, links)
        voyage.provide_agent()
        await links.client("vm")
        yield voyage
        await links.close()
