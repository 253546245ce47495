"""A second opinion on a host that cannot be reached: by OpenSSH's settings, plain sockets, and another SSH library.

asyncssh is what castoff talks with. Where it fails, paramiko, which shares no code with it, tries the same: so it can
be told whether the key, the server, the network or castoff is to blame. paramiko comes with ``castoff[doctor]``.
"""

import importlib
import logging
import socket
import subprocess
from pathlib import Path
from typing import Any, Literal

from agent.events import Frozen
from remote.config import Host
from remote.errors import ConnectError, HostKeyError, IdentityUnusable
from remote.hostkeys import HostKey, HostKeys

Blame = Literal["key", "server", "network", "settings", "castoff", "unknown"]

_SECONDS = 15.0
_MOST_KEYS = 5
"""sshd hangs up after six refused keys (MaxAuthTries)."""


class Opinion(Frozen):
    """Who is to blame, in a sentence, and what can be done."""

    blame: Blame
    sentence: str
    way_out: str = ""


class _Target(Frozen):
    """What a host's entry and ``~/.ssh/config`` come to, by OpenSSH."""

    address: str
    port: int
    user: str
    identities: tuple[str, ...]
    between: str = ""
    """The jump host or program that leads there."""


class _Settled(Exception):
    def __init__(self, blame: Blame, sentence: str, way_out: str = "") -> None:
        super().__init__(sentence)
        self.opinion = Opinion(blame=blame, sentence=sentence, way_out=way_out)


def ask_again(
    host: Host, first: ConnectError, *, host_keys: HostKeys | None = None, ssh_config: Path | None = None
) -> Opinion:
    """Try to reach ``host``, of which asyncssh said ``first``, in other ways, and judge. Takes up to a minute."""
    if isinstance(first, IdentityUnusable):
        return Opinion(blame="key", sentence="The key's file is to blame: no connection was tried.")
    try:
        target = _ask_openssh(host, ssh_config or Path("~/.ssh/config").expanduser())
        if target.between:
            raise _Settled(
                "unknown",
                f"{target.between} stands between this machine and {host.name}: it may be to blame as well.",
                f"See whether OpenSSH gets through: ssh {host.destination}",
            )
        with _reach(target) as link:
            _log_in(target, link, host_keys or HostKeys())
    except _Settled as settled:
        return settled.opinion
    if isinstance(first, HostKeyError):
        return Opinion(blame="server", sentence="All is well but the host's key, which is to be agreed to.")
    return Opinion(
        blame="castoff",
        sentence=f"Another SSH library gets into {host.name} with the same key: castoff is to blame.",
        way_out="Please report this, with what castoff said.",
    )


def _ask_openssh(host: Host, ssh_config: Path) -> _Target:
    """``ssh -G`` prints what OpenSSH would do (man 1 ssh)."""
    argv = ["ssh", "-F", str(ssh_config) if ssh_config.is_file() else "none", "-G"]
    argv += ["-p", str(host.port)] if host.port else []
    argv += ["-l", host.login] if host.login else []
    try:
        done = subprocess.run(
            [*argv, "--", host.address], capture_output=True, text=True, timeout=_SECONDS, check=False, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Settled("unknown", f"OpenSSH cannot be asked: {error}.", "Install openssh-client.") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise _Settled("settings", f"OpenSSH cannot use ~/.ssh/config either: {said}.", "Correct that line.")
    words = [line.split(" ", 1) for line in done.stdout.splitlines() if " " in line]
    known = {name: value for name, value in reversed(words)}
    identities = (host.identity,) if host.identity else tuple(value for name, value in words if name == "identityfile")
    between = next((known[name] for name in ("proxyjump", "proxycommand") if known.get(name, "none") != "none"), "")
    return _Target(
        address=known["hostname"], port=int(known["port"]), user=known["user"], identities=identities, between=between
    )


def _reach(target: _Target) -> socket.socket:
    """A connection to a port that is an SSH server's; raises `_Settled`."""
    where = f"{target.address}, port {target.port}"
    try:
        link = socket.create_connection((target.address, target.port), timeout=_SECONDS)
    except socket.gaierror as error:
        raise _Settled(
            "network", f"No address is known for {target.address}.", "Check its name, and that you are online."
        ) from error
    except ConnectionRefusedError as error:
        raise _Settled(
            "server",
            f"The machine at {where} is there and refuses: no sshd listens at that port.",
            "Start sshd there, or correct the port.",
        ) from error
    except OSError as error:
        raise _Settled(
            "network",
            f"Nothing answers at {where}: the machine is off, or a firewall or this network is in between.",
            "Check that it runs, and its firewall; try another network.",
        ) from error
    try:
        greeting = link.recv(4, socket.MSG_PEEK)
    except OSError:
        greeting = b""
    if not greeting.startswith(b"SSH-"[: max(1, len(greeting))]):
        link.close()
        raise _Settled("server", f"What listens at {where} is no SSH server, or hangs up.", "Correct the port.")
    return link


def _log_in(target: _Target, link: socket.socket, host_keys: HostKeys) -> None:
    """Agree on keys with the server and log in; raises `_Settled` where that fails."""
    try:
        paramiko: Any = importlib.import_module("paramiko")
    except ImportError as error:
        raise _Settled(
            "unknown",
            "An SSH server answers. Without paramiko no other opinion on it can be had.",
            "Install castoff with its extra: castoff[doctor]",
        ) from error
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    transport = paramiko.Transport(link)
    try:
        _agree(paramiko, transport, target, host_keys)
        _offer_keys(paramiko, transport, target)
    finally:
        transport.close()


def _agree(paramiko: Any, transport: Any, target: _Target, host_keys: HostKeys) -> None:
    pinned = host_keys.pinned(target.address, target.port)
    if kinds := [kind for kind in transport.get_security_options().key_types if kind in _kinds(pinned)]:
        transport.get_security_options().key_types = kinds
    try:
        transport.start_client(timeout=_SECONDS)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _Settled(
            "server",
            f"Another SSH library cannot agree with this server either: {error}.",
            "Update sshd there, or look at its log.",
        ) from error
    shown = transport.get_remote_server_key()
    key = HostKey(algorithm=shown.get_name(), encoded=shown.get_base64())
    if pinned and key not in pinned:
        raise _Settled(
            "server",
            f"Another SSH library is shown {key.fingerprint} too, which is not the pinned key: the machine was "
            "installed anew, or another one answers in its place.",
            "Compare it with what ssh-keygen -l says on the machine itself.",
        )


def _kinds(pinned: tuple[HostKey, ...]) -> set[str]:
    """The signature algorithms that go with keys."""
    names = {key.algorithm for key in pinned}
    return names | ({"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in names else set[str]())


def _offer_keys(paramiko: Any, transport: Any, target: _Target) -> None:
    keys, locked = _load_keys(paramiko, target)
    if not keys:
        unread = f" {locked[0]} has a passphrase." if locked else ""
        raise _Settled("key", f"There is no private key here that could be tried.{unread}", "ssh-add loads a key.")
    for key in keys[:_MOST_KEYS]:
        try:
            transport.auth_publickey(target.user, key)
        except paramiko.BadAuthenticationType as error:
            allowed = ", ".join(error.allowed_types)
            raise _Settled(
                "server",
                f"This server lets nobody in by key, only by: {allowed}.",
                "Set PubkeyAuthentication yes in its sshd_config.",
            ) from error
        except paramiko.AuthenticationException:
            continue
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise _Settled("server", f"The server hung up at a key: {error}.", "Look at sshd's log there.") from error
        if transport.is_authenticated():
            return
        raise _Settled("server", "The server wants more than a key.", "castoff logs in by key alone.")
    unread = f" {locked[0]}, which has a passphrase, was not tried." if locked else ""
    raise _Settled(
        "key",
        f"The server is well, and refuses {len(keys[:_MOST_KEYS])} of your keys for {target.user} to another SSH "
        f"library too: the key is not in that user's authorized_keys, or was revoked.{unread}",
        "Put your public key there (ssh-copy-id), or correct the user's name.",
    )


def _load_keys(paramiko: Any, target: _Target) -> tuple[list[Any], list[str]]:
    """The keys that need no passphrase, ssh-agent's last, and the files of those that do."""
    keys, locked = list[Any](), list[str]()
    for name in target.identities:
        path = Path(name).expanduser()
        if not path.is_file():
            continue
        try:
            keys.append(paramiko.PKey.from_path(path))
        except (paramiko.PasswordRequiredException, TypeError):
            locked.append(str(path))
        except (paramiko.SSHException, paramiko.UnknownKeyType, ValueError):
            continue  # a kind that it does not know, as a security key's
    return [*keys, *paramiko.Agent().get_keys()], locked
