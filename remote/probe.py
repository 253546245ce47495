"""Which programs are there, and of which version: asked of the programs themselves, without a shell.

Runs by itself as well (``python -I -m remote.probe``), to be started in a run's sandbox: ``{"names": [...],
"versions": [...]}`` on standard input, a list of ``{"name", "path", "version"}`` on standard output. Therefore nothing
but the standard library is imported.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

SECONDS = 3.0
"""A program that has not said its version by then is taken not to say it."""
_AT_ONCE = 8
_MOST_BYTES = 4096
_LONGEST = 100
_ASKED_OTHERWISE = {"go": "version", "ffmpeg": "-version", "lua": "-v", "openssl": "version"}


def find_programs(names: Iterable[str], versions: Collection[str], path: str | None = None) -> list[dict[str, str]]:
    """For each of ``names`` where it is on ``path`` (by default PATH), "" if it is not; a name with ``/`` is a path.

    Those in ``versions`` are asked for their version: its first line, "" if they say none.
    """
    found = [{"name": name, "path": shutil.which(name, path=path) or "", "version": ""} for name in names]
    asked = [program for program in found if program["path"] and program["name"] in versions]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for program, said in zip(asked, pool.map(_ask_version, asked), strict=True):
            program["version"] = said
    return found


def _ask_version(program: dict[str, str]) -> str:
    argv = [program["path"], _ASKED_OTHERWISE.get(os.path.basename(program["name"]), "--version")]  # noqa: PTH119 - a name
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    except OSError:
        return ""
    clock = threading.Timer(SECONDS, _kill_group, [process.pid])
    clock.start()
    assert process.stdout is not None
    with process.stdout as output:
        said = output.read(_MOST_BYTES)
    clock.cancel()
    clock.join()
    # Whoever goes on talking, or left somebody behind that does, is not waited for.
    _kill_group(process.pid)
    process.wait()
    lines = said.decode(errors="replace").splitlines()
    return next((line.strip() for line in lines if any(char.isdigit() for char in line)), "")[:_LONGEST]


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def main() -> None:
    """Answer the question on standard input."""
    asked = json.load(sys.stdin)
    json.dump(find_programs(asked["names"], set(asked["versions"])), sys.stdout)


if __name__ == "__main__":
    main()
