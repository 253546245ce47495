"""How soon a lost run is attached to again after its link is back, on loopback.

    python -I bench/links.py [--cuts N]

A run on the demo's embedded SSH host behind a port that is closed for a while (0 to 3 s) again and again; counted is
from the moment that it is open again to the runner's welcome. The peer, in the same run and through the same port:
OpenSSH's client, started at such a moment, to the end of ``true`` on that host. It knows the moment, castoff does not,
and it starts no program of castoff's there.
"""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.paths import state_dir
from agent.sessions import create_session
from remote import embedded_host
from remote.config import Settings
from remote.embedded_host import EmbeddedHost
from remote.errors import RemoteError
from remote.handoff import hand_off
from remote.host_protocol import Nothing
from remote.hostkeys import HostKeys
from remote.links import Links
from remote.local import open_local
from remote.patience import Patience
from remote.processes import end_processes, find_by_environment
from remote.settings_protocol import SetVariable
from remote.steps import Away
from remote.terms import Decision, Terms

PEER_ROUNDS = 5


class Port:
    """A port that leads to another one, while it is open."""

    def __init__(self, to: int) -> None:
        self.number = 0
        self._to = to
        self._server: asyncio.Server | None = None
        self._ends: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        """Let connections in."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.number)
        self.number = int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Cut all connections and refuse further ones."""
        assert self._server is not None
        self._server.close()
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self._to)
        self._ends += [writer, onward]
        await asyncio.gather(_carry(reader, onward), _carry(there, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def after_each_cut(
    port: Port, cuts: int, dice: random.Random, work: Callable[[], Awaitable[float]]
) -> list[float]:
    """Seconds from each return of the link to the moment that ``work``, begun before it, returns."""
    waits: list[float] = []
    for _ in range(cuts):
        port.close()
        task = asyncio.ensure_future(work())
        await asyncio.sleep(dice.uniform(0, 3))
        await port.open()
        opened = time.monotonic()
        waits.append(await task - opened)
    return waits


def show(who: str, waits: list[float]) -> float:
    """Print one line; returns the median."""
    ordered = sorted(waits)
    late = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    median = statistics.median(ordered)
    print(f"{who:<34} median {median:.2f} s, p95 {late:.2f} s, worst {ordered[-1]:.2f} s of {len(ordered)}")
    return median


async def last(steps: AsyncGenerator[Any, Decision | None]) -> Any:
    """The last step of a move that is agreed to."""
    step = await anext(steps)
    try:
        while True:
            step = await steps.asend("go")
    except StopAsyncIteration:
        return step


async def attach_again(links: Links, run_id: str) -> float:
    """Attach as the app's bridge does; when the runner's welcome came, by `time.monotonic`."""
    patience = Patience()
    while True:
        try:
            viewer = await links.attach("vm", run_id)
        except (AgentError, RemoteError) as error:
            await asyncio.sleep(patience.fail(error))
        else:
            came = time.monotonic()
            await viewer.close()
            return came


async def peer(host: EmbeddedHost, port: int, root: Path) -> float:
    """Seconds of OpenSSH's client to connect and run ``true``."""
    known = root / "peer_known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host.host_key.algorithm} {host.host_key.encoded}\n")
    argv = ["ssh", "-F", "none", "-p", str(port), "-i", str(host.identity), "-o", f"UserKnownHostsFile={known}"]
    argv += ["-o", "BatchMode=yes", "-l", host.user, "127.0.0.1", "true"]
    began = time.monotonic()
    await asyncio.to_thread(subprocess.run, argv, stdin=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


async def measure(root: Path, cuts: int) -> None:
    """Set the scene, then cut the link again and again."""
    project = root / "home" / "project"
    project.mkdir(parents=True)
    (project / "file").write_text("one\n")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    host = await embedded_host.start(root / "host")
    try:
        port = Port(host.port)
        await port.open()
        HostKeys().pin("127.0.0.1", port.number, host.host_key)
        settings = Settings()
        settings.add(host.host("vm").model_copy(update={"port": port.number}))
        links = Links(settings)
        client = await links.client("vm")
        # No prompt is ever sent: a key of any kind lets the agent start.
        await client.ask(SetVariable(name="OPENAI_API_KEY", value="none"), Nothing)
        session = create_session(state_dir(), project, "builtin")
        await (await open_local(session)).close()
        away = await last(hand_off(session, links.host("vm"), Terms(), links))
        if not isinstance(away, Away):
            raise SystemExit(f"the handoff failed: {away}")
        dice = random.Random(7)
        waits = await after_each_cut(port, cuts, dice, lambda: attach_again(links, session.id))
        mine = show("castoff, attached again", waits)
        theirs = show("OpenSSH's client, logged in", [await peer(host, port.number, root) for _ in range(PEER_ROUNDS)])
        print(f"castoff takes {mine / theirs:.2f} x that; load {os.getloadavg()[0]:.1f}")
        await links.close()
    finally:
        await embedded_host.stop(root / "host")
        # The run goes on without its host's SSH server, as it should.
        await end_processes(find_by_environment("HOME", root / "host"))


def main() -> None:
    """Measure in a directory of its own that is removed after."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="castoff-bench-") as folder:
        root = Path(folder)
        for name in ("STATE", "CONFIG", "DATA"):
            os.environ[f"CASTOFF_{name}"] = str(root / name.lower())
        os.environ.update(HOME=str(root / "home"), CASTOFF_MODEL="openai-chat:none", OPENAI_API_KEY="none")
        (root / "home").mkdir()
        asyncio.run(measure(root, options.cuts))


if __name__ == "__main__":
    sys.exit(main())
