"""The fidelity matrix: every state goes to a real sshd by the product's own handoff, is seen there by the agent in its
sandbox as it is here, and comes home by the product's own pull with nothing changed but what was made there."""

import shutil
from collections.abc import Iterable

import pytest

from agent.paths import state_dir
from agent.sessions import create_session
from remote.handoff import hand_off
from remote.steps import Preflighted
from remote.terms import Terms
from tests.e2e.errands import LOOK, Voyage
from tests.e2e.fidelity import ALL, PAGE, render
from tests.e2e.journey import drive
from tests.snapshot.fingerprint import Seen, look

pytestmark = pytest.mark.timeout(300)
_together = pytest.mark.asyncio(loop_scope="module")
_MADE = "by the run"


@_together
@pytest.mark.parametrize("state", ALL)
async def test_a_state_is_the_same_there_and_after_return(state: str, voyage: Voyage) -> None:
    tree = voyage.make_tree(state, ALL[state])
    before = look(tree)
    session = await voyage.send(tree, f'{LOOK}; echo made there > "{_MADE}"')
    assert_arrived(before, voyage.seen(session))
    home, _ = await voyage.pull(session)
    assert (home.changed, home.deleted, home.clashes, home.held, home.notes) == (1, 0, (), (), ())
    assert (tree / _MADE).read_text() == "made there\n"
    assert_returned(before, look(tree))


@_together
async def test_ignored_files_that_are_carried_are_the_same_too(voyage: Voyage) -> None:
    tree = voyage.make_tree("carried", ALL["ignored"])
    before = look(tree)
    carry = ("*.o", "*.pyc", "*.txt", "node_modules/")
    session = await voyage.send(tree, f'{LOOK}; echo made there > "{_MADE}"', Terms(carry=carry))
    assert voyage.seen(session) == before
    await voyage.pull(session)
    assert_returned(before, look(tree))


@_together
async def test_a_host_without_git_lfs_is_told_of_where_the_repository_needs_it(voyage: Voyage) -> None:
    few = voyage.host.home / "few programs"
    few.mkdir()
    (few / "bwrap").symlink_to(shutil.which("bwrap") or "")
    settings = voyage.host.home / ".config/castoff/agent.env"
    settings.write_text(f"PATH={few}\n")
    settings.chmod(0o600)
    voyage.host.own(settings)
    try:
        told = {state: await _commands_missing(voyage, state) for state in ("large_files", "start")}
    finally:
        settings.unlink()
    assert told == {"large_files": {"git-lfs"}, "start": set()}
    assert await _commands_missing(voyage, "large_files") == set()


async def _commands_missing(voyage: Voyage, state: str) -> set[str]:
    session = create_session(state_dir(), voyage.make_tree(state, ALL[state]), "errand")
    steps = await drive(hand_off(session, voyage.links.host("vm"), Terms(), voyage.links), "cancel")
    (seen,) = (step for step in steps if isinstance(step, Preflighted))
    return {each.what for each in seen.stays if each.kind == "command"}


def assert_arrived(before: Seen, there: Seen) -> None:
    """All is there but what git ignores."""
    stays = [f"{root}/{path}".removeprefix("./") for root, paths in before["ignored"].items() for path in paths]
    files = {path: what for path, what in before["files"].items() if not _is_at_or_below(path, stays)}
    assert there["files"] == files
    assert there["git"] == before["git"]
    travel = {root for root in before["objects"] if f"{root}/.git" in files or root == "."}
    assert there["objects"] == {root: objects for root, objects in before["objects"].items() if root in travel}
    assert not any(there["ignored"].values())


def assert_returned(before: Seen, after: Seen) -> None:
    """Nothing is new but the file that was made there, and castoff's own refs and their objects."""
    del after["files"][_MADE]
    assert after["files"] == before["files"]
    assert after["ignored"] == before["ignored"]
    assert {name: _without_ours(value) for name, value in after["git"].items()} == before["git"]
    for root, objects in before["objects"].items():
        assert set(objects) <= set(after["objects"][root])


def _without_ours(said: bytes) -> bytes:
    lines = [line for line in said.split(b"\n") if b"\trefs/castoff/" not in line]
    return b"\n".join(lines).replace(b"? " + _MADE.encode() + b"\0", b"")


def _is_at_or_below(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), "Write it anew: make docs"


def test_the_matrix_is_large() -> None:
    assert len(ALL) >= 40
