"""The sandbox, really built: as root, and as an ordinary user through SSH."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from remote.errors import SandboxUnavailable
from remote.facts import Facts, collect_facts
from remote.sandbox import Bind, environment, probe_command, wrap
from tests.hosts import HostForTests

_BASE = Path(sys.base_prefix)
_PLACES = (
    ("/home/ann/src/app", "/home/ann"),
    ("/Users/ann/src/my app", "/Users/ann"),
    ("/home/ann/app", "/home/ann"),
    ("/root/app", "/root"),
    ("/tmp/project/app", "/home/ann"),
    ("/tmp", "/home/ann"),
    ('/srv/data/it\'s\n"app"', "/var/lib/ann"),
    ("/private/tmp/app", "/private/tmp/home"),
    ("/opt/company/app", "/opt/ann"),
    ("/run/user/1000/app", "/home/ann"),
)
_REPORT = r"""
cat > seen.txt <<END
pwd=$(pwd)
home=$HOME
END
echo from-inside > "$HOME/note"
ls -A / | tr '\n' ' ' > "$HOME/root"
ls -d /proc/[0-9]* | wc -l > "$HOME/processes"
ls -A /tmp > "$HOME/tmp"
"""


@dataclass(frozen=True)
class _Run:
    tree: Path
    home: Path
    runtime: Path

    def wrap(
        self,
        argv: Sequence[str],
        tree_at: str,
        home_at: str,
        binds: Sequence[Bind] = (),
        beside: Sequence[Bind] = (),
    ) -> list[str]:
        return wrap(
            argv,
            level="open",
            tree=self.tree,
            tree_at=tree_at,
            home=self.home,
            home_at=home_at,
            runtime=self.runtime,
            base_prefix=_BASE,
            binds=binds,
            beside=beside,
        )


def _make(directory: Path, name: str = "r1") -> _Run:
    run = _Run(directory / name / "tree", directory / name / "home", directory / "runtime")
    for path in (run.tree, run.home, run.runtime):
        path.mkdir(parents=True, exist_ok=True)
    (run.tree / "file").write_text("tree")
    return run


def _start(argv: Sequence[str], env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(("tree_at", "home_at"), _PLACES)
def test_tree_and_home_are_at_the_laptops_paths(tmp_path: Path, tree_at: str, home_at: str) -> None:
    run = _make(tmp_path)
    env = environment({"ASKED": "yes"}, level="open", home=run.home, home_at=home_at, runtime=run.runtime)
    done = _start(run.wrap(["sh", "-ec", f"cat file; {_REPORT} env > env"], tree_at, home_at), env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "tree", "")
    assert (run.tree / "seen.txt").read_text() == f"pwd={tree_at}\nhome={home_at}\n"
    assert (run.home / "note").read_text() == "from-inside\n"
    assert int((run.home / "processes").read_text()) <= 6
    assert "work" not in (run.home / "root").read_text().split()
    lines = (run.tree / "env").read_text().splitlines()
    assert {"ASKED=yes", f"HOME={home_at}"} <= set(lines)
    assert not [line for line in lines if line.startswith(("PYTEST", "SSH_"))]


async def test_ordinary_user_sees_only_the_run(sshd_host: HostForTests, tmp_path: Path) -> None:
    directory = sshd_host.home / "runs"
    run, other = _make(directory), _make(directory, "r2")
    (sshd_host.home / "secret").write_text("not for runs")
    sshd_host.own(directory)
    script = (
        f"cat {shlex.quote(str(sshd_host.home / 'secret'))} {shlex.quote(str(other.tree / 'file'))} 2>/dev/null;"
        "cat /proc/*/cmdline | tr '\\0' ' '; grep -E '^(NoNewPrivs|CapEff)' /proc/self/status;"
        "touch /usr/x /etc/x 2>/dev/null; touch made; id -u; ls -A /home; cat /etc/shadow 2>/dev/null; ls /run/castoff"
    )
    argv = wrap(
        ["sh", "-c", script],
        level="open",
        tree=run.tree,
        tree_at="/home/ann/src/app",
        home=run.home,
        home_at="/home/ann",
        runtime=run.runtime,
    )
    env = environment({}, level="open", home=run.home, home_at="/home/ann", runtime=run.runtime)
    clean = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), *argv]
    try:
        async with await sshd_host.connect() as connection:
            output = await connection.run(clean)
    finally:
        shutil.rmtree(directory)
        (sshd_host.home / "secret").unlink()
    assert "not for runs" not in output.text
    assert "sshd" not in output.text
    assert output.text.endswith("ann\nruntime")
    assert "NoNewPrivs:\t1\n" in output.text
    assert "CapEff:\t0000000000000000\n" in output.text


def test_processes_outside_are_invisible_and_out_of_reach(tmp_path: Path) -> None:
    run = _make(tmp_path)
    victim = subprocess.Popen(["sleep", "60"])
    try:
        done = _start(run.wrap(["sh", "-c", f"kill -0 {victim.pid}"], "/home/ann/a", "/home/ann"), dict(os.environ))
        assert done.returncode == 1
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_nothing_survives_bubblewrap(tmp_path: Path) -> None:
    run = _make(tmp_path)
    ours, theirs = os.pipe()
    argv = run.wrap(["sh", "-c", "(sleep 300)& echo up; wait"], "/home/ann/a", "/home/ann")
    process = subprocess.Popen(argv, stdout=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    assert os.read(ours, 100) == b"up\n"
    process.kill()
    process.wait()
    assert os.read(ours, 100) == b""  # end of file: nobody inside holds it any more
    os.close(ours)


def test_runtime_python_and_binds_are_there(tmp_path: Path) -> None:
    run = _make(tmp_path)
    (run.runtime / "python").symlink_to(_BASE / "bin" / "python3")
    extra = tmp_path / "agents"
    extra.mkdir()
    (extra / "tool").write_text("tool")
    script = "import sys; open('/agents/tool').read(); print(sys.version_info[:2]); open('/run/castoff/runtime/x', 'w')"
    argv = ["/run/castoff/runtime/python", "-I", "-c", script]
    bind = Bind(source=extra, at=PurePosixPath("/agents"))
    done = _start(run.wrap(argv, "/home/ann/a", "/home/ann", [bind]), dict(os.environ))
    assert done.stdout == f"{sys.version_info[:2]}\n"
    assert "Read-only file system" in done.stderr


@pytest.mark.parametrize(
    ("tree_at", "home_at", "said"),
    [
        ("/home/ann", "/home/ann", "is your home directory"),
        ("/home", "/home/ann", "contains your home directory"),
        ("/usr/local/src/app", "/home/ann", "lies under /usr"),
        ("/home/ann/app", "/", "cannot be shown"),
        ("src/app", "/home/ann", "cannot be shown"),
        ("/home/ann/../x", "/home/ann", "cannot be shown"),
        ("/run/castoff/app", "/home/ann", "in the way"),
        ("/run", "/home/ann", "in the way"),
    ],
)
def test_paths_that_cannot_be_shown_are_refused(tmp_path: Path, tree_at: str, home_at: str, said: str) -> None:
    with pytest.raises(SandboxUnavailable, match=said) as caught:
        _make(tmp_path).wrap(["true"], tree_at, home_at)
    assert caught.value.way_out


def test_level_none_changes_nothing_but_home(tmp_path: Path) -> None:
    run = _make(tmp_path)
    argv = wrap(
        ["a", "b"], level="none", tree=run.tree, tree_at="/x", home=run.home, home_at="/home/ann", runtime=run.runtime
    )
    assert argv == ["a", "b"]
    env = environment({"K": "v"}, level="none", home=run.home, home_at="/home/ann", runtime=run.runtime)
    assert (env["HOME"], env["CASTOFF_RUNTIME"], env["K"]) == (str(run.home), str(run.runtime), "v")


def test_probe_works_here() -> None:
    assert _start(probe_command(), dict(os.environ)).returncode == 0


def test_facts_tell_what_is_there() -> None:
    facts = collect_facts()
    assert facts.missing == ()
    assert (facts.sandbox, facts.sandbox_detail) == ("full", "")
    assert facts.free > 0 and facts.processors >= 1
    assert facts.tmux and facts.bwrap and facts.git[0].isdigit()
    assert Facts.model_validate(json.loads(facts.model_dump_json())) == facts


def test_a_program_that_cannot_be_started_counts_as_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("git", "bwrap"):
        (tmp_path / name).write_bytes(b"\x7fELF for another machine")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    facts = collect_facts()
    assert "git" in facts.missing
    assert facts.sandbox_detail.endswith("does not work here: it does not start: Exec format error.")


def test_facts_tell_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    facts = collect_facts()
    assert facts.missing == ("tmux", "rsync", "git")
    assert facts.sandbox == "none"
    assert facts.sandbox_detail.endswith("does not work here: bwrap: setting up uid map: Permission denied.")
    (tmp_path / "bwrap").unlink()
    assert collect_facts().sandbox_detail.startswith("bubblewrap is not installed")


def _beside(at: str, *, needed: bool = True, writable: bool = True) -> Bind:
    return Bind(source=Path("/etc/hostname"), at=PurePosixPath(at), needed=needed, writable=writable)


def test_what_is_beside_the_tree_is_around_it_and_in_home_and_lasts(tmp_path: Path) -> None:
    run = _make(tmp_path)
    sources = {
        at: tmp_path / name for name, at in (("a", "/home/ann/proj"), ("b", "/home/ann/main/.git"), ("c", "/srv/x"))
    }
    for source in sources.values():
        source.mkdir()
        (source / "file").write_text(source.name)
    beside = [Bind(source=source, at=PurePosixPath(at), writable=at != "/srv/x") for at, source in sources.items()]
    script = "cat /home/ann/proj/file /home/ann/main/.git/file /srv/x/file file; touch /srv/x/new; echo made > ../made"
    argv = run.wrap(["sh", "-c", script], "/home/ann/proj/tree", "/home/ann", beside=beside[::-1])
    env = environment({}, level="open", home=run.home, home_at="/home/ann", runtime=run.runtime)
    ended = _start(argv, env)
    assert ended.stdout == "abctree" and "Read-only file system" in ended.stderr
    assert (tmp_path / "a/made").read_text() == "made\n"


@pytest.mark.parametrize(
    "at",
    ["/usr/share/x", "/etc/x", "/", "/home", "/home/ann", "/home/ann/app/x", "/run", "/run/castoff/x", "/srv/agent/x"],
)
def test_a_path_that_something_else_needs_is_refused(tmp_path: Path, at: str) -> None:
    run, binds = _make(tmp_path), [Bind(source=Path("/srv/agent"))]
    with pytest.raises(SandboxUnavailable):
        run.wrap(["true"], "/home/ann/app", "/home/ann", binds, [_beside(at)])


@pytest.mark.parametrize("at", ["/usr/share/x", "/opt/x/.git", "/home/ann/app/.git", "/srv/agent/x/.git"])
def test_what_is_not_needed_is_left_out_there(tmp_path: Path, at: str) -> None:
    run, binds = _make(tmp_path), [Bind(source=Path("/srv/agent"))]
    plain = run.wrap(["true"], "/home/ann/app", "/home/ann", binds)
    assert run.wrap(["true"], "/home/ann/app", "/home/ann", binds, [_beside(at, needed=False)]) == plain
