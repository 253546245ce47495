"""A host whose link was lost is connected again as soon as it answers, by whatever way it answers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from remote.config import Host
from remote.connection import Connection, connect
from remote.connections import Connections
from remote.errors import HostUnreachable
from tests.doubles.chaos_proxy import ChaosProxy, chaos
from tests.hosts import HostForTests
from tests.waiting import until


def _behind(host: HostForTests, port: int) -> Host:
    """The host's settings with a proxy at ``port`` before it."""
    for key in host.host_keys.pinned("127.0.0.1", host.host.port or 22):
        host.host_keys.pin("127.0.0.1", port, key)
    return host.host.model_copy(update={"port": port})


@dataclass(frozen=True)
class Lost:
    """A host whose connection, ``first``, was cut, and to which ``link`` refuses any other for now."""

    pool: Connections
    host: Host
    link: ChaosProxy
    first: Connection

    async def says(self, text: str) -> bool:
        """Whether the host, connected to when it is not, says ``text`` again."""
        return (await (await self.pool.get(self.host)).run(["echo", text])).text == text


@asynccontextmanager
async def lost(known: HostForTests) -> AsyncGenerator[Lost]:
    """A host that was connected to, and that nobody reaches now."""
    async with (
        chaos(known.host.port or 22) as link,
        Connections(host_keys=known.host_keys, ssh_config=Path("/nonexistent")) as pool,
    ):
        host = _behind(known, link.port)
        first = await pool.get(host)
        link.refuse()
        link.cut()
        await until(lambda: first.closed)
        yield Lost(pool, host, link, first)


async def test_a_host_that_answers_again_is_connected_within_the_same_call(
    any_host: HostForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.connections._KNOCK_SECONDS", 60.0)
    async with lost(any_host) as there:
        waiting = asyncio.create_task(there.pool.get(there.host))
        # Refused once for certain: the next one is another's, who keeps trying.
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", there.link.port)
        assert not waiting.done()
        await there.link.open()
        joined = there.link.joined
        second = await waiting
        assert there.link.joined == joined + 1, "what knocked is what is used: servers count who comes silently"
        assert second.rtt == there.first.rtt and second.peer == ("127.0.0.1", there.link.port)
        assert (await second.run(["echo", "back"])).text == "back"


async def test_a_host_that_stays_away_is_an_error_after_a_while(
    any_host: HostForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.connections._KNOCK_SECONDS", 0.6)
    async with lost(any_host) as there:
        with pytest.raises(HostUnreachable, match="refuses connections"):
            await there.pool.get(there.host)
        await there.link.open()
        assert await there.says("back")


async def test_an_attempt_that_hangs_is_given_up_when_the_host_answers(
    any_host: HostForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent while nothing got through is sent again late: by then another attempt is through long since."""
    monkeypatch.setattr("remote.connections._KNOCK_SECONDS", 0.0)
    hanging = asyncio.Event()
    async with lost(any_host) as there:
        really = connect

        async def hang_first(host: Host, **options: object) -> object:
            if hanging.is_set():
                return await really(host, **options)  # type: ignore[arg-type]  # passed on as they came
            hanging.set()
            return await asyncio.Event().wait()

        monkeypatch.setattr("remote.connections.connect", hang_first)
        waiting = asyncio.create_task(there.pool.get(there.host))
        await hanging.wait()
        await there.link.open()
        assert (await (await waiting).run(["echo", "back"])).text == "back"


async def test_who_gives_up_while_it_knocks_leaves_nothing_open(any_host: HostForTests) -> None:
    async with lost(any_host) as there:
        waiting = asyncio.create_task(there.pool.get(there.host))
        for _ in range(5):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await there.link.open()
        assert await there.says("back")


async def test_behind_a_jump_host_nobody_knocks(
    sshd_host: HostForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a connection leads through another one, the address that it is known by is the other's."""
    host, (pinned,) = sshd_host.host, sshd_host.host_keys.pinned("127.0.0.1", sshd_host.host.port or 22)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{host.port} {pinned.algorithm} {pinned.encoded}\n")
    config = tmp_path / ".ssh/config"
    config.write_text(
        f"Host inner\n  HostName 127.0.0.1\n  ProxyJump {host.login}@127.0.0.1:{host.port}\n"
        f"Host *\n  IdentityFile {host.identity}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    sshd_host.host_keys.pin("inner", host.port or 22, pinned)
    inner = host.model_copy(update={"destination": f"{host.login}@inner"})
    async with Connections(host_keys=sshd_host.host_keys, ssh_config=config) as pool:
        first = await pool.get(inner)
        assert first.peer is None
        await first.close()
        assert (await (await pool.get(inner)).run(["echo", "back"])).text == "back"
