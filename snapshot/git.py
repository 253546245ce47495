"""The one place where git is run.

Whatever a repository's configuration says, no hook, file-system monitor or external protocol helper runs, no lock
is taken for a read, and the answers are in plain English. Filter drivers (LFS) can still run in commands that
compare contents: run those on a tree that is not the user's own only inside the sandbox.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from snapshot.errors import GitFailed

HARDENED = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "core.untrackedCache=false",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "safe.bareRepository=explicit",
    "advice.detachedHead=false",
)
OWN_CONFIG = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
"""Environment under which only the repository's own configuration counts."""


_FULL = ("No space left on device", "Disk quota exceeded")
_ESCAPE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_ESCAPED = {bytes([letter]): bytes([byte]) for letter, byte in zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True)}


class Output(NamedTuple):
    """What a git command printed, and its exit status."""

    out: bytes
    status: int
    error: str


def git(
    *arguments: str,
    tree: Path | None = None,
    git_dir: Path | None = None,
    config: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float = 300.0,
    accept: Sequence[int] = (0,),
) -> Output:
    """Run ``git ARGUMENTS`` on the work tree ``tree`` and the repository ``git_dir`` (default: ``tree/.git``).

    Raises `GitFailed` if git is missing, runs longer than ``seconds``, or ends with a status not in ``accept``.
    """
    command = ["git", "--no-pager", *(part for item in (*HARDENED, *config) for part in ("-c", item))]
    if tree is not None:
        command.append(f"--work-tree={tree.absolute()}")
        git_dir = git_dir or tree / ".git"
    if git_dir is not None:
        command.append(f"--git-dir={git_dir.absolute()}")
    cwd = tree or git_dir
    try:
        with subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=_environment(environment or {}),
            start_new_session=True,
        ) as process:
            try:
                out, complaints = process.communicate(stdin, timeout=seconds)
            except BaseException:  # re-raised: no filter or alias that git started lives on
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise GitFailed(f"There is no folder {str(cwd)!r}.") from error
        raise GitFailed("git is not installed.", "Install git, then try again.") from error
    except subprocess.TimeoutExpired as error:
        raise GitFailed(f"git {arguments[0]} did not end within {seconds:.0f} s.") from error
    said = complaints.decode(errors="replace").strip()
    if process.returncode not in accept:
        first = said.splitlines()[0].rstrip(".: ") if said else f"status {process.returncode}"
        way_out = "Make room on this disk, then try again." if any(sign in said for sign in _FULL) else ""
        raise GitFailed(f"git {arguments[0]} failed: {first}.", way_out)
    return Output(out, process.returncode, said)


def quote_path(path: Path) -> str:
    """``path`` as git reads it in lists of object directories, where ``:`` and newlines would part it."""
    text = str(path.absolute()).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def unquote_path(text: bytes) -> bytes:
    """A path as git prints it: as it is, or in quotes with C's escapes."""
    if not (len(text) > 1 and text[:1] == text[-1:] == b'"'):
        return text
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1]) or bytes([int(found[1], 8) & 0xFF]), text[1:-1])


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    # Variables like GIT_DIR or GIT_INDEX_FILE of a surrounding git command would point us elsewhere.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept = {name: os.environ[name] for name in OWN_CONFIG if name in os.environ}
    fixed = {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "LC_ALL": "C",
    }
    return {**own, **kept, **fixed, **extra}
