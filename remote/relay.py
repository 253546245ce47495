"""``castoff-runner attach``: joins standard input and output to a run's runner, starting it if it is not running."""

import asyncio
import sys

from agent.durable import read_model
from agent.errors import NotOwner, RecordDamaged, RecordNewer, ViewerGone
from agent.lease import read_lease
from agent.paths import state_dir
from agent.reception import RunnerRecord
from agent.server import LINE_LIMIT
from agent.sessions import SessionDir, find_session
from remote.host_runner import is_alive, start_run

_START_SECONDS = 30.0
_CHUNK = 64 << 10


async def relay_run(run_id: str) -> None:
    """Relay until either side ends; raises `agent.errors.AgentError` when the run does not answer or is not here."""
    session = find_session(state_dir(), run_id)
    reader, writer = await _connect(session)
    writer.transport.set_write_buffer_limits(high=0)
    loop = asyncio.get_running_loop()
    ours = asyncio.StreamReader(limit=LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ours), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    # What is said last is out before this process ends: draining then means empty.
    transport.set_write_buffer_limits(high=0)
    out = asyncio.StreamWriter(transport, protocol, None, loop)
    pumps = [asyncio.create_task(_pump(ours, writer)), asyncio.create_task(_pump(reader, out))]
    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    for pump in pumps:
        pump.cancel()


async def _connect(session: SessionDir) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    started = False
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        try:
            record = read_model(session.path / "runner.json", RunnerRecord)
            return await asyncio.open_unix_connection(record.socket, limit=LINE_LIMIT)
        except RecordNewer:
            raise
        except (RecordDamaged, FileNotFoundError, ConnectionRefusedError):
            _check_held(session)
            # A run that is being pulled is kept from starting: then the lease soon says where it is.
            if not started and not await is_alive(session):
                await start_run(session)
                started = True
        await asyncio.sleep(0.05)
    raise ViewerGone("The run's runner does not come up.", "castoff host check looks at the host.")


def _check_held(session: SessionDir) -> None:
    lease = read_lease(session)
    if lease.state != "held":
        raise NotOwner(f"The run {session.id} does not live here any more.", "castoff runs shows where it is.")


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        return
