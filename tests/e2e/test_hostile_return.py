"""Runs that come home hostile: nothing of them runs here, nothing lands outside the tree, and the user is told why.

One real handoff is the template of all pulls; each begins from a copy of it, on both sides.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.demo_model.reply import Call, Reply
from agent.durable import read_model
from agent.errors import RecordDamaged
from agent.lease import read_lease
from agent.paths import state_dir
from agent.reception import RunnerRecord
from agent.runner_lock import is_served
from agent.sessions import SessionDir, create_session, open_session
from remote import embedded_host as embedded
from remote.config import Settings
from remote.handoff import hand_off
from remote.host_client import HostClient
from remote.host_protocol import AskDiff, DiffReply, Pack, Packed
from remote.host_runner import TerminalRecord
from remote.hostkeys import HostKeys
from remote.keeper import find_keeper
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.steps import Away, Home, PullStep, StillHere
from remote.terms import Terms
from remote.tmux import Terminal
from snapshot.commits import bundle, import_bundle
from snapshot.errors import ManifestDamaged, SnapshotError
from snapshot.manifest import read_manifest
from snapshot.paths import check_paths
from tests.doubles import lying_host, lying_rsync
from tests.doubles.openai_model import model_environment, serving
from tests.e2e.hostile import ID, WORK, Case, Vm, all_cases
from tests.e2e.hostile_answers import ABSOLUTE
from tests.e2e.hostile_sessions import OTHER
from tests.e2e.journey import Place, drive, follow, lay_out
from tests.e2e.scene import give_variables
from tests.hosts import HostForTests

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

REPOSITORY = Path(__file__).parents[2]
CASES = all_cases()
_SCRIPTS = {
    "task": (Reply("I begin.", (Call("write", {"path": "made.txt", "content": "one\n"}),)), Reply("Done.")),
    "evil": (Reply("As you wish.", (Call("run", {"command": 'touch evil "$HOME/evil"'}),)), Reply("Done.")),
}
_LOOKS = (
    ("status",),
    ("diff",),
    ("-p", "log", "-p", "--stat", "--all"),
    ("add", "-A", "--dry-run"),
    ("stash", "list"),
    ("branch", "-a"),
    ("submodule", "status"),
    ("diff", "--cached", "--submodule=log"),
)
"""What a user does in the tree next."""

Kept = dict[str, tuple[object, ...]]


@dataclass
class Stage:
    """The laptop, its host, the template of both, and links to the honest host and to one whose rsync may lie."""

    place: Place
    host: HostForTests
    vm: Vm
    template: Path
    links: Links
    lying: Links
    names: Path
    answers: dict[str, Any]
    pulled: "dict[str, Pulled]"

    @property
    def there(self) -> SessionDir:
        return open_session(self.vm.session)

    @property
    def here(self) -> SessionDir:
        return open_session(self.place.root / "state/sessions" / ID)

    async def reset(self) -> None:
        """Both sides as they were after the handoff."""
        await end_run(self)
        for folder in ("home", "state", "outside", "canaries"):
            shutil.rmtree(self.place.root / folder, ignore_errors=True)
        for folder in ("sessions", "trees", "homes"):
            shutil.rmtree(self.vm.state / folder / ID, ignore_errors=True)
        copy(self.template / "laptop", self.place.root)
        copy(self.template / "host", self.vm.state)

    def save(self) -> None:
        """Both sides as they are now become the template."""
        for folder in ("home", "state", "outside", "canaries"):
            copy(self.place.root / folder, self.template / "laptop" / folder)
        for folder in ("sessions", "trees", "homes"):
            copy(self.vm.state / folder / ID, self.template / "host" / folder / ID)


def copy(source: Path, target: Path) -> None:
    """Everything in a folder, exactly."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", f"{source}/.", target], check=True)


async def end_run(stage: Stage) -> None:
    """End what a failed pull started on the host again."""
    if not stage.vm.session.exists():
        return
    try:
        await Terminal(read_model(stage.vm.session / "terminal.json", TerminalRecord).name, stage.vm.state).kill()
    except RecordDamaged:
        return
    # A keeper lives on without its terminal, and its runner may only be starting.
    while (keeper := find_keeper(stage.vm.session)) or is_served(stage.there):
        with contextlib.suppress(RecordDamaged, ProcessLookupError):
            pid = keeper or read_model(stage.vm.session / "runner.json", RunnerRecord).pid
            os.kill(pid, signal.SIGTERM)
        await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory, embedded_host: HostForTests) -> AsyncGenerator[Stage]:
    """One session, handed off for real, drained and packed."""
    root = tmp_path_factory.mktemp("l")
    with pytest.MonkeyPatch.context() as patch, serving(_SCRIPTS, root / "model.jsonl") as (_, port):
        place = lay_out(root, patch.setenv)
        fill(place)
        give_variables(embedded_host, model_environment(port))
        for name, value in model_environment(port).items():
            patch.setenv(name, value)
        patch.setenv("PATH", f"{root / 'shims'}:{os.environ['PATH']}")
        embedded_host.write_settings(root / "config")
        settings = Settings()
        settings.add(embedded_host.host.model_copy(update={"name": "vm"}))
        vm = Vm(embedded_host.home / ".local/state/castoff", root / "outside", root / "canaries")
        lying, liar = await start_liar(root, embedded_host)
        stage = Stage(place, embedded_host, vm, root / "template", Links(settings), liar, root / "names.json", {}, {})
        try:
            patch.setattr("agent.sessions.new_id", lambda: ID)
            await hand_over(stage)
            stage.save()
            yield stage
        finally:
            await end_run(stage)
            await stage.links.close()
            await liar.close()
            await embedded.stop(lying)


def fill(place: Place) -> None:
    """A laptop with something to lose."""
    for name, text in {".gitignore": "ignored/\n", "kept.txt": "one\n", "doc/guide.txt": "read\n"}.items():
        (place.project / name).parent.mkdir(exist_ok=True)
        (place.project / name).write_text(text)
    place.git("init", "-q")
    place.git("add", "-A")
    place.git("commit", "-qm", "first")
    # The user's own choice, and a common one: what the tree holds at these places is obeyed.
    place.git("config", "include.path", "../obeyed.inc")
    place.git("config", "core.hooksPath", "githooks")
    (place.project / "kept.txt").write_text("two\n")
    place.git("add", "kept.txt")
    (place.home / ".gitconfig").write_text("[user]\nname = Ann\nemail = ann@example.org\n")
    (place.home / ".bashrc").write_text("export PS1=mine\n")
    other = place.home / ".castoff-agent/sessions" / f"{OTHER}.json"
    other.parent.mkdir(parents=True)
    other.write_text('{"mine": true}')
    for name in ("outside", "canaries", "shims"):
        (place.root / name).mkdir()
    (place.root / "outside/secret").write_text("secret\n")
    for name in ("ssh", "less", "git-remote-ext", "evil", "sensible-editor"):
        shim = place.root / "shims" / name
        shim.write_text(f"#!/bin/sh\ntouch '{place.root}/canaries/ran-{name}'\n")
        shim.chmod(0o755)


async def hand_over(stage: Stage) -> None:
    session = create_session(state_dir(), stage.place.project, "builtin")
    viewer = await open_local(session)
    await viewer.prompt("Do it. [[script: task]]")
    await viewer.set_policy("accept-edits")
    await follow(viewer, lambda state: state.phase == "finished")
    await viewer.close()
    away = (await drive(hand_off(session, stage.links.host("vm"), Terms(), stage.links)))[-1]
    assert isinstance(away, Away), away
    (stage.vm.tree / WORK).write_text("honest work\n")
    client = await stage.links.client("vm")
    packed = await client.ask(Pack(run_id=session.id), Packed, timeout=60)
    diff = await client.ask(AskDiff(run_id=session.id), DiffReply)
    await client.close()
    await end_run(stage)
    stage.answers |= {
        "pack": packed.model_dump(mode="json"),
        "diff": diff.model_dump(mode="json"),
        "give": {},
        "confirm": {"lease": {"epoch": packed.epoch + 1, "state": "away", "to": "home"}},
        "regain": {"lease": {"epoch": packed.epoch + 2, "state": "held"}},
    }


async def start_liar(root: Path, host: HostForTests) -> tuple[Path, Links]:
    """The same host's HOME served by another server, on whose PATH is an rsync that sends other names."""
    lying, programs = root / "liar", root / "programs"
    programs.mkdir()
    lying.mkdir()
    (lying / "home").symlink_to(host.home)
    words = [sys.executable, "-I", str(Path(lying_rsync.__file__)), str(root / "names.json")]
    (programs / "rsync").write_text(f'#!/bin/sh\nexec {shlex.join([*words, str(shutil.which("rsync"))])} "$@"\n')
    (programs / "rsync").chmod(0o755)
    running = await embedded.start(lying, {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"})
    running.pin(HostKeys())
    settings = Settings(root / "liar.toml")
    settings.add(running.host("vm"))
    return lying, Links(settings)


def snapshot(root: Path, *skip: Path) -> Kept:
    """Everything below ``root``: type, mode, size and digest or target; of directories the mode."""
    found: Kept = {}
    todo = [root]
    while todo:
        for item in os.scandir(todo.pop()):
            path, record = Path(item.path), item.stat(follow_symlinks=False)
            if path in skip:
                continue
            name, kind = str(path.relative_to(root)), stat.S_IFMT(record.st_mode)
            if item.is_dir(follow_symlinks=False):
                todo.append(path)
                found[name] = (kind, record.st_mode)
            elif item.is_symlink():
                found[name] = (kind, str(path.readlink()))
            elif item.is_file(follow_symlinks=False):
                digest = hashlib.blake2b(path.read_bytes()).hexdigest() if record.st_size < 1 << 26 else "large"
                found[name] = (kind, record.st_mode, record.st_size, digest)
            else:
                found[name] = (kind, record.st_mode)
    return found


def differing(before: Kept, after: Kept) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


async def pull(stage: Stage, cases: list[Case]) -> list[PullStep]:
    """Pull the run back, over the road that the cases take."""
    case = cases[0]
    links = stage.links
    if case.names is not None:
        stage.names.write_text(json.dumps([[old.hex(), new.hex()] for old, new in case.names.items()]))
        links = stage.lying
    client = await links.client("vm")
    honest = client.runtime
    if case.lie is not None:
        await client.close()
        client.runtime = honest.model_copy(update={"python": write_liar(stage, cases, client)})
    try:
        return await drive(pull_back(links, "vm", ID, drain_seconds=1.0))
    finally:
        if case.lie is not None:
            client.runtime = honest
            await client.close()


def write_liar(stage: Stage, cases: list[Case], client: HostClient) -> Path:
    """The host's interpreter, as it seems: it runs the double in place of castoff's program."""
    facts = {
        "repository": str(REPOSITORY),
        "cases": [case.name for case in cases],
        "state": str(stage.vm.state),
        "outside": str(stage.vm.outside),
        "canaries": str(stage.vm.canaries),
        "answers": stage.answers,
    }
    words = [str(client.runtime.python), "-I", str(Path(lying_host.__file__)), json.dumps(facts)]
    program = stage.place.root / "programs" / "python"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    return program


def look_around(stage: Stage, cases: list[Case]) -> None:
    """Do what the user would do next; what git says and whether it likes the tree is not the question."""
    env = {"HOME": str(stage.place.home), "PATH": os.environ["PATH"], "PAGER": "cat", "TERM": "dumb"}
    for words in (*_LOOKS, *(words for case in cases for words in case.user)):
        subprocess.run(
            ["git", *words],
            cwd=stage.place.project,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )


def is_related(path: str, expected: str) -> bool:
    """Whether ``path`` is ``expected``, below it, or a folder above it."""
    return f"{path}/".startswith(f"{expected}/") or expected.startswith(f"{path}/")


def assert_clear(step: StillHere) -> None:
    """One sentence for the user, and a way out that can be printed."""
    assert_sentence(step.reason)
    assert len(step.way_out) < 2000 and step.way_out.isprintable(), step.way_out
    assert len(step.code) < 200 and step.code.isprintable()


def assert_sentence(text: str) -> None:
    assert len(text) < 2000 and text.isprintable(), text
    assert "Traceback" not in text and "Error:" not in text
    assert text.rstrip().endswith((".", "?", "!", "…")), text


def watch(stage: Stage) -> Kept:
    """The laptop without what castoff may change: the tree, which is looked at by itself, and the session's folder."""
    found: Kept = {}
    for name in ("home", "state", "config", "outside", "canaries"):
        part = snapshot(stage.place.root / name, stage.place.project, stage.here.path)
        found |= {f"{name}/{path}": kept for path, kept in part.items()}
    return found


@dataclass(frozen=True)
class Pulled:
    """What became of the cases that were pulled together: the last step, and what differs in the tree and elsewhere."""

    last: PullStep
    changed: set[str]
    elsewhere: set[str]
    canaries: set[str]
    refused: set[str]


async def pull_cases(stage: Stage, cases: list[Case]) -> Pulled:
    """Let the run become hostile, pull it back, and check what holds for every pull."""
    await stage.reset()
    for case in cases:
        if case.act is not None:
            case.act(stage.vm)
    project, session = stage.place.project, stage.here
    before, tree = watch(stage), snapshot(project)
    epoch, journal = read_lease(session).epoch, session.journal.read_bytes()
    last = (await pull(stage, cases))[-1]
    changed = {path for path in differing(tree, snapshot(project)) if path.split("/")[0] != ".git"}
    if isinstance(last, Home):
        assert_modes(project)
        assert (read_lease(session).state, read_lease(session).epoch) == ("held", epoch + 1)
        assert session.journal.read_bytes().startswith(journal)
    else:
        assert isinstance(last, StillHere), last
        assert_clear(last)
        assert read_lease(session).state == "away"
        assert session.journal.read_bytes() == journal
    assert_git_untouched(stage, tree)
    look_around(stage, cases)
    return Pulled(
        last=last,
        changed=changed,
        elsewhere=differing(before, watch(stage)) - allowed(stage, last),
        canaries={path.name for path in stage.vm.canaries.iterdir()},
        refused=refused_paths(stage),
    )


def refused_paths(stage: Stage) -> set[str]:
    """What of the run's manifest the path rules refuse, if it can be read."""
    try:
        theirs = read_manifest(stage.vm.parcel / "manifest.json")
    except ManifestDamaged:
        return set()
    return {problem.path for problem in check_paths(theirs, read_manifest(stage.here.move(2) / "manifest.json"))}


@pytest.mark.parametrize("name", sorted(name for name, case in CASES.items() if case.road != "part"))
async def test_hostile_return(stage: Stage, name: str) -> None:
    case = CASES[name]
    together = [each for each in CASES.values() if each.pull == case.pull]
    if case.pull not in stage.pulled:
        stage.pulled[case.pull] = await pull_cases(stage, together)
    pulled = stage.pulled[case.pull]
    assert not pulled.canaries & {name}
    assert pulled.canaries <= {each.name for each in together}, pulled.canaries
    assert pulled.elsewhere == set()
    assert not Path(os.fsdecode(ABSOLUTE)).exists()
    if isinstance(pulled.last, Home):
        assert "home" in case.ends, pulled.last
        expected = [WORK, *(path for each in together for path in (*each.arrives, *each.may))]
        assert {path for path in pulled.changed if not any(is_related(path, each) for each in expected)} == set()
        assert set(case.arrives) <= pulled.changed
        assert WORK in pulled.changed or WORK in case.may
    else:
        assert isinstance(pulled.last, StillHere)
        assert pulled.last.code in case.ends or "*" in case.ends, pulled.last
        assert pulled.changed == set()
        assert not case.unsafe or case.unsafe in pulled.refused


async def test_at_home_the_agent_does_not_do_what_a_host_queued(stage: Stage) -> None:
    await stage.reset()
    case = CASES["journal-takes-over"]
    assert case.act is not None
    case.act(stage.vm)
    home = (await pull(stage, [case]))[-1]
    assert isinstance(home, Home), home
    viewer = await open_local(stage.here)
    rests = ("paused", "finished", "idle", "failed")
    state = await follow(viewer, lambda state: state.epoch == home.epoch and state.phase in rests)
    await viewer.stop()
    await viewer.close()
    assert (state.phase, state.policy, len(state.queue)) == ("paused", "accept-edits", 1), state.detail
    assert not (stage.place.home / "evil").exists() and not (stage.place.project / "evil").exists()


_SEEN_AT_ONCE = (
    *("settings-fsmonitor", "settings-external-diff", "settings-diff-driver", "settings-textconv"),
    *("settings-filter-clean", "settings-filter-process", "settings-hooks-path", "hooks"),
)


@pytest.mark.parametrize("name", _SEEN_AT_ONCE)
async def test_planted_bug_a_repository_that_came_home_is_seen(stage: Stage, name: str) -> None:
    """The guard's own test: had the run's ``.git`` come home, the user's next look would leave the canary."""
    await stage.reset()
    case, project = CASES[name], stage.place.project
    assert case.act is not None
    case.act(stage.vm)
    shutil.rmtree(project / ".git")
    shutil.copytree(stage.vm.tree, project, symlinks=True, dirs_exist_ok=True)
    (project / "kept.txt").write_text("three\n")
    if name == "hooks":
        stage.place.git("config", "--unset", "core.hooksPath")
    look_around(stage, [case])
    assert {path.name for path in stage.vm.canaries.iterdir()} == {name}


@pytest.mark.parametrize("name", sorted(name for name, case in CASES.items() if case.road == "part"))
async def test_hostile_commits(stage: Stage, name: str) -> None:
    """Only the two halves: the host's bundle of the run's commits, and its import here."""
    case = CASES[name]
    await stage.reset()
    assert case.act is not None
    case.act(stage.vm)
    before, tree = watch(stage), snapshot(stage.place.project)
    head = stage.place.git("rev-parse", "HEAD").strip()
    bundle(stage.vm.tree, head, stage.place.root / "commits.bundle")
    ref = f"refs/castoff/{ID}/3"
    try:
        imported = import_bundle(stage.place.project, stage.place.root / "commits.bundle", ref)
        assert "hostile-objects" not in case.ends, imported
    except SnapshotError as error:
        assert error.code in case.ends, error
        assert_sentence(str(error))
        assert stage.place.git("for-each-ref", ref) == ""
    assert_git_untouched(stage, tree)
    assert {path for path in differing(tree, snapshot(stage.place.project)) if path.split("/")[0] != ".git"} == set()
    look_around(stage, [case])
    assert differing(before, watch(stage)) == set()
    assert list(stage.vm.canaries.iterdir()) == []


def assert_modes(project: Path) -> None:
    """Nothing is set-user-id or writable for others, and everything is readable for the user."""
    for folder, folders, files in os.walk(project):
        folders[:] = [name for name in folders if name != ".git"]
        for name in (*folders, *files):
            record = os.lstat(f"{folder}/{name}")
            assert stat.S_IFMT(record.st_mode) in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}, name
            if not stat.S_ISLNK(record.st_mode):
                assert not record.st_mode & 0o7022 and record.st_mode & 0o600 == 0o600, name


def assert_git_untouched(stage: Stage, before: Kept) -> None:
    """Of the repository only objects and castoff's own refs are new; settings, hooks, HEAD and index are as before."""
    after = snapshot(stage.place.project)
    changed = {name for name in differing(before, after) if name.startswith(".git/") or name == ".git"}
    ours = (".git/objects", ".git/refs/castoff", ".git/logs/refs/castoff", ".git/packed-refs")
    assert {name for name in changed if not name.startswith(ours)} == set()


def allowed(stage: Stage, last: PullStep) -> set[str]:
    """What castoff may change outside its session's folder: the agent's own file of this very conversation."""
    if not isinstance(last, Home):
        return set()
    (sid,) = {p.stem for p in (stage.vm.home / ".castoff-agent/sessions").glob("*.json")} - {OTHER} or {""}
    return {f"home/ann/.castoff-agent/sessions/{sid}.json"}
