"""What keeps a run's runner: crashes are made good a few times, everything else ends it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from remote import keeper
from tests.waiting import wait_until

_PROGRAM = """
import sys
from pathlib import Path
from remote import keeper
keeper.PAUSES = (float(sys.argv[2]),) * 2
keeper._adopt_orphans()
with keeper._lock(Path.cwd()) as alone, keeper._signals() as wait:
    sys.exit(keeper.keep(["/bin/sh", "-c", sys.argv[1], "sh"], wait) if alone else keeper.BUSY)
"""
REPO = str(Path(__file__).parents[2])


def begin(place: Path, script: str, pause: float = 0.01) -> "subprocess.Popen[bytes]":
    """A keeper whose runner is a shell script; ``$1`` is ``--held`` in the last one."""
    argv = [sys.executable, "-c", _PROGRAM, script, str(pause)]
    env = {**os.environ, "PYTHONPATH": REPO}
    with (place / "said").open("a") as said:
        return subprocess.Popen(argv, cwd=place, env=env, stdout=said)


@pytest.mark.parametrize("status", [0, 1, 2, 75, 130, 143])
def test_what_says_why_it_ends_is_not_started_again(tmp_path: Path, status: int) -> None:
    kept = begin(tmp_path, f"echo x >> starts; exit {status}")
    assert kept.wait(60) == status
    assert (tmp_path / "starts").read_text() == "x\n"


@pytest.mark.parametrize("end", ["kill -KILL $$", "kill -SEGV $$", f"exit {keeper.CRASHED}"])
def test_a_crash_is_made_good(tmp_path: Path, end: str) -> None:
    kept = begin(tmp_path, f"echo x >> starts; test -e once || {{ touch once; {end}; }}")
    assert kept.wait(60) == 0 and (tmp_path / "said").read_text().count("it is started again") == 1
    assert (tmp_path / "starts").read_text() == "x\nx\n"


def test_a_runner_that_crashes_again_and_again_is_held_in_the_end(tmp_path: Path) -> None:
    kept = begin(tmp_path, 'echo "$1" >> starts; kill -KILL $$')
    assert kept.wait(60) == 128 + signal.SIGKILL
    assert (tmp_path / "starts").read_text() == "\n\n\n--held\n"


def test_a_polite_end_reaches_the_runner_and_nothing_is_started_again(tmp_path: Path) -> None:
    kept = begin(tmp_path, "trap 'echo ended >> starts; exit 143' TERM; echo x >> starts; while :; do sleep 0.05; done")
    wait_until((tmp_path / "starts").exists)
    assert keeper.find_keeper(tmp_path) == kept.pid
    kept.terminate()
    assert kept.wait(60) == 143
    assert (tmp_path / "starts").read_text() == "x\nended\n"
    assert keeper.find_keeper(tmp_path) is None


def test_a_runner_that_does_not_end_politely_is_not_started_again_either(tmp_path: Path) -> None:
    kept = begin(tmp_path, "trap 'kill -KILL $$' TERM; echo x >> starts; while :; do sleep 0.05; done")
    wait_until((tmp_path / "starts").exists)
    kept.terminate()
    assert kept.wait(60) == 128 + signal.SIGKILL
    assert (tmp_path / "starts").read_text() == "x\n"


def test_the_end_of_its_terminal_ends_neither(tmp_path: Path) -> None:
    kept = begin(tmp_path, "touch begun; while [ ! -e go ]; do sleep 0.02; done")
    wait_until((tmp_path / "begun").exists)
    kept.send_signal(signal.SIGHUP)
    (tmp_path / "go").touch()
    assert kept.wait(60) == 0


def test_there_is_one_keeper(tmp_path: Path) -> None:
    kept = begin(tmp_path, "touch begun; while [ ! -e go ]; do sleep 0.02; done")
    wait_until((tmp_path / "begun").exists)
    assert begin(tmp_path, "touch second").wait(60) == keeper.BUSY
    (tmp_path / "go").touch()
    assert kept.wait(60) == 0 and not (tmp_path / "second").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt the orphans of its children")
def test_what_a_crashed_runner_leaves_is_ended_before_the_next_one_starts(tmp_path: Path) -> None:
    leave = "setsid sh -c 'echo $$ > left; exec sleep 300' & while [ ! -s left ]; do sleep 0.01; done; kill -KILL $$"
    script = f'if [ -e left ]; then kill -0 "$(cat left)" && touch both; exit 0; fi; {leave}'
    assert begin(tmp_path, script).wait(60) == 0
    assert not (tmp_path / "both").exists()


def test_a_child_of_another_user_does_not_stop_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a program by sudo, where there is no sandbox: nobody here can end it, and it may never end."""
    with subprocess.Popen(["sleep", "300"]) as child:
        monkeypatch.setattr(keeper, "_children", lambda: {child.pid})
        with monkeypatch.context() as patch:
            patch.setattr(os, "kill", _refuse)
            patch.setattr(os, "killpg", _refuse)
            keeper._end_orphans()  # pyright: ignore[reportPrivateUsage]
        assert child.poll() is None
        child.kill()


def _refuse(*_: int) -> None:
    raise PermissionError
