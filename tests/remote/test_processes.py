"""Processes told apart, found by their environment, and ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from remote.processes import Identity, end_processes, find_by_environment, identify, is_alive

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
