"""A slow link on one machine: relays a local TCP port to another with a delay and a rate, and counts the bytes.

    python -I bench/link.py --to PORT [--rtt MS] [--mbit RATE]

Prints the port that it listens on, then for each line on standard input the bytes that have gone up and down so far,
as JSON; ends with its input. All connections share the rate, as they would share a line. A queue of 50 ms stands
before each direction; TCP's own slow start and losses are not played.
"""

import argparse
import asyncio
import collections
import json
import sys

_PIECE = 16 * 1024
_QUEUE_SECONDS = 0.05


class Direction:
    """One way of the line: when what is given to it comes out at the other end."""

    def __init__(self, delay: float, rate: float) -> None:
        self._delay = delay
        self._rate = rate
        self._free_at = 0.0
        self.bytes = 0

    async def enter(self, size: int) -> float:
        """Wait for room in the queue; the time at which the bytes arrive."""
        loop = asyncio.get_running_loop()
        if (ahead := self._free_at - loop.time()) > _QUEUE_SECONDS:
            await asyncio.sleep(ahead - _QUEUE_SECONDS)
        self._free_at = max(self._free_at, loop.time()) + size / self._rate
        self.bytes += size
        return self._free_at + self._delay


async def carry(direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All bytes of one connection in one direction, then its end."""
    under_way: collections.deque[tuple[float, bytes]] = collections.deque()
    arrived = asyncio.Event()

    async def deliver() -> None:
        while True:
            while not under_way:
                arrived.clear()
                await arrived.wait()
            at, data = under_way.popleft()
            await asyncio.sleep(at - asyncio.get_running_loop().time())
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    delivering = asyncio.create_task(deliver())
    try:
        while True:
            data = await reader.read(_PIECE)
            under_way.append((await direction.enter(len(data)), data))
            arrived.set()
            if not data:
                break
        await delivering
    except OSError:
        delivering.cancel()


async def serve(to: int, rtt: float, rate: float) -> None:
    """Relay until standard input ends."""
    up, down = Direction(rtt / 2, rate), Direction(rtt / 2, rate)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", to)
        try:
            await asyncio.gather(carry(up, reader, onward), carry(down, there, writer))
        except asyncio.CancelledError:
            return  # the link ends
        finally:
            for end in (writer, onward):
                end.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    questions = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    while await questions.readline():
        print(json.dumps([up.bytes, down.bytes]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--rtt", type=float, default=40)
    parser.add_argument("--mbit", type=float, default=100)
    options = parser.parse_args()
    asyncio.run(serve(options.to, options.rtt / 1e3, options.mbit * 1e6 / 8))


if __name__ == "__main__":
    main()
