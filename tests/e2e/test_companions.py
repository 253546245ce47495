"""What lies outside a folder and travels beside it, on a real sshd: commits come home into the right repository, the
next handoff sends what changed, credentials stay, and what cannot be shown there is refused."""

import os
from pathlib import Path

import pytest

from agent.durable import read_model
from agent.paths import state_dir
from agent.sessions import SessionDir, create_session
from remote.handoff import hand_off
from remote.mirror import mirror_path
from remote.receipt import Receipt
from remote.steps import Away, Preflighted, StillHere
from remote.terms import Terms
from remote.undo import undo
from tests.e2e.errands import LOOK, Voyage
from tests.e2e.journey import drive, wait_for_run
from tests.snapshot.companion_states import COMPANIONS
from tests.snapshot.fingerprint import look, roots
from tests.snapshot.repos import run
from tests.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
_BIG = 3_000_000
_COMMIT = (
    'cd "{}"; echo made > made; git add made; '
    'git -c user.name=run -c user.email=run@example.org commit -qm "by the run" -- made'
)


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


async def test_the_next_handoff_sends_what_changed_and_puts_right_what_was_damaged(voyage: Voyage) -> None:
    tree = make(voyage, "linked", "again")
    main = tree.parent / "a project.main repository"
    (main / "big").write_bytes(os.urandom(_BIG))
    git(main, "add", "big")
    git(main, "commit", "-qm", "big")
    first = await voyage.send(tree, _COMMIT.format(tree))
    assert wire_of(first) > _BIG
    mirror = voyage.host.home / ".local/state/castoff/mirrors" / mirror_path(str(tree)).name
    await until(mirror.exists)
    head = next((mirror / "companions").glob("*/.git/description"))
    times = head.stat()
    head.write_bytes(b"x" * times.st_size)
    os.utime(head, ns=(times.st_atime_ns, times.st_mtime_ns))
    git(main, "commit", "-q", "--allow-empty", "-m", "meanwhile")
    second = await voyage.send(tree, "git log --format=%s main -1 > said")
    assert wire_of(second) < _BIG / 10
    await voyage.pull(second)
    assert (tree / "said").read_text() == "meanwhile\n"


async def test_a_session_that_goes_out_again_sees_what_was_done_at_home(voyage: Voyage) -> None:
    tree = make(voyage, "linked_changed", "hops")
    session = await voyage.send(tree, _COMMIT.format(tree))
    await voyage.pull(session)
    git(tree, "commit", "-qam", "at home")
    before = look(tree)
    say = f"[[do: {LOOK}; echo again > again]]"
    steps = await drive(hand_off(session, voyage.links.host("vm"), Terms(say=say), voyage.links))
    assert isinstance(steps[-1], Away), steps[-1]
    await wait_for_run(voyage.host, session.id, lambda state: state.phase == "finished" and state.turns > 1)
    assert voyage.seen(session)["git"] == before["git"]
    await voyage.pull(session)
    assert (tree / "again").exists()
    undo(session)
    after = look(tree)
    assert not (tree / "again").exists() and after["git"][".: status"] == before["git"][".: status"]


async def test_credentials_beside_the_folder_stay(voyage: Voyage) -> None:
    tree = make(voyage, "linked", "credentials")
    git(tree, "config", "remote.origin.url", "https://ann:s3cret-t0ken@example.org/x")
    session = await voyage.send(tree, "git config remote.origin.url > said")
    state = voyage.host.home / ".local/state/castoff"
    leaked = [path for path in state.rglob("*") if path.is_file() and b"s3cret-t0ken" in path.read_bytes()]
    assert leaked == []
    await voyage.pull(session)
    assert (tree / "said").read_text() == "https://example.org/x\n"
    assert git(tree, "config", "remote.origin.url") == "https://ann:s3cret-t0ken@example.org/x\n"
    assert not list((session.path / "moves").glob("*/companions"))


async def test_a_secret_in_a_bare_repository_stops_the_handoff(voyage: Voyage) -> None:
    tree = make(voyage, "bare_around", "secret")
    (tree.parent / ".env").write_text(f"GITHUB_TOKEN=ghp_{'a1B2c3D4e5F6' * 3}\n")
    session = create_session(state_dir(), tree, "errand")
    refused = (await drive(hand_off(session, voyage.links.host("vm"), Terms(), voyage.links)))[-1]
    assert isinstance(refused, StillHere) and refused.code == "secret"
    assert f"{tree.parent}/.env" in refused.reason
    (tree.parent / ".env").unlink()
    assert await voyage.send(tree, "true")


async def test_without_a_sandbox_it_is_refused(voyage: Voyage) -> None:
    tree = make(voyage, "shared", "bare")
    session = create_session(state_dir(), tree, "errand")
    host = voyage.links.host("vm").model_copy(update={"sandbox": "none"})
    steps = await drive(hand_off(session, host, Terms(), voyage.links))
    assert isinstance(steps[-1], StillHere)
    problems = [problem for step in steps if isinstance(step, Preflighted) for problem in step.problems]
    assert [problem.code for problem in problems if problem.blocking] == ["no-beside", "no-beside"]


async def test_borrowed_objects_cannot_be_written_there(voyage: Voyage) -> None:
    tree = make(voyage, "chained", "read-only")
    lender = tree.parent / "a project.second/.git/objects"
    session = await voyage.send(tree, f'touch "{lender}/x" 2> said || echo refused >> said')
    await voyage.pull(session)
    assert "Read-only file system\nrefused\n" in (tree / "said").read_text()


def git(tree: Path, *words: str) -> str:
    return run(tree, *words).decode()


def wire_of(session: SessionDir) -> int:
    receipt = max(session.path.glob("moves/*/receipt.json"), key=lambda path: int(path.parent.name))
    return read_model(receipt, Receipt).wire
