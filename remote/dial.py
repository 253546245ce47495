"""Dial a host: asyncssh's options, the check of the host's key, and its errors in words of ours."""

import asyncio
import contextlib
import getpass
import socket
from collections.abc import Generator
from pathlib import Path

import asyncssh

from remote.config import Host
from remote.connection import Passphrase, Trust
from remote.errors import (
    AuthenticationRefused,
    ConnectError,
    HostKeyChanged,
    HostKeyError,
    HostKeyRevoked,
    HostKeyUnknown,
    HostUnreachable,
    IdentityUnusable,
    UnknownHost,
)
from remote.hostkeys import HostKey, HostKeyQuestion, HostKeys, Verdict

_CONNECT_SECONDS = 15
_KEEPALIVE_SECONDS = 3
_KEEPALIVE_COUNT = 3
"""A link on which nothing comes for 12 s, not even answers to three questions, is dead. What is sent alone resets
nothing: a line of less than some 100 kbit/s that is full of it would count as dead."""
_CIPHERS = (
    "aes128-gcm@openssh.com",  # first: half the CPU of the default, see notes on speed in docs
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
_HOST_KEYS = (
    "ssh-ed25519",  # first, as for OpenSSH: who compares a new host's fingerprint has looked at this key of it
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


class _Client(asyncssh.SSHClient):
    """Judges the host's key by our own pinned keys, and remembers what it saw."""

    def __init__(self, host_keys: HostKeys) -> None:
        self._host_keys = host_keys
        self.verdict: Verdict | None = None
        self.question: HostKeyQuestion | None = None
        self.key: HostKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        algorithm, encoded = key.export_public_key("openssh").decode().split()[:2]
        self.key = HostKey(algorithm=algorithm, encoded=encoded)
        self.verdict = self._host_keys.look_up(host, port, self.key)
        self.question = HostKeyQuestion(
            host=host, address=addr, port=port, algorithm=algorithm, fingerprint=self.key.fingerprint
        )
        return self.verdict == "same"


async def dial(
    host: Host,
    trust: Trust | None,
    passphrase: Passphrase | None,
    host_keys: HostKeys,
    ssh_config: Path,
    joined: socket.socket | None = None,
) -> asyncssh.SSHClientConnection:
    """Connect, over ``joined`` if that is given, and log in; a new host's key is asked about, pinned, and then the
    connection is made afresh."""
    given = _Given(passphrase)
    ssh, client = await _attempt(host, given, host_keys, ssh_config, (), joined)
    if ssh is None and client.verdict == "changed":
        # The host may have several keys and have shown another kind than the one pinned.
        algorithms = _algorithms(_pinned(client, host_keys))
        with contextlib.suppress(HostUnreachable):
            ssh, _ = await _attempt(host, given, host_keys, ssh_config, algorithms)
    if ssh is None and client.verdict == "new" and client.question and client.key and trust:
        if not await trust(client.question):
            raise _refusal(host, client, host_keys)
        host_keys.pin(client.question.host, client.question.port, client.key)
        ssh, client = await _attempt(host, given, host_keys, ssh_config, ())
    if ssh is None:
        raise _refusal(host, client, host_keys)
    return ssh


async def _attempt(
    host: Host,
    given: "_Given",
    host_keys: HostKeys,
    ssh_config: Path,
    algorithms: tuple[str, ...],
    joined: socket.socket | None = None,
) -> tuple[asyncssh.SSHClientConnection | None, _Client]:
    """Connect once; ``None`` instead of a connection when the host's key is not the pinned one.

    A passphrase is asked for only where the keys that need none, ssh-agent's among them, are refused.
    """
    if not given.asked:
        try:
            return await _log_in(host, _Given(None), host_keys, ssh_config, algorithms, joined)
        except AuthenticationRefused:
            if given.passphrase is None:
                raise
        joined = None
    return await _log_in(host, given, host_keys, ssh_config, algorithms, joined)


async def _log_in(
    host: Host,
    given: "_Given",
    host_keys: HostKeys,
    ssh_config: Path,
    algorithms: tuple[str, ...],
    joined: socket.socket | None,
) -> tuple[asyncssh.SSHClientConnection | None, _Client]:
    client = _Client(host_keys)
    identity = Path(host.identity).expanduser() if host.identity else None
    if identity is not None and not identity.is_file():
        raise IdentityUnusable(f"The key {identity} for {host.name} does not exist.", "Correct the host's identity.")
    try:
        with _in_our_words(host, given, ssh_config):
            ssh = await asyncssh.connect(
                host.address,
                port=host.port or (),
                sock=joined,
                username=host.login or (),
                config=[str(ssh_config)] if ssh_config.is_file() else None,
                client_factory=lambda: client,
                known_hosts=([], [], []),  # checked by the client above, never switched off
                server_host_key_algs=algorithms or _HOST_KEYS,
                client_keys=[str(identity)] if identity else (),
                passphrase=given.ask if given.passphrase else None,
                ignore_encrypted=given.passphrase is None,
                preferred_auth="publickey",
                send_env=None,
                env=None,
                agent_forwarding=False,
                x11_forwarding=False,
                encryption_algs=_CIPHERS,
                compression_algs=["none"],
                connect_timeout=_CONNECT_SECONDS,
                keepalive_interval=_KEEPALIVE_SECONDS,
                keepalive_count_max=_KEEPALIVE_COUNT,
            )
    except asyncssh.HostKeyNotVerifiable as error:
        if client.key is None:
            raise HostKeyUnknown(
                f"The key of the host in front of {host.name} is not known.",
                "Connect to that jump host with ssh once, so that its key is in ~/.ssh/known_hosts.",
            ) from error
        return None, client
    return ssh, client


class _Given:
    """The passphrases that were given, each asked for once: asyncssh does not tell a wrong one from a refused key."""

    def __init__(self, passphrase: Passphrase | None) -> None:
        self.passphrase = passphrase
        self._answers: dict[str, str] = {}

    @property
    def asked(self) -> bool:
        """Whether somebody was asked already."""
        return bool(self._answers)

    async def ask(self, name: str) -> str:
        assert self.passphrase is not None
        if name not in self._answers:
            self._answers[name] = await self.passphrase(name)
        return self._answers[name]

    def check(self) -> None:
        """Raise `asyncssh.KeyImportError` if a passphrase was wrong."""
        for name, answer in self._answers.items():
            asyncssh.read_private_key(name, answer)


@contextlib.contextmanager
def _in_our_words(host: Host, given: _Given, ssh_config: Path) -> Generator[None]:
    """Turn what asyncssh and the system raise into a `ConnectError`; host-key trouble passes through."""
    where = f"{host.name} ({host.destination})" if host.destination != host.name else host.name
    try:
        try:
            yield
        except asyncssh.PermissionDenied:
            given.check()
            raise
    except asyncssh.HostKeyNotVerifiable:
        raise
    except asyncssh.PermissionDenied as error:
        login = host.login or getpass.getuser()
        raise AuthenticationRefused(
            f"{where} accepts none of your SSH keys for {login}.",
            "Put your public key into ~/.ssh/authorized_keys there (ssh-copy-id does; ssh-keygen makes one), or name "
            f"another one: castoff host add --identity. castoff doctor {host.name} says more.",
        ) from error
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise IdentityUnusable(
            f"The SSH key for {host.name} cannot be used: {_sentence(error)}.",
            "Check the passphrase, or load the key into ssh-agent.",
        ) from error
    except asyncssh.ConfigParseError as error:
        raise ConnectError(f"~/.ssh/config cannot be used: {_sentence(error)}.", "Correct that line.") from error
    except OSError as error:
        raise _no_connection(_first(host, ssh_config) or where, error) from error
    except (asyncssh.Error, asyncio.IncompleteReadError) as error:
        raise HostUnreachable(
            f"{where} answers, but no SSH connection comes about: {_sentence(error)}.",
            "Check that this is an SSH port and that sshd is a current one.",
        ) from error


def _no_connection(where: str, error: OSError) -> ConnectError:
    if isinstance(error, socket.gaierror):
        return UnknownHost(f"No address is known for {where}.", "Check the name, or the network.")
    if isinstance(error, TimeoutError):
        sentence = f"{where} did not answer within {_CONNECT_SECONDS} seconds."
        return HostUnreachable(sentence, "Check that it runs and that you are online.")
    if isinstance(error, ConnectionRefusedError):
        sentence = f"{where} refuses connections: no SSH server listens there."
        return HostUnreachable(sentence, "Check the port, and that sshd runs.")
    return HostUnreachable(f"{where} cannot be reached: {_sentence(error)}.", "Check the network.")


def _first(host: Host, ssh_config: Path) -> str:
    """The jump host in front of ``host``, in words; "" where there is none.

    It is the first that is connected to: what the system says of a connection is said of that one.
    """
    options = asyncssh.SSHClientConnectionOptions(
        host=host.address,
        port=host.port or (),
        username=host.login or (),
        config=[str(ssh_config)] if ssh_config.is_file() else None,
    )
    if not isinstance(options.tunnel, str):
        return ""
    return f"{options.tunnel.split(',')[0]} (the jump host of {host.name})"


def _refusal(host: Host, client: _Client, host_keys: HostKeys) -> HostKeyError:
    shown = client.key.fingerprint if client.key else ""
    if client.verdict == "changed":
        pinned = tuple(key.fingerprint for key in _pinned(client, host_keys))
        return HostKeyChanged(
            f"The key of {host.name} is not the one it had: it now shows {shown}, pinned is {', '.join(pinned)}. "
            "Somebody may be listening in, or it was installed anew.",
            f"If you know why: castoff host remove {host.name}, then add it again and compare the fingerprint.",
            fingerprint=shown,
            pinned=pinned,
        )
    if client.verdict == "revoked":
        return HostKeyRevoked(
            f"The key of {host.name}, {shown}, is marked as revoked.",
            f"Give the host a new key; then castoff host remove {host.name}, and add it again.",
            fingerprint=shown,
        )
    return HostKeyUnknown(
        f"The key of {host.name}, {shown}, is not known here and was not agreed to.",
        f"Compare it with the host's own (ssh-keygen -l) and agree: castoff host check {host.name}",
        fingerprint=shown,
    )


def _pinned(client: _Client, host_keys: HostKeys) -> tuple[HostKey, ...]:
    return host_keys.pinned(client.question.host, client.question.port) if client.question else ()


def _algorithms(keys: tuple[HostKey, ...]) -> tuple[str, ...]:
    """The signature algorithms that go with the pinned keys' types."""
    found: list[str] = []
    for key in keys:
        found += ["rsa-sha2-512", "rsa-sha2-256"] if key.algorithm == "ssh-rsa" else [key.algorithm]
    return tuple(found)


def _sentence(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
    return str(reason).strip().rstrip(".") or type(error).__name__
