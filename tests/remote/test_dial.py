"""Dialling a real sshd, and everything that can go wrong before the first command."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from remote.config import Host
from remote.connection import Passphrase, Trust, connect
from remote.errors import (
    AuthenticationRefused,
    HostKeyChanged,
    HostKeyRevoked,
    HostKeyUnknown,
    HostNoisy,
    HostUnreachable,
    IdentityUnusable,
    RemoteError,
    UnknownHost,
)
from remote.hostkeys import HostKey, HostKeyQuestion, HostKeys
from tests.hosts import HostForTests, free_port, wait_for_port
from tests.waiting import until


def _key(directory: Path, name: str, passphrase: str = "", kind: str = "ed25519") -> Path:
    path = directory / name
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


def _public(path: Path) -> HostKey:
    algorithm, encoded = path.with_suffix(".pub").read_text().split()[:2]
    return HostKey(algorithm=algorithm, encoded=encoded)


def _answer(yes: bool, asked: list[HostKeyQuestion]) -> Trust:
    async def trust(question: HostKeyQuestion) -> bool:
        asked.append(question)
        return yes

    return trust


def _passphrase(text: str, asked: list[str] | None = None) -> Passphrase:
    async def passphrase(name: str) -> str:
        if asked is not None:
            asked.append(name)
        return text

    return passphrase


async def _try(
    host: Host, host_keys: HostKeys, trust: Trust | None = None, passphrase: Passphrase | None = None, config: str = ""
) -> str:
    """Connect, and the user name there."""
    path = host_keys.path.with_name("ssh_config")
    path.write_text(config)
    async with await connect(
        host, trust=trust, passphrase=passphrase, host_keys=host_keys, ssh_config=path
    ) as connection:
        return (await connection.run(["id", "-un"])).text


async def _refused(attempt: Awaitable[str], error: type[RemoteError], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        await attempt
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence
    assert caught.value.way_out


@pytest.fixture
def keys(tmp_path: Path) -> HostKeys:
    """No pinned key yet."""
    return HostKeys(tmp_path / "known_hosts")


async def test_unknown_name(keys: HostKeys) -> None:
    host = Host(name="box", destination="ann@no-such-host.invalid")
    await _refused(_try(host, keys), UnknownHost, r"No address is known for box \(ann@no-such-host.invalid\)")


async def test_refused_port(keys: HostKeys) -> None:
    for destination in ("127.0.0.1", "localhost"):
        host = Host(name="box", destination=destination, port=free_port())
        await _refused(_try(host, keys), HostUnreachable, r"box \(.*\) (refuses connections|cannot be reached)")


async def test_no_ssh_there(keys: HostKeys) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        host = Host(name="web", destination="127.0.0.1", port=server.sockets[0].getsockname()[1])
        await _refused(_try(host, keys), HostUnreachable, "no SSH connection comes about|cannot be reached")
    finally:
        server.close()


async def test_refused_key(sshd_host: HostForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    host = sshd_host.host.model_copy(update={"identity": str(_key(tmp_path, "other"))})
    await _refused(
        _try(host, sshd_host.host_keys), AuthenticationRefused, "accepts none of your SSH keys for castofftest"
    )


async def test_new_host_is_asked_about_once_and_pinned(sshd_host: HostForTests, keys: HostKeys) -> None:
    fingerprint = _public(sshd_host.directory / "host_key").fingerprint
    asked: list[HostKeyQuestion] = []
    await _refused(_try(sshd_host.host, keys), HostKeyUnknown, fingerprint.replace("+", r"\+"))
    await _refused(_try(sshd_host.host, keys, _answer(False, asked)), HostKeyUnknown, "was not agreed to")
    assert not keys.path.exists()
    assert await _try(sshd_host.host, keys, _answer(True, asked)) == sshd_host.user
    assert await _try(sshd_host.host, keys, _answer(False, asked)) == sshd_host.user
    assert [question.fingerprint for question in asked] == [fingerprint] * 2
    assert keys.pinned("127.0.0.1", sshd_host.host.port or 0) == (_public(sshd_host.directory / "host_key"),)


async def test_changed_key_is_never_asked_about(sshd_host: HostForTests, keys: HostKeys, tmp_path: Path) -> None:
    asked: list[HostKeyQuestion] = []
    other = _public(_key(tmp_path, "other"))
    keys.pin("127.0.0.1", sshd_host.host.port or 0, other)
    with pytest.raises(HostKeyChanged, match="is not the one it had") as caught:
        await _try(sshd_host.host, keys, _answer(True, asked))
    assert caught.value.pinned == (other.fingerprint,)
    assert caught.value.fingerprint == _public(sshd_host.directory / "host_key").fingerprint
    assert asked == []


async def test_of_a_new_host_the_key_is_asked_about_that_openssh_would_show(
    sshd_host: HostForTests, keys: HostKeys, tmp_path: Path
) -> None:
    rsa, port, config = _key(tmp_path, "rsa", kind="rsa"), free_port(), tmp_path / "sshd_config"
    lines = (sshd_host.directory / "sshd_config").read_text().split("\n", 1)[1].replace("/pid", "/pid-of-two-keys")
    config.write_text(f"Port {port}\nHostKey {rsa}\n{lines}")
    argv = ["-D", "-E", str(tmp_path / "log"), "-f", str(config)]
    server = await asyncio.create_subprocess_exec("/usr/sbin/sshd", *argv, cwd="/")
    try:
        wait_for_port(port)
        host = sshd_host.host.model_copy(update={"port": port})
        asked: list[HostKeyQuestion] = []
        assert await _try(host, keys, _answer(True, asked)) == sshd_host.user
        assert [question.algorithm for question in asked] == ["ssh-ed25519"]
        keys.path.unlink()
        keys.pin("127.0.0.1", port, _public(rsa))
        assert await _try(host, keys) == sshd_host.user, "a key of it that is pinned already goes on to count"
    finally:
        server.terminate()
        await server.wait()


async def test_pinned_key_of_another_kind_is_a_change_too(
    sshd_host: HostForTests, keys: HostKeys, tmp_path: Path
) -> None:
    keys.pin("127.0.0.1", sshd_host.host.port or 0, _public(_key(tmp_path, "other", kind="rsa")))
    await _refused(_try(sshd_host.host, keys), HostKeyChanged, "is not the one it had")


async def test_revoked_key(sshd_host: HostForTests, keys: HostKeys) -> None:
    key = _public(sshd_host.directory / "host_key")
    keys.path.write_text(f"@revoked [127.0.0.1]:{sshd_host.host.port} {key.algorithm} {key.encoded}\n")
    await _refused(_try(sshd_host.host, keys), HostKeyRevoked, "is marked as revoked")


async def test_user_config_gives_what_an_alias_means(sshd_host: HostForTests, keys: HostKeys, tmp_path: Path) -> None:
    shutil.copy(sshd_host.host_keys.path, keys.path)
    planted = tmp_path / "known-to-ssh"
    planted.write_text("")
    config = (
        f"Host box\n  HostName 127.0.0.1\n  Port {sshd_host.host.port}\n  User {sshd_host.user}\n"
        f"  IdentityFile {sshd_host.host.identity}\n  UserKnownHostsFile {planted}\n  StrictHostKeyChecking no\n"
    )
    assert await _try(Host(name="b", destination="box"), keys, config=config) == sshd_host.user
    keys.path.unlink()
    await _refused(_try(Host(name="b", destination="box"), keys, config=config), HostKeyUnknown, "not known here")
    await _refused(
        _try(Host(name="b", destination="box"), keys, config="Port x\n"), RemoteError, "ssh/config cannot be used"
    )


async def test_identity_with_passphrase(
    sshd_host: HostForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    identity = _key(tmp_path, "locked", passphrase="open sesame")
    authorized = sshd_host.home / ".ssh" / "authorized_keys"
    before = authorized.read_text()
    authorized.write_text(before + identity.with_suffix(".pub").read_text())
    host = sshd_host.host.model_copy(update={"identity": str(identity)})
    try:
        assert await _try(host, sshd_host.host_keys, passphrase=_passphrase("open sesame")) == sshd_host.user
        named, new = list[str](), HostKeys(tmp_path / "none_known")
        given = _passphrase("open sesame", named)
        assert await _try(host, new, trust=_answer(True, []), passphrase=given) == sshd_host.user
        assert named == [str(identity)]
        wrong = _try(host, sshd_host.host_keys, passphrase=_passphrase("wrong"))
        await _refused(wrong, IdentityUnusable, "cannot be used")
        await _refused(_try(host, sshd_host.host_keys), AuthenticationRefused, "accepts none of your SSH keys")
        assert await _with_agent(identity, lambda: _try(host, sshd_host.host_keys), monkeypatch) == sshd_host.user
        named.clear()
        attempt = _try(host, sshd_host.host_keys, passphrase=_passphrase("open sesame", named))
        assert await _with_agent(identity, lambda: attempt, monkeypatch) == sshd_host.user
        assert named == [], "ssh-agent has the key open"
        monkeypatch.delenv("SSH_AUTH_SOCK")
        both = f"IdentityFile {identity}\nIdentityFile {sshd_host.host.identity}\n"
        given = _passphrase("open sesame", named)
        anyone = host.model_copy(update={"identity": None})
        assert await _try(anyone, sshd_host.host_keys, passphrase=given, config=both) == sshd_host.user
        assert named == [], "the second key needs none"
    finally:
        authorized.write_text(before)


async def _with_agent(identity: Path, attempt: Callable[[], Awaitable[str]], monkeypatch: pytest.MonkeyPatch) -> str:
    """The same with the key in a real ssh-agent."""
    socket = identity.with_name("agent")
    agent = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", str(socket), stdout=subprocess.DEVNULL)
    try:
        await until(socket.exists)
        askpass = identity.with_name("askpass")
        askpass.write_text("#!/bin/sh\necho open sesame\n")
        askpass.chmod(0o700)
        env = {**os.environ, "SSH_AUTH_SOCK": str(socket), "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
        await asyncio.to_thread(subprocess.run, ["ssh-add", "-q", str(identity)], env=env, check=True)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        return await attempt()
    finally:
        agent.terminate()
        await agent.wait()


async def test_a_jump_host_that_is_down_is_named(sshd_host: HostForTests) -> None:
    jump = f"ann@127.0.0.1:{free_port()}"
    config = f"Host box\n  ProxyJump {jump}\n"
    host = sshd_host.host.model_copy(update={"destination": f"{sshd_host.user}@box"})
    said = rf"^{jump} \(the jump host of vm\) refuses"
    await _refused(_try(host, sshd_host.host_keys, config=config), HostUnreachable, said)
    config = "Host box\n  ProxyJump ann@no-such-host.invalid\n"
    said = r"No address is known for ann@no-such-host.invalid \(the jump host of vm\)"
    await _refused(_try(host, sshd_host.host_keys, config=config), UnknownHost, said)


async def test_identity_that_others_may_read_is_used(sshd_host: HostForTests, tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    shutil.copy(sshd_host.host.identity or "", loose)
    loose.chmod(0o644)
    host = sshd_host.host.model_copy(update={"identity": str(loose)})
    assert await _try(host, sshd_host.host_keys) == sshd_host.user


async def test_identity_that_is_missing_or_none(sshd_host: HostForTests, tmp_path: Path) -> None:
    missing = sshd_host.host.model_copy(update={"identity": str(tmp_path / "gone")})
    await _refused(_try(missing, sshd_host.host_keys), IdentityUnusable, "does not exist")
    (tmp_path / "junk").write_text("junk")
    junk = sshd_host.host.model_copy(update={"identity": str(tmp_path / "junk")})
    await _refused(_try(junk, sshd_host.host_keys), IdentityUnusable, "cannot be used")


async def test_shell_that_talks_is_told(sshd_host: HostForTests) -> None:
    bashrc = sshd_host.home / ".bashrc"
    before = bashrc.read_text()
    bashrc.write_text("echo Welcome to vm!\n" + before)
    try:
        await _refused(_try(sshd_host.host, sshd_host.host_keys), HostNoisy, r"it printed: 'Welcome to vm!'")
    finally:
        bashrc.write_text(before)
