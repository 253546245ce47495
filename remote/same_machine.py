"""Whether a host is this very machine, as the demo's is."""

import ipaddress
import os
import secrets
import tempfile

from remote.connection import Connection


async def is_this_machine(connection: Connection) -> bool:
    """Whether the host reads what was written here a moment ago.

    A loopback address alone says nothing: behind a forwarded port (``ssh -L``) or a jump host any machine has one. A
    machine that shares this one's files passes as well; it can write here as it is. Raises `ConnectionLost`,
    `HostTimeout`.
    """
    if not _is_loopback(connection.host.address):
        return False
    word = secrets.token_hex(16).encode()
    with tempfile.NamedTemporaryFile(prefix="castoff-") as file:
        file.write(word)
        file.flush()
        # The host's user may be another one.
        os.fchmod(file.fileno(), 0o644)
        said = await connection.run(["cat", "--", file.name], check=False)
    return said.stdout == word


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
