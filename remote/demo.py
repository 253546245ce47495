"""The demo: a project, a scripted model, a host of its own and a "phone", as processes that outlive castoff.

Everything lies in one directory with a marker file; the user's own settings and sessions are not touched. What the
demo starts is found again by the next castoff, and `stop_demo` removes every trace.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from agent.demo_model import MODEL_ENV
from agent.durable import make_private, write_record
from agent.events import Frozen
from agent.paths import state_dir
from remote import embedded_host
from remote.config import Settings
from remote.demo_host import INBOX_PATH
from remote.demo_parts import DemoPlaces, base_env, host_env, make_project, prepare_host, remove_sockets, set_up_host
from remote.errors import DemoFailed
from remote.hostkeys import HostKeys
from remote.processes import Identity, end_processes, find_by_environment, is_alive
from remote.service import Service, keep_running, read_service

HOST_NAME = "demo"
_VARIABLE = "CASTOFF_DEMO"
_MARKER = ".castoff-demo"
_LOCK_SECONDS = 60.0

Report = Callable[[str], None]


class Demo(Frozen):
    """A demo that is ready. ``env`` is what this side has to set before it uses anything of castoff's."""

    root: Path
    project: Path
    inbox: Path
    """The store of the phone's messages, for `remote.inbox.read_inbox`."""
    env: dict[str, str]
    host_name: str = HOST_NAME


def demo_dir() -> Path:
    """Where the demo lives, also when asked from within it."""
    inside = os.environ.get(_VARIABLE)
    return Path(inside) if inside else state_dir() / "demo"


async def start_demo(*, pace: float = 1.0, report: Report) -> Demo:
    """Make what is missing of the demo and start what does not run; ``pace`` is the factor on the model's pauses.

    ``report`` gets lines to show. Raises `DemoFailed`, `EmbeddedHostFailed`, `SettingsError`.
    """
    root = demo_dir()
    places = DemoPlaces(root)
    async with _locked(root):
        _claim(root)
        await asyncio.to_thread(make_project, places.project)
        report(f"demo project: {places.project}")
        env = base_env() | {_VARIABLE: str(root)}
        model, inbox, host = await _start_all(places, pace, env)
        report("demo model: no key, no network, its lines are written in advance")
        Settings(make_private(places.config) / "config.toml").add(host.host(HOST_NAME))
        host.pin(HostKeys(places.config / "known_hosts"))
        report(f"demo host: 127.0.0.1:{host.port}, reached by SSH, with a HOME of its own")
        await set_up_host(places, host.host(HOST_NAME), report)
        channel = f"json://127.0.0.1:{inbox.port}{INBOX_PATH}"
        await prepare_host(places, host_env(env), MODEL_ENV(model.port), channel)
        report("demo phone: an inbox for the host's notifications")
    return Demo(root=root, project=places.project, inbox=places.inbox, env=places.local_env(root, model.port))


async def run_demo_headless(report: Report, *, pace: float = 1.0) -> int:
    """The demo without a screen, the whole journey told in lines; returns an exit status.

    This process lives in the demo from then on. Raises `RemoteError` or `agent.errors.AgentError`.
    """
    from remote.demo_journey import travel

    demo = await start_demo(pace=pace, report=report)
    os.environ.update(demo.env)
    return await travel(demo.project, demo.inbox, demo.host_name, report)


async def stop_demo() -> None:
    """End every process of the demo and remove its directory; nothing to do if there is none.

    Raises `DemoFailed` if the directory is not the demo's, or something does not end.
    """
    root = demo_dir()
    async with _locked(root):
        if not root.exists():
            return
        _check_marker(root)
        places = DemoPlaces(root)
        await _end_all(places)
        remove_sockets(places)
        await asyncio.to_thread(_remove, root)


async def _start_all(
    places: DemoPlaces, pace: float, env: dict[str, str]
) -> tuple[Service, Service, embedded_host.EmbeddedHost]:
    """The model, the phone and the host, all at once; none is still being started when one of them fails."""
    try:
        async with asyncio.TaskGroup() as group:
            arguments = ("--pace", f"{pace:g}")
            model = group.create_task(
                keep_running(places.model, "agent.demo_model", arguments, probe="/v1/models", env=env)
            )
            arguments = ("--store", str(places.inbox))
            phone = group.create_task(keep_running(places.phone, "remote.inbox", arguments, probe="/", env=env))
            host = group.create_task(embedded_host.start(places.host, host_env(env)))
    except ExceptionGroup as several:
        # The first failure is told as itself; the others come of its ending them.
        raise several.exceptions[0] from None
    return model.result(), phone.result(), host.result()


async def _end_all(places: DemoPlaces) -> None:
    """End all that is the demo's, again until nothing is found: a process may start another meanwhile."""
    for _ in range(5):
        found = _find_all(places)
        if not found and not embedded_host.is_served(places.host):
            return
        await end_processes(found)
    raise DemoFailed("Some of the demo's processes do not end.", "Run castoff demo --reset again.")


def _find_all(places: DemoPlaces) -> frozenset[Identity]:
    """The living processes that carry the demo's marks, and those on record: not every environment can be read."""
    marked = (*find_by_environment(_VARIABLE, places.root), *find_by_environment("HOME", places.root))
    recorded = (read_service(places.model), read_service(places.phone), embedded_host.find(places.host))
    return frozenset((*marked, *(each.process for each in recorded if each is not None and is_alive(each.process))))


def _remove(root: Path) -> None:
    """Remove the directory, its marker last: a removal that was cut short can be done again."""
    for path in root.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _MARKER:
            path.unlink()
    shutil.rmtree(root)


def _claim(root: Path) -> None:
    """Make the directory and mark it as the demo's; raises `DemoFailed` if it holds something else."""
    if root.is_symlink() or (root.exists() and any(root.iterdir())):
        _check_marker(root)
    make_private(root)
    write_record(root / _MARKER, f"{root}\n".encode())


def _check_marker(root: Path) -> None:
    marker = root / _MARKER
    if root.is_symlink() or marker.is_symlink() or not marker.is_file() or marker.read_text().strip() != str(root):
        raise DemoFailed(f"{root} was not made by castoff's demo, so it is left alone.", "Move it away.")


@contextlib.asynccontextmanager
async def _locked(root: Path) -> AsyncGenerator[None]:
    """One castoff at a time sets up or removes the demo. The lock's file goes with its holder."""
    # Beside the directory: it must outlast its removal.
    path = root.with_name(f".{root.name}.lock")
    deadline = asyncio.get_running_loop().time() + _LOCK_SECONDS
    while (lock := _try_lock(path)) is None:
        if asyncio.get_running_loop().time() > deadline:
            raise DemoFailed("Another castoff has been setting up or removing the demo for a minute.", "Try again.")
        await asyncio.sleep(0.05)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _try_lock(path: Path) -> int | None:
    """The open and locked file, or ``None`` if somebody else has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last holder may have removed it since it was opened: then another one can be made and locked.
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(lock)
    return None
