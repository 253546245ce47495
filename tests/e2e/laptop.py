"""A laptop for end-to-end tests: a HOME of its own, a repository with work in progress, and the ``castoff`` command."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]

CHANGES = ["M  staged.txt", " M unstaged.txt", "?? untracked.txt"]
"""What ``git status --short`` says of the repository that `make_project` makes."""


@dataclass(frozen=True)
class Laptop:
    """Where a user sits: HOME, project, and the environment that commands get."""

    home: Path
    project: Path
    env: dict[str, str]

    def castoff(self, *argv: str, given: str = "", seconds: float = 300) -> list[Record]:
        """Run a command with ``--json`` in the project and return its records; it must succeed."""
        ran = subprocess.run(
            [sys.executable, "-I", "-m", "tui.cli", *argv, "--json"],
            cwd=self.project,
            env=self.env,
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert ran.returncode == 0, f"castoff {' '.join(argv)}: {ran.returncode}\n{ran.stdout[-3000:]}\n{ran.stderr}"
        records = [json.loads(line) for line in ran.stdout.splitlines()]
        assert records[-1]["ok"] is True
        return records

    def events(self, session_id: str) -> list[Record]:
        """The session's events, wherever it is."""
        return [record for record in self.castoff("log", session_id) if "seq" in record]

    def git(self, *argv: str) -> str:
        """Run git in the project."""
        return git(self.project, self.env, *argv)


def make_laptop(home: Path) -> Laptop:
    """A laptop whose HOME is ``home``, with nothing inherited but PATH."""
    env = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "NO_PROXY": "127.0.0.1",
        "CASTOFF_STATE": str(home / "state"),
        "CASTOFF_CONFIG": str(home / "config"),
        "CASTOFF_DATA": str(home / "data"),
    }
    project = home / "projects" / "sea shanty"
    make_project(project, env)
    return Laptop(home, project, env)


def make_project(project: Path, env: dict[str, str]) -> None:
    """A repository with staged, unstaged and untracked work, and names that could get in castoff's way."""
    project.mkdir(parents=True)
    git(project, env, "init", "--quiet", "--initial-branch=main")
    files = {
        "song.txt": "What shall we do\nwith the sailor\n",
        "staged.txt": "one\n",
        "unstaged.txt": "one\n",
        "http.py": "raise SystemExit('not the module that was meant')\n",
        "agent/__init__.py": "raise SystemExit('not the package that was meant')\n",
        "remote/__init__.py": "raise SystemExit('not the package that was meant')\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text, "utf-8")
    git(project, env, "add", ".")
    git(project, env, "commit", "--quiet", "--message=Begin")
    (project / "staged.txt").write_text("two\n", "utf-8")
    git(project, env, "add", "staged.txt")
    (project / "unstaged.txt").write_text("two\n", "utf-8")
    (project / "untracked.txt").write_text("two\n", "utf-8")


def git(project: Path, env: dict[str, str], *argv: str) -> str:
    """Run git as a neutral author and return what it prints."""
    who = ["-c", "user.name=Sailor", "-c", "user.email=sailor@example.org", "-c", "safe.directory=*"]
    return subprocess.run(["git", *who, *argv], cwd=project, env=env, check=True, capture_output=True, text=True).stdout


def contents(tree: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and bytes of every file of a tree but git's own, by relative name."""
    files = (path for path in tree.rglob("*") if path.is_file() and ".git" not in path.relative_to(tree).parts)
    return {str(path.relative_to(tree)): (path.stat().st_mode & 0o777, path.read_bytes()) for path in files}
