"""The inner side of the gate: ``python -I -m remote.gate_inside SOCKET PORT -- COMMAND``, in a sandbox without network.

Programs know proxies by address and port, so a process of its own relays 127.0.0.1:PORT to the gate's unix socket for
as long as the sandbox lives. The command takes this process's place, with its standard streams.
"""

import os
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

_CHUNK = 64 << 10


def main(words: list[str]) -> None:
    """Listen, leave the relay behind, become the command."""
    gate, port, _, *command = words
    # Listening before the command runs: it may connect at once.
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    child = os.fork()
    if child == 0:
        # Not the command's child: it may wait for all of its own.
        if os.fork() == 0:
            _serve(gate, listener)
        os._exit(0)
    os.waitpid(child, 0)
    listener.close()
    os.execvp(command[0], command)


def _serve(gate: str, listener: socket.socket) -> None:
    import asyncio

    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    asyncio.run(_relay(gate, listener))


async def _relay(gate: str, listener: socket.socket) -> None:
    import asyncio

    async def welcome(reader: "asyncio.StreamReader", writer: "asyncio.StreamWriter") -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(gate)
        except OSError:
            writer.transport.abort()
            return
        await join_streams(reader, writer, far_reader, far_writer)

    server = await asyncio.start_server(welcome, sock=listener)
    await server.serve_forever()


async def join_streams(
    reader: "asyncio.StreamReader",
    writer: "asyncio.StreamWriter",
    far_reader: "asyncio.StreamReader",
    far_writer: "asyncio.StreamWriter",
) -> None:
    """Carry bytes both ways until both have ended, or one breaks; closes both."""
    import asyncio

    async def pump(source: "asyncio.StreamReader", sink: "asyncio.StreamWriter") -> None:
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()

    pumps = [asyncio.create_task(pump(reader, far_writer)), asyncio.create_task(pump(far_reader, writer))]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for each in pumps:
            each.cancel()
        # A broken connection is how most of them end; both sides see it by the close.
        await asyncio.gather(*pumps, return_exceptions=True)
        writer.close()
        far_writer.close()


if __name__ == "__main__":
    main(sys.argv[1:])
