"""What lies outside a folder and travels beside it, on a real sshd: commits come home into the right repository, the
next handoff sends what changed, credentials stay, and what cannot be shown there is refused."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from remote.links import Links
from tests.e2e.errands import Voyage, git
from tests.e2e.journey import lay_out
from tests.hosts import HostForTests
from tests.snapshot.companion_states import COMPANIONS
from tests.snapshot.fingerprint import look, roots

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
_IDENTITY = {f"GIT_{who}_{what}": "ann" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_COMMIT = (
    'cd "{}"; echo made > made; git add made; '
    'git -c user.name=run -c user.email=run@example.org commit -qm "by the run" -- made'
)


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


def make(voyage: Voyage, state: str, name: str) -> Path:
    tree = voyage.place.home / name / state / "a project"
    tree.parent.mkdir(parents=True)
    COMPANIONS[state](tree)
    return tree


@pytest.mark.parametrize("state", [state for state in COMPANIONS if state != "linked_rebasing"])
async def test_commits_come_home_into_the_right_repository(state: str, voyage: Voyage) -> None:
    tree = make(voyage, state, "commits")
    where = roots(tree)[0]
    before = look(tree)
    session = await voyage.send(tree, _COMMIT.format(where))
    home, _ = await voyage.pull(session)
    assert (home.clashes, home.held, home.notes) == ((), (), ())
    assert (where / "made").read_text() == "made\n"
    (ref,) = git(where, "for-each-ref", "--format=%(refname)", "refs/castoff/*/*/HEAD").split()
    assert git(where, "log", "-1", "--format=%s", ref) == "by the run\n"
    after = look(tree)
    for name, value in before["git"].items():
        if not name.endswith((": status", ": refs")):
            assert after["git"][name] == value, name
