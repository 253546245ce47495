"""A glance at a host before it is chosen: how far away it is, how busy, and which sandbox works there.

Nothing is installed, and nobody is asked: a host that would need that says so.
"""

from remote.bootstrap import find_runtime
from remote.facts import Facts
from remote.links import Links
from remote.survey_records import Peek


async def peek(links: Links, name: str) -> tuple[float, Facts | None]:
    """The round trip in seconds, and what the host has, ``None`` without castoff's runtime there.

    Raises `RemoteError`, also where a question would be due and ``links`` know nobody to ask.
    """
    connection = await links.connect(name)
    if await find_runtime(connection) is None:
        return connection.rtt, None
    client = await links.client(name)
    return connection.rtt, await client.ask(Peek(), Facts)
