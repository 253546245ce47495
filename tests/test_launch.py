"""Entry points in a hostile tree: names of ours and of the standard library that are the user's, not ours."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SCRIPTS = Path(sysconfig.get_path("scripts"))
OFFENCE = "the user's own file was imported"


@pytest.fixture
def hostile_tree(tmp_path: Path) -> Path:
    """A project whose names shadow ours and the standard library's; importing any of them is fatal."""
    tree = tmp_path / "a project"
    tree.mkdir()
    bad = f"raise SystemExit({OFFENCE!r})\n"
    for name in ("http.py", "asyncio.py", "json.py", "snapshot.py", "click.py"):
        (tree / name).write_text(bad)
    for folder in ("agent", "remote", "tui"):
        (tree / folder).mkdir()
        (tree / folder / "__init__.py").write_text(bad)
    return tree


def run(argv: list[str], tree: Path, *, by_path: bool) -> subprocess.CompletedProcess[str]:
    """Run in the tree, or outside with ``PYTHONPATH`` naming it."""
    env = {**os.environ, "CASTOFF_STATE": str(tree.parent / "state"), "CASTOFF_CONFIG": str(tree.parent / "config")}
    if by_path:
        env["PYTHONPATH"] = str(tree)
    cwd = tree.parent if by_path else tree
    return subprocess.run(
        argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("by_path", [False, True], ids=["working directory", "PYTHONPATH"])
@pytest.mark.parametrize(
    "argv",
    [
        [str(SCRIPTS / "castoff"), "--version"],
        [str(SCRIPTS / "castoff"), "--help"],
        [str(SCRIPTS / "castoff"), "runs", "--json"],
        [str(SCRIPTS / "castoff-runner"), "--help"],
        [sys.executable, "-I", "-m", "tui.cli", "--help"],
        [sys.executable, "-I", "-m", "remote.runner_cli", "--help"],
    ],
    ids=lambda argv: f"{Path(argv[0]).name} {argv[-1]}" if len(argv) < 4 else argv[3],
)
def test_ours_runs(argv: list[str], by_path: bool, hostile_tree: Path) -> None:
    done = run(argv, hostile_tree, by_path=by_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("by_path", [False, True], ids=["working directory", "PYTHONPATH"])
def test_the_tree_is_hostile_to_a_plain_interpreter(by_path: bool, hostile_tree: Path) -> None:
    done = run([sys.executable, "-m", "tui.cli", "--help"], hostile_tree, by_path=by_path)
    assert OFFENCE in done.stderr


def test_the_working_directory_is_kept_as_data(hostile_tree: Path) -> None:
    """A relative PATH argument means the caller's directory."""
    done = run([str(SCRIPTS / "castoff"), "agent"], hostile_tree, by_path=False)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
