"""Castoff's runtime on a host: there in the right version, or installed now, into a private environment of its own.

``~/.local/share/castoff/runtimes/RUNTIME_ID`` on the host holds ``env/`` (a virtual environment),
``bin/castoff-runner`` and ``complete.json``. Nothing else on the host is touched, and root is not needed.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from agent import children
from agent.events import Frozen
from remote import host_install
from remote.connection import Connection
from remote.errors import HostFull, HostLacks, HostTimeout, RuntimeSetupFailed
from remote.interpreter import find_python
from remote.wheel import REQUIREMENTS, build_wheel, host_requirements, pack, package_contents, runtime_id

Report = Callable[[str], None]

_INSTALL_SECONDS = 900.0
_LOOK = """
root="${XDG_DATA_HOME:-$HOME/.local/share}/castoff/runtimes"
printf '%s\\n' "$root"
"$root/$1/env/bin/python" -I -S -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo
cat "$root/$1/complete.json" 2>/dev/null || true
"""


class Runtime(Frozen):
    """The runtime on a host: its directory there, its id, its interpreter, and the prefix of the Python below it."""

    path: PurePosixPath
    runtime_id: str
    python: PurePosixPath
    base_prefix: PurePosixPath
    version: str
    """Of the host's Python."""


class _Marker(Frozen):
    runtime_id: str
    version: str
    base_prefix: PurePosixPath


class _Refused(Exception):
    """The host's side of the installation ended with a reason."""

    def __init__(self, code: str, sentence: str, detail: str, fits: dict[str, Any] | None) -> None:
        super().__init__(sentence)
        self.code = code
        self.detail = detail
        self.fits = fits


async def find_runtime(connection: Connection) -> Runtime | None:
    """The runtime that goes with this castoff, if the host has it: one command."""
    return (await _look(connection))[1]


async def ensure_runtime(connection: Connection, *, report: Report) -> Runtime:
    """The runtime that goes with this castoff, installed on the host now if it is not there.

    ``report`` gets lines to show. Raises `HostLacks` without Python 3.11, `HostFull`, `HostTimeout`,
    `RuntimeSetupFailed`; then the host is as it was.
    """
    root, runtime = await _look(connection)
    if runtime is not None:
        return runtime
    python = await find_python(connection, report=report)
    report(f"installing castoff's runtime {runtime_id()} on {connection.name}")
    payload = await asyncio.to_thread(_payload)
    try:
        await _install(connection, python, root, payload, report)
    except _Refused as refused:
        if refused.code != "no-packages" or refused.fits is None:
            raise _failure(connection, refused) from refused
        report(f"{connection.name} cannot get the packages by itself; sending them along")
        payload |= await _download(connection, refused)
        try:
            await _install(connection, python, root, payload, report)
        except _Refused as again:
            raise _failure(connection, again) from again
    root, runtime = await _look(connection)
    if runtime is None:
        raise RuntimeSetupFailed(f"The runtime was installed on {connection.name} and is not there.", "Try again.")
    report(f"castoff's runtime is ready on {connection.name}")
    return runtime


async def _look(connection: Connection) -> tuple[str, Runtime | None]:
    """Where runtimes live on the host, and the one that goes with this castoff.

    Its interpreter is asked as well: an upgrade of the host's system may take the Python below the environment away, or
    put another one there that does not look where the packages are.
    """
    output = await connection.run(["sh", "-c", _LOOK, "sh", runtime_id()])
    root, _, rest = output.stdout.decode(errors="surrogateescape").partition("\n")
    minor, _, marker = rest.partition("\n")
    try:
        facts = _Marker.model_validate_json(marker)
    except ValidationError:
        return root, None
    if not minor or not f"{facts.version}.".startswith(f"{minor}."):
        return root, None
    path = PurePosixPath(root) / runtime_id()
    python = path / "env" / "bin" / "python"
    return root, Runtime(
        path=path, runtime_id=facts.runtime_id, python=python, base_prefix=facts.base_prefix, version=facts.version
    )


def _payload() -> dict[str, bytes]:
    name, wheel = build_wheel()
    return {**package_contents("pip"), REQUIREMENTS: host_requirements(), name: wheel}


async def _install(connection: Connection, python: str, root: str, payload: dict[str, bytes], report: Report) -> None:
    """Run `remote.host_install` there; raises `_Refused`, `HostTimeout`."""
    try:
        async with asyncio.timeout(_INSTALL_SECONDS):
            await _follow(connection, python, root, payload, report)
    except TimeoutError as error:
        raise HostTimeout(
            f"Castoff's runtime was not installed on {connection.name} within {_INSTALL_SECONDS:g} seconds.",
            "Try again; if its network is slow, give it a nearer package index (pip config).",
        ) from error


async def _follow(connection: Connection, python: str, root: str, payload: dict[str, bytes], report: Report) -> None:
    """Send the payload and tell what the host says, to the end."""
    script = Path(host_install.__file__).read_text()
    data = await asyncio.to_thread(pack, payload)
    fits: dict[str, Any] | None = None
    async with await connection.open([python, "-I", "-c", script, root, runtime_id()]) as channel:
        channel.writer.write(data)
        channel.writer.write_eof()
        while line := await channel.reader.readline():
            message = _message(connection, line)
            if "line" in message:
                report(str(message["line"]))
            elif "fits" in message:
                fits = message["fits"]
            elif "failed" in message:
                raise _Refused(message["failed"], message["sentence"], message["detail"], fits)
        status = await channel.wait()
        if status != 0:
            raise _Refused("crashed", f"the installation ended with status {status}", channel.stderr_tail, None)


def _message(connection: Connection, line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise RuntimeSetupFailed(f"{connection.name} answered the installation with {line[:200]!r}.") from error


async def _download(connection: Connection, refused: _Refused) -> dict[str, bytes]:
    """The pinned packages for the host's Python and platform, fetched here; raises `RuntimeSetupFailed`."""
    assert refused.fits is not None
    platforms = [word for tag in refused.fits["platforms"] for word in ("--platform", str(tag))]
    with tempfile.TemporaryDirectory(prefix="castoff-") as directory:
        requirements = Path(directory) / REQUIREMENTS
        requirements.write_bytes(host_requirements())
        wheels = Path(directory) / "wheels"
        argv = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        argv += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(requirements)]
        argv += ["--dest", str(wheels), "--python-version", str(refused.fits["python"]), *platforms]
        process = await children.start(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/"
        )
        said, _ = await children.hear_out(process)
        if process.returncode != 0:
            raise RuntimeSetupFailed(
                f"{connection.name} cannot get castoff's packages from an index, and they cannot be had from here: "
                f"{_last_line(said.decode(errors='replace'))}.",
                "Go online here, or give the host a package index (pip config).",
            )
        return {f"wheels/{path.name}": path.read_bytes() for path in wheels.iterdir()}


def _failure(connection: Connection, refused: _Refused) -> HostFull | HostLacks | RuntimeSetupFailed:
    name = connection.name
    if refused.code == "host-full":
        return HostFull(f"{name} has no space for castoff's runtime: {refused}.", "Free some space there.")
    if refused.code == "no-venv":
        return HostLacks(f"On {name}, {refused}.", "Install it there: apt install python3-venv", missing=("venv",))
    said = f" ({_last_line(refused.detail)})" if refused.detail.strip() else ""
    return RuntimeSetupFailed(f"Castoff's runtime cannot be installed on {name}: {refused}{said}.", "Try again.")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it said nothing"
