"""The demo's project: a small real one, with a bug, a missing feature, and a working tree that is not clean."""

import os
import subprocess
from pathlib import Path

from agent.demo_model import project_files as files

DEMO_TASK = (
    "Kettle rings too early: sencha needs 1m 30s, but the timer is done after 30 s. Find out why and fix it. "
    "Then teach kettle the second and third infusion - the tests for that are already there - and tell the README."
)
"""The prompt that the demo model has lines for."""

_AUTHOR = "Kettle Demo"
_EMAIL = "kettle@example.invalid"


def create_demo_project(path: Path) -> None:
    """Write the demo project into the new or empty folder ``path``, as a git repository with three commits.

    One change on top is staged, one is not, and one file is untracked. Raises `FileExistsError` if the folder holds
    anything, `subprocess.CalledProcessError` or `FileNotFoundError` if git fails or is missing.
    """
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise FileExistsError(f"{path} is not empty")
    _git(path, "init", "--quiet", "--initial-branch=main")
    for day, (message, contents) in enumerate(files.COMMITS, start=1):
        _write(path, contents)
        _git(path, "add", "--all")
        _git(path, "commit", "--quiet", f"--message={message}", day=day)
    _write(path, files.STAGED)
    _git(path, "add", "--all")
    _write(path, files.UNSTAGED)
    _write(path, files.UNTRACKED)


def _write(path: Path, contents: dict[str, str]) -> None:
    for name, text in contents.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def _git(path: Path, *arguments: str, day: int = 1) -> None:
    """Run git with nothing of the user's settings, hooks or identity in it."""
    date = f"2026-03-{day:02d}T08:30:00+00:00"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": _AUTHOR,
        "GIT_AUTHOR_EMAIL": _EMAIL,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": _AUTHOR,
        "GIT_COMMITTER_EMAIL": _EMAIL,
        "GIT_COMMITTER_DATE": date,
    }
    subprocess.run(
        ["git", "-c", "init.templateDir=", "-C", str(path), *arguments],
        env=environment,
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
