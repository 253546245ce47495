"""This side of a host's requests: what it says between them, and what an end without an answer means."""

import asyncio
from pathlib import PurePosixPath
from typing import cast

import pytest

from remote.bootstrap import Runtime
from remote.connection import Connection
from remote.errors import ConnectionLost, RemoteError
from remote.host_client import HostClient
from remote.host_protocol import ListRuns, Reply, Rows
from tests.waiting import until

_HERE = PurePosixPath("/")
_RUNTIME = Runtime(path=_HERE, runtime_id="x", python=_HERE, base_prefix=_HERE, version="3")


class _Channel:
    """A program on a host, as its channel: what is written to it, what it prints, and how it ends."""

    def __init__(self, status: int, said: str = "") -> None:
        self.reader = asyncio.StreamReader()
        self.writer = self
        self.stderr_tail = said
        self.written: list[bytes] = []
        self.closed = False
        self._status = status

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def drain(self) -> None: ...

    async def wait(self) -> int:
        return self._status

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None:
        self.closed = True


class _Connection:
    name = "vm"

    def __init__(self, channel: _Channel) -> None:
        self.channel = channel

    async def open(self, _: object) -> _Channel:
        return self.channel


def _client(channel: _Channel) -> HostClient:
    return HostClient(cast(Connection, _Connection(channel)), _RUNTIME)


async def test_between_requests_it_gives_signs_of_life_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.host_client._SIGN_SECONDS", 0.001)
    channel = _Channel(0)
    channel.reader.feed_data(Reply(ok=True, body={"runs": []}).model_dump_json().encode() + b"\n")
    client = _client(channel)
    assert await client.ask(ListRuns(), Rows) == Rows(runs=())
    await until(lambda: channel.written.count(b"\n") >= 3)
    await client.close()
    assert channel.closed
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("signs")]


@pytest.mark.parametrize(
    ("status", "said", "error", "words"),
    [(0, "", ConnectionLost, "connection to vm was lost"), (1, "Killed\n", RemoteError, "status 1: Killed")],
)
async def test_a_program_there_that_heard_nothing_and_ended_is_a_lost_link(
    status: int, said: str, error: type[RemoteError], words: str
) -> None:
    channel = _Channel(status, said)
    channel.reader.feed_eof()
    with pytest.raises(RemoteError, match=words) as raised:
        await _client(channel).ask(ListRuns(), Rows)
    assert type(raised.value) is error and channel.closed
