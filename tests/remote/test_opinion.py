"""Who is to blame for a host that cannot be reached, against real servers that are wrong in one way each."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remote.config import Host
from remote.connection import connect
from remote.errors import AuthenticationRefused, ConnectError, HostKeyChanged, HostUnreachable, IdentityUnusable
from remote.hostkeys import HostKey, HostKeys
from remote.opinion import Opinion, ask_again
from tests.hosts import HostForTests, free_port, wait_for_port


async def _judge(host: Host, keys: HostKeys, error: type[ConnectError]) -> Opinion:
    """What asyncssh says, and then what the others do."""
    config = keys.path.with_name("ssh_config")
    config.touch()
    with pytest.raises(error) as caught:
        await connect(host, host_keys=keys, ssh_config=config)
    opinion = await asyncio.to_thread(ask_again, host, caught.value, host_keys=keys, ssh_config=config)
    assert opinion.sentence.endswith(".") and "\n" not in opinion.sentence
    return opinion


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def keys(tmp_path: Path) -> HostKeys:
    return HostKeys(tmp_path / "known_hosts")


def _key(path: Path) -> Path:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


@contextmanager
def _sshd(host: HostForTests, directory: Path, *lines: str) -> Generator[Host]:
    """Another sshd with the same keys, at another port, with ``lines`` before the others."""
    port, config = free_port(), directory / "sshd_config"
    text = (host.directory / "sshd_config").read_text().split("\n", 1)[1].replace("/pid", "/pid2")
    config.write_text("\n".join([f"Port {port}", *lines, text]))
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-E", str(directory / "log"), "-f", str(config)], cwd="/")
    try:
        wait_for_port(port)
        for key in host.host_keys.pinned("127.0.0.1", host.host.port or 22):
            HostKeys(directory / "known_hosts").pin("127.0.0.1", port, key)
        yield host.host.model_copy(update={"port": port})
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


async def test_a_name_that_is_nobodys(keys: HostKeys) -> None:
    host = Host(name="vm", destination="ann@no-such-host.invalid")
    opinion = await _judge(host, keys, ConnectError)
    assert opinion.blame == "network" and "No address is known" in opinion.sentence


async def test_nobody_listens(keys: HostKeys) -> None:
    host = Host(name="vm", destination="ann@127.0.0.1", port=free_port())
    opinion = await _judge(host, keys, HostUnreachable)
    assert opinion.blame == "server" and "no sshd listens" in opinion.sentence


async def test_no_ssh_there(keys: HostKeys) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        host = Host(name="vm", destination="ann@127.0.0.1", port=server.sockets[0].getsockname()[1])
        opinion = await _judge(host, keys, HostUnreachable)
    assert opinion.blame == "server" and "is no SSH server" in opinion.sentence


async def test_a_key_that_is_not_let_in(sshd_host: HostForTests, tmp_path: Path) -> None:
    host = sshd_host.host.model_copy(update={"identity": str(_key(tmp_path / "other"))})
    keys = _same_pins(sshd_host, tmp_path)
    opinion = await _judge(host, keys, AuthenticationRefused)
    assert opinion.blame == "key" and f"for {sshd_host.user}" in opinion.sentence
    missing = host.model_copy(update={"identity": str(tmp_path / "gone")})
    assert (await _judge(missing, keys, IdentityUnusable)).blame == "key"


async def test_a_key_that_was_revoked(sshd_host: HostForTests, tmp_path: Path) -> None:
    revoked = tmp_path / "revoked"
    revoked.write_text(Path(f"{sshd_host.host.identity}.pub").read_text())
    with _sshd(sshd_host, tmp_path, f"RevokedKeys {revoked}") as host:
        opinion = await _judge(host, HostKeys(tmp_path / "known_hosts"), AuthenticationRefused)
    assert opinion.blame == "key" and "was revoked" in opinion.sentence


async def test_a_server_that_takes_no_keys(sshd_host: HostForTests, tmp_path: Path) -> None:
    lines = ("PubkeyAuthentication no", "KbdInteractiveAuthentication yes", "PasswordAuthentication yes")
    with _sshd(sshd_host, tmp_path, *lines) as host:
        opinion = await _judge(host, HostKeys(tmp_path / "known_hosts"), AuthenticationRefused)
    assert opinion.blame == "server" and "lets nobody in by key" in opinion.sentence


async def test_a_changed_host_key(sshd_host: HostForTests, keys: HostKeys, tmp_path: Path) -> None:
    algorithm, encoded = _key(tmp_path / "other").with_suffix(".pub").read_text().split()[:2]
    keys.pin("127.0.0.1", sshd_host.host.port or 0, HostKey(algorithm=algorithm, encoded=encoded))
    opinion = await _judge(sshd_host.host, keys, HostKeyChanged)
    assert opinion.blame == "server" and "installed anew" in opinion.sentence


async def test_nothing_is_wrong_but_castoff(sshd_host: HostForTests, tmp_path: Path) -> None:
    first = HostUnreachable("vm answers, but no SSH connection comes about.")
    (tmp_path / "ssh_config").touch()
    opinion = await asyncio.to_thread(
        ask_again,
        sshd_host.host,
        first,
        host_keys=_same_pins(sshd_host, tmp_path),
        ssh_config=tmp_path / "ssh_config",
    )
    assert opinion.blame == "castoff"


async def test_settings_that_nobody_can_use_and_a_jump_host(tmp_path: Path, keys: HostKeys) -> None:
    config, first = tmp_path / "ssh_config", HostUnreachable("No.")
    for text, blame in (("Port x\n", "settings"), ("Host box\n  ProxyJump door\n", "unknown")):
        config.write_text(text)
        opinion = ask_again(Host(name="vm", destination="box"), first, host_keys=keys, ssh_config=config)
        assert opinion.blame == blame
    assert "door stands between" in opinion.sentence


async def test_without_paramiko_it_says_how_to_get_it(
    sshd_host: HostForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    host = sshd_host.host.model_copy(update={"identity": str(_key(tmp_path / "other"))})
    opinion = await _judge(host, _same_pins(sshd_host, tmp_path), AuthenticationRefused)
    assert opinion.blame == "unknown" and "castoff[doctor]" in opinion.way_out


def _same_pins(host: HostForTests, directory: Path) -> HostKeys:
    keys = HostKeys(directory / "known_hosts")
    for key in host.host_keys.pinned("127.0.0.1", host.host.port or 22):
        keys.pin("127.0.0.1", host.host.port or 22, key)
    return keys
