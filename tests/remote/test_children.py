"""Processes under an agent: real ones, found by their parents and their ports."""

import contextlib
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

from remote.children import Child, list_children

_SERVE = "import os, socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
_AGENT = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1] + '; sys.stdin.read()', "
    "'--token=s3cret'], stdout=subprocess.PIPE, text=True); "
    "print(child.pid, child.stdout.readline(), end='', flush=True); sys.stdin.read()"
)
_RUNNER = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1], sys.argv[2]]))"


@contextlib.contextmanager
def running(*argv: str, cwd: Path) -> Generator[tuple[int, list[int]]]:
    """A process by its number, and the numbers that it says; it ends when its input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=cwd
    )
    assert process.stdout is not None
    try:
        yield process.pid, [int(word) for word in process.stdout.readline().split()]
    finally:
        process.communicate()


def test_the_children_of_the_agent_with_their_ports(tmp_path: Path) -> None:
    with running(_RUNNER, _AGENT, _SERVE, cwd=tmp_path) as (runner, (pid, port)):
        (child,) = list_children(runner, Path("/nowhere"))
        assert (child.pid, child.ports, child.own) == (pid, (port,), True)
        assert "s3cret" not in child.model_dump_json()


def test_a_server_in_the_project_that_is_nobodys_child(tmp_path: Path) -> None:
    inside = tmp_path / "sub"
    inside.mkdir()
    with (
        running(f"{_SERVE}; sys.stdin.read()", cwd=inside) as (pid, (port,)),
        running("import sys; print(1, flush=True); sys.stdin.read()", cwd=inside),
    ):
        (child,) = list_children(None, tmp_path)
        assert child == Child(name=child.name, pid=pid, ports=(port,), own=False)
        assert list_children(None, tmp_path / "other") == ()


def test_a_runner_that_has_ended(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert list_children(gone.pid, tmp_path) == ()
    with running("import sys; print(1, flush=True); sys.stdin.read()", cwd=tmp_path) as (childless, _):
        assert list_children(childless, tmp_path / "other") == ()
