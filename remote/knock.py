"""Knocking at a host whose link is away: a TCP connection is tried a few times a second, until one comes about.

It costs neither side more than a packet, where an attempt by SSH costs keys, settings and, answered late, seconds.
"""

import asyncio
import socket

_EVERY_SECONDS = 0.25
_PATIENCE_SECONDS = 1.0
"""For one answer: what was sent into a link that is away comes back only when TCP sends it again, later each time."""


async def knock(address: str, port: int) -> socket.socket:
    """The first connection that comes about, open and with nothing said on it. Ends only so, or when cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        next_at = loop.time() + _EVERY_SECONDS
        joined = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        joined.setblocking(False)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await loop.sock_connect(joined, (address, port))
        except OSError:
            joined.close()
        except BaseException:
            # Also when cancelled: a socket that nobody holds would stay open.
            joined.close()
            raise
        else:
            return joined
        await asyncio.sleep(next_at - loop.time())
