"""The parts of the demo: its places, its environments, its project, and how its host is prepared."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path
from pydantic import ValidationError

from agent import children
from agent.demo_model import MODEL_ENV
from agent.demo_model.project import create_demo_project
from agent.durable import make_private, read_model, write_model
from agent.errors import AgentError, RecordDamaged
from agent.reception import RunnerRecord
from agent.sessions import list_sessions
from remote.config import Host
from remote.demo_host import Told, Wanted
from remote.errors import DemoFailed, LocalLacks
from remote.host_runner import TerminalRecord
from remote.hostkeys import HostKeys
from remote.tmux import Terminal

_PREPARE_SECONDS = 60.0
_LOOPBACK = "127.0.0.1,localhost"


@dataclass(frozen=True)
class DemoPlaces:
    """Where everything of the demo is, below ``root``."""

    root: Path

    @property
    def project(self) -> Path:
        """The demo's project."""
        return self.root / "project"

    @property
    def model(self) -> Path:
        """What the model's process keeps."""
        return self.root / "model"

    @property
    def phone(self) -> Path:
        """What the inbox's process keeps."""
        return self.root / "phone"

    @property
    def inbox(self) -> Path:
        """The inbox's messages."""
        return self.phone / "messages.jsonl"

    @property
    def host(self) -> Path:
        """Everything of the host: its keys, and its HOME ``home``."""
        return self.root / "host"

    @property
    def config(self) -> Path:
        """This side's settings."""
        return self.root / "config"

    @property
    def state(self) -> Path:
        """This side's sessions."""
        return self.root / "state"

    def local_env(self, demo: Path, model_port: int) -> dict[str, str]:
        """What castoff on this side needs to live in the demo. HOME too: agents keep their sessions there."""
        return {
            "CASTOFF_DEMO": str(demo),
            "CASTOFF_STATE": str(self.state),
            "CASTOFF_CONFIG": str(self.config),
            "CASTOFF_DATA": str(self.root / "data"),
            "HOME": str(make_private(self.root / "home")),
            **MODEL_ENV(model_port),
        }


def base_env() -> dict[str, str]:
    """This process's environment, with no proxy asked for the loopback address."""
    env = dict(os.environ)
    for name in ("NO_PROXY", "no_proxy"):
        env[name] = ",".join(filter(None, (env.get(name), _LOOPBACK)))
    return env


def host_env(env: Mapping[str, str]) -> dict[str, str]:
    """The environment to start the host with: there pip finds the user's settings and what was downloaded before."""
    settings = (Path("~/.config/pip/pip.conf").expanduser(), Path("~/.pip/pip.conf").expanduser())
    found = next((str(path) for path in settings if path.is_file()), None)
    given = {"PIP_CACHE_DIR": str(user_cache_path("pip", appauthor=False)), "PIP_CONFIG_FILE": found}
    return {name: value for name, value in given.items() if value is not None} | dict(env)


def make_project(path: Path) -> None:
    """Make the project if it is not there; raises `DemoFailed`, `LocalLacks`."""
    if path.exists():
        return
    if shutil.which("git") is None:
        raise LocalLacks("git is not installed.", "Install git.")
    unfinished = path.with_name(f".{path.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        create_demo_project(unfinished)
    except subprocess.CalledProcessError as error:
        said = bytes(error.stderr or b"").decode(errors="replace").strip()
        raise DemoFailed(f"The demo's project cannot be made: {said}.") from error
    unfinished.rename(path)


async def set_up_host(places: DemoPlaces, host: Host, report: Callable[[str], None]) -> None:
    """Log in and install castoff's runtime there, so that a handoff later need not wait for it; raises `RemoteError`.

    The first time takes as long as pip needs; after that it is one command.
    """
    from remote.bootstrap import ensure_runtime
    from remote.connection import connect

    def tell(line: str) -> None:
        # pip's own lines are many; of them only the one before the longest silence is told.
        if "castoff's runtime" in line:
            report(f"  {line}")
        elif line.startswith("Installing collected packages: ") and (commas := line.count(",")):
            report(f"  {commas + 1} packages are there and are being installed")

    # The user's own ~/.ssh/config is for other hosts: proxies in it would lead astray.
    keys, no_config = HostKeys(places.config / "known_hosts"), places.root / "home" / ".ssh" / "config"
    async with await connect(host, host_keys=keys, ssh_config=no_config) as connection:
        await ensure_runtime(connection, report=tell)


async def prepare_host(places: DemoPlaces, env: Mapping[str, str], variables: dict[str, str], channel: str) -> None:
    """Give the host the model's variables and the inbox as a channel, by code that runs with its HOME.

    Raises `DemoFailed` with what that said.
    """
    process = await children.start(
        (sys.executable, "-I", "-m", "remote.demo_host"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: env[name] for name in ("PATH", "LANG") if name in env} | {"HOME": str(places.host / "home")},
        cwd=places.host,
    )
    wanted = Wanted(variables=variables, channel=channel).model_dump_json().encode()
    try:
        async with asyncio.timeout(_PREPARE_SECONDS):
            output, errors = await children.hear_out(process, wanted)
    except TimeoutError as error:
        raise DemoFailed("The demo's host could not be prepared in time.") from error
    try:
        write_model(places.host / "told.json", Told.model_validate_json(output))
    except ValidationError as error:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise DemoFailed(f"The demo's host cannot be prepared: {lines[-1] if lines else 'no reason said'}.") from error


def remove_sockets(places: DemoPlaces) -> None:
    """Remove the sockets that lie outside of the demo's directory, where its paths are too long for them."""
    for state in (places.state, _host_state(places)):
        for session in _sessions(state):
            for socket in _sockets(session, state):
                socket.unlink(missing_ok=True)


def _sockets(session: Path, state: Path | None) -> Iterator[Path]:
    """The sockets that a session's records name."""
    with contextlib.suppress(RecordDamaged):
        yield Path(read_model(session / "runner.json", RunnerRecord).socket)
    with contextlib.suppress(RecordDamaged):
        yield Terminal(read_model(session / "terminal.json", TerminalRecord).name, state).socket


def _host_state(places: DemoPlaces) -> Path | None:
    try:
        return read_model(places.host / "told.json", Told).state
    except RecordDamaged:
        return None


def _sessions(state: Path | None) -> tuple[Path, ...]:
    if state is None:
        return ()
    try:
        return tuple(session.path for session in list_sessions(state))
    except AgentError:
        return ()
