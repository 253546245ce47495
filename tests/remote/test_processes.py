"""Processes told apart, found by their environment, and ended."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remote.host_accept import prepare
from remote.host_protocol import Prepare
from remote.place import incoming_path
from remote.processes import Identity, end_processes, find_by_environment, find_by_folder, identify, is_alive
from tests.waiting import until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
SIMPLE = "import time; print(flush=True); time.sleep(600)"


@contextmanager
def child(code: str = SIMPLE, **env: str) -> Generator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-I", "-c", code]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def begin(sleep: Path, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sleep, "600"], cwd=folder)


def known(process: subprocess.Popen[bytes]) -> Identity:
    identity = identify(process.pid)
    assert identity is not None
    return identity


async def test_a_process_is_ended_even_if_it_does_not_want_to() -> None:
    with child() as polite, child(STUBBORN) as stubborn:
        both = known(polite), known(stubborn)
        assert all(map(is_alive, both))
        assert await end_processes(both) == ()
        assert polite.wait() == -signal.SIGTERM
        assert stubborn.wait() == -signal.SIGKILL
        assert not any(map(is_alive, both))


async def test_a_number_that_another_process_has_by_now_is_left_alone() -> None:
    with child() as process:
        former = known(process).model_copy(update={"started": "1"})
        assert not is_alive(former)
        assert await end_processes((former,)) == ()
        assert process.poll() is None


def test_processes_are_found_by_a_path_in_their_environment(tmp_path: Path) -> None:
    place = tmp_path / "with space"
    inside, beside = str(place / "deep"), f"{place}-2"
    with child(MARK=str(place)) as one, child(MARK=inside) as two, child(MARK=beside), child(OTHER=str(place)):
        found = {identity.pid for identity in find_by_environment("MARK", place)}
        assert found == {one.pid, two.pid}


def test_nobody_finds_himself_or_those_he_descends_from(tmp_path: Path) -> None:
    code = "\n".join(
        (
            "import os, subprocess, sys",
            "from pathlib import Path",
            "from remote.processes import find_by_environment",
            "if os.environ.get('DEEP'):",
            "    print(len(find_by_environment('MARK', Path(os.environ['MARK']))))",
            "else:",
            "    subprocess.run([sys.executable, '-I', '-c', os.environ['CODE']], env={**os.environ, 'DEEP': '1'})",
        )
    )
    env = {"MARK": str(tmp_path), "CODE": code, "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-I", "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0", done.stderr


def test_what_has_ended_is_not_alive_even_before_it_is_waited_for() -> None:
    with child() as process:
        identity = known(process)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(identity)
    assert identify(2**22 + 1) is None


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="only /proc tells where a process is at work")
async def test_what_still_receives_on_a_dead_link_ends_before_more_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its end it would put a part of a file into what is the tree of a run by then."""
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    tree, elsewhere = incoming_path("abc") / "tree", tmp_path / "elsewhere"
    for folder in (tree, elsewhere):
        folder.mkdir(parents=True)
    for name in ("rsync", "editor"):
        shutil.copy(shutil.which("sleep") or "", tmp_path / name)
    begun = [
        begin(tmp_path / name, folder) for name, folder in (("rsync", tree), ("rsync", elsewhere), ("editor", tree))
    ]
    try:
        await until(lambda: [found.pid for found in find_by_folder("rsync", tree)] == [begun[0].pid])
        await prepare(Prepare(run_id="abc", epoch=2, project="/project"))
        assert begun[0].wait() == -signal.SIGTERM
        assert [process.poll() for process in begun[1:]] == [None, None]
    finally:
        for process in begun:
            process.kill()
            process.wait()
