"""A small HTTP service of the demo's as a detached process: started when it is not there, found again when it is."""

import asyncio
import http.client
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.durable import make_private, read_model, write_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from remote.errors import DemoFailed
from remote.processes import Identity, end_processes, identify, is_alive

_START_SECONDS = 20.0


class Ready(Frozen):
    """What a service writes when it listens."""

    port: int
    pid: int


class Service(Frozen):
    """A service as it was started: its process, its port on 127.0.0.1 and its arguments."""

    process: Identity
    port: int
    arguments: tuple[str, ...]


async def keep_running(
    place: Path, module: str, arguments: Sequence[str], *, probe: str, env: Mapping[str, str]
) -> Service:
    """The service ``python -I -m MODULE ARGUMENTS`` of the directory ``place``, started now if it does not answer.

    It takes the port that it had before if that is free. ``probe`` is a path that it answers with status 200; its
    messages go to ``place/log``. Raises `DemoFailed` with its last words if it does not come up.
    """
    make_private(place)
    known = read_service(place)
    if known is not None:
        if known.arguments == tuple(arguments) and await answers(known, probe):
            return known
        await end_processes((known.process,))
    for port in dict.fromkeys((known.port if known else 0, 0)):
        service = await _start(place, module, arguments, port, env)
        if service is None:
            continue
        if await answers(service, probe):
            write_model(place / "service.json", service)
            return service
        await end_processes((service.process,))
    log = (place / "log").read_text(errors="replace").strip().splitlines()
    said = log[-1] if log else "it said nothing"
    raise DemoFailed(f"{module} does not start: {said}.", f"See {place / 'log'}.")


def read_service(place: Path) -> Service | None:
    """The service last started in ``place``, alive or not."""
    try:
        return read_model(place / "service.json", Service)
    except RecordDamaged:
        return None


async def answers(service: Service, probe: str) -> bool:
    """Whether this very process lives and answers."""
    return is_alive(service.process) and await asyncio.to_thread(_get, service.port, probe)


async def _start(
    place: Path, module: str, arguments: Sequence[str], port: int, env: Mapping[str, str]
) -> Service | None:
    """Start it and wait for its ready file; ``None`` if it ended before."""
    ready = place / "ready.json"
    ready.unlink(missing_ok=True)
    argv = [sys.executable, "-I", "-m", module, "--port", str(port), "--ready-file", str(ready), *arguments]
    with (place / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it must outlive this event loop, and starting takes milliseconds
            argv, cwd=place, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while process.poll() is None and asyncio.get_running_loop().time() < deadline:
        identity = identify(process.pid)
        if ready.exists() and identity is not None:
            facts = read_model(ready, Ready)
            process.returncode = 0  # ours no longer: it lives on, and Popen must not warn about that
            return Service(process=identity, port=facts.port, arguments=tuple(arguments))
        await asyncio.sleep(0.02)
    process.kill()
    process.wait()
    return None


def _get(port: int, path: str) -> bool:
    # Not by urllib: what proxy the user has set is not asked for the loopback address.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
