"""Hosts for tests, made for one test session and removed after it; a plugin: ``pytest_plugins = ["tests.hosts"]``.

``sshd_host`` is a real OpenSSH server on a loopback port with a user of its own, ``embedded_host`` is the demo's
host, and ``any_host`` runs a test against both. Each is a
`HostForTests`: settings entry, pinned keys, HOME.
"""

import asyncio
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from remote import embedded_host as embedded
from remote.config import Host
from remote.connection import Connection, connect
from remote.hostkeys import HostKey, HostKeys
from remote.processes import end_processes, find_by_environment
from tests.waiting import wait_until

_SSHD = Path("/usr/sbin/sshd")


@dataclass(frozen=True)
class HostForTests:
    """One host: how to reach it, and where its user's HOME is on this same machine."""

    host: Host
    host_keys: HostKeys
    home: Path
    user: str
    directory: Path
    """Keys and configuration of the server."""

    async def connect(self) -> Connection:
        return await connect(self.host, host_keys=self.host_keys, ssh_config=self.directory / "no-ssh-config")

    def write_settings(self, config_dir: Path) -> None:
        """Make it known as a user would have: in the settings, with its key pinned."""
        from remote.config import Settings

        config_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        Settings(config_dir / "config.toml").add(self.host)
        shutil.copy(self.host_keys.path, config_dir / "known_hosts")

    def own(self, path: Path) -> Path:
        """Give a path that a test made as root to the host's user."""
        if self.user != getpass.getuser():
            subprocess.run(["chown", "-R", "--", self.user, str(path)], check=True)
        return path

    def processes(self, word: str) -> list[str]:
        """Command lines of the host's processes that contain ``word``.

        They are its user's; where that is who runs the tests, those with its HOME: other tests may run beside.
        """
        uid, found = self.home.stat().st_uid, list[str]()
        marked = b"" if self.user != getpass.getuser() else b"\0HOME=%s\0" % os.fsencode(self.home)
        for entry in Path("/proc").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                if entry.name.isdigit() and entry.stat().st_uid == uid:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if word in line and marked in b"\0" + (entry / "environ").read_bytes():
                        found.append(line)
        return found


@pytest.fixture(scope="session")
def sshd_host(tmp_path_factory: pytest.TempPathFactory) -> Generator[HostForTests]:
    """A real sshd, and an ordinary user who may log in with a key."""
    if os.getuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("The tests against a real sshd need root: they make a user.")
        pytest.skip("not root: the tests against a real sshd make a user")
    user = f"castofftest-{secrets.token_hex(3)}"
    _change_users(["useradd", "-m", "-s", "/bin/bash", "-p", "*", user])
    home = Path("/home") / user
    directory = tmp_path_factory.mktemp("sshd")
    process = None
    try:
        host = _prepare(directory, user, home)
        argv = [_SSHD, "-D", "-E", str(directory / "log"), "-f", str(directory / "sshd_config")]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, cwd="/")
        wait_for_port(host.port or 0)
        yield HostForTests(host, _pin(directory, host), home, user, directory)
    finally:
        if process is not None:
            process.terminate()
            process.wait()
        _end_processes(home.stat().st_uid)
        shutil.rmtree(home)  # not by userdel, which would keep all accounts locked meanwhile
        _change_users(["userdel", user])


@pytest.fixture(scope="session")
def embedded_host(tmp_path_factory: pytest.TempPathFactory) -> Generator[HostForTests]:
    """The demo's host."""
    root = tmp_path_factory.mktemp("embedded")
    running = asyncio.run(embedded.start(root))
    try:
        host_keys = HostKeys(root / "known_hosts")
        running.pin(host_keys)
        yield HostForTests(running.host("embedded"), host_keys, root / "home", getpass.getuser(), root)
    finally:
        asyncio.run(embedded.stop(root))
        # Runs live on without their host, in tmux; not beyond the tests.
        assert asyncio.run(end_processes(find_by_environment("HOME", root))) == ()


@pytest.fixture(params=["sshd", "embedded"])
def any_host(request: pytest.FixtureRequest) -> HostForTests:
    """Each of the two hosts in turn."""
    host = request.getfixturevalue(f"{request.param}_host")
    assert isinstance(host, HostForTests)
    return host


@asynccontextmanager
async def cutting(host: HostForTests, after: int) -> AsyncGenerator[HostForTests]:
    """The host behind a link that is cut once ``after`` bytes have gone to it."""
    left = after
    tasks = set[asyncio.Task[None]]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        nonlocal left
        while data := await reader.read(65536):
            left -= len(data) if counted else 0
            if left < 0:
                break
            writer.write(data)
            await writer.drain()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", host.host.port)
        pumps = [
            asyncio.create_task(pump(reader, to, counted=True)),
            asyncio.create_task(pump(there, writer, counted=False)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for end in (to, writer):
            end.transport.abort()
            with suppress(OSError):
                await end.wait_closed()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(relay(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        behind = host.host.model_copy(update={"port": server.sockets[0].getsockname()[1]})
        for key in host.host_keys.pinned("127.0.0.1", host.host.port or 22):
            host.host_keys.pin("127.0.0.1", behind.port or 22, key)
        yield replace(host, host=behind)
    await asyncio.gather(*tasks)


def free_port() -> int:
    """A loopback port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(directory: Path, user: str, home: Path) -> Host:
    for name in ("host_key", "login_key"):
        _keygen(directory / name)
    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700)
    shutil.copy(directory / "login_key.pub", ssh / "authorized_keys")
    subprocess.run(["chown", "-R", user, ssh], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {directory / 'host_key'}",
        f"PidFile {directory / 'pid'}",
        f"AllowUsers {user}",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PrintMotd no",
        "MaxStartups 100",
        "MaxSessions 50",
        "UseDNS no",
        "AcceptEnv *",
        "Subsystem sftp internal-sftp",
    ]
    (directory / "sshd_config").write_text("\n".join(lines) + "\n")
    return Host(name="vm", destination=f"{user}@127.0.0.1", port=port, identity=str(directory / "login_key"))


def _change_users(argv: list[str]) -> None:
    """Change the accounts; another test session may hold their lock for a moment."""
    for attempt in range(5):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        assert "lock" in done.stderr and attempt < 4, done.stderr


def _keygen(path: Path) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def _pin(directory: Path, host: Host) -> HostKeys:
    algorithm, encoded = (directory / "host_key.pub").read_text().split()[:2]
    host_keys = HostKeys(directory / "known_hosts")
    host_keys.pin("127.0.0.1", host.port or 22, HostKey(algorithm=algorithm, encoded=encoded))
    return host_keys


def wait_for_port(port: int) -> None:
    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(answers, why=f"nothing listens at port {port}")


def _end_processes(uid: int) -> None:
    """End what the test user left running (tmux servers, runners), so that the user can be removed."""

    def ended() -> bool:
        left = _pids(uid)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait_until(ended, why="a process of the host's user does not end")


def _pids(uid: int) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                found.append(int(entry.name))
        except FileNotFoundError:
            continue
    return found
