"""The host's side of a pull-back: pack the drained run, give it up, archive it - or hold it again."""

import asyncio
import contextlib
import time
from pathlib import Path

from agent.errors import CommandRefused, RunnerBusy
from agent.lease import Lease, confirm, offer, read_lease, take, write_lease
from agent.profiles import load_profile
from agent.runner_lock import is_served
from agent.sessions import SessionDir
from remote import host_protocol as protocol
from remote.furnishing import drop_furnishing
from remote.host_base import bundle_commits, list_run_paths
from remote.host_look import open_run
from remote.host_runner import end_run, start_run
from remote.leftovers import note_leftovers
from remote.local import attach_running, quiet
from remote.parcel import fold, pack_parcel
from remote.place import Place, leftovers_path
from snapshot.capture import capture_paths
from snapshot.manifest import Manifest, read_manifest

_REGAIN_SECONDS = 50.0

_quiet: dict[str, contextlib.AsyncExitStack] = {}
"""The runs that this process keeps from being started while they are pulled; a lost connection ends it, and that."""


async def _keep_quiet(session: SessionDir, drain_seconds: float) -> None:
    """Drain the run, and let nobody who attaches start it again."""
    if session.id in _quiet:
        return
    stack = contextlib.AsyncExitStack()
    await stack.enter_async_context(quiet(session, drain_seconds))
    _quiet[session.id] = stack


async def _let_go(session: SessionDir) -> None:
    if stack := _quiet.pop(session.id, None):
        await stack.aclose()


async def pack(request: protocol.Pack) -> protocol.Packed:
    """Drain the run and make manifest, parcel and bundle of it; may be asked again."""
    session, place = open_run(request.run_id)
    await _keep_quiet(session, request.drain_seconds)
    lease = read_lease(session)
    base = read_manifest(session.path / "manifest.json")
    paths = await list_run_paths(place, base)
    manifest = await asyncio.to_thread(capture_paths, Path(place.tree), paths, base=base)
    await asyncio.to_thread(note_leftovers, Path(place.tree), manifest, leftovers_path(session.id))
    commits = await bundle_commits(session, place, base)
    parcel = session.path / "parcel"
    packed = await asyncio.to_thread(_pack, session, place, manifest, parcel, commits)
    return protocol.Packed(
        epoch=lease.epoch,
        tree=place.tree,
        parcel=str(parcel),
        tree_digest=manifest.digest,
        parcel_digest=packed,
    )


def _pack(session: SessionDir, place: Place, manifest: Manifest, parcel: Path, commits: Path | None) -> str:
    profile = load_profile(session.info.agent)
    return pack_parcel(session, profile, Path(place.home), manifest, parcel, commits)


async def give(request: protocol.Give) -> protocol.Standing:
    """Give the run up; on disk before the answer leaves."""
    session, _ = open_run(request.run_id)
    lease = read_lease(session)
    if lease.epoch == request.epoch:
        write_lease(session, offer(lease, request.to))
    await _let_go(session)
    return protocol.Standing(lease=read_lease(session))


async def confirm_away(request: protocol.Confirm) -> protocol.Standing:
    """The other side holds it: what is left here is an archive."""
    session, _ = open_run(request.run_id)
    lease = read_lease(session)
    if lease != Lease(epoch=request.epoch, state="away", to=lease.to):
        write_lease(session, confirm(lease, request.epoch))
    await end_run(session)
    drop_furnishing(session)
    return protocol.Standing(lease=read_lease(session))


async def regain(request: protocol.Regain) -> protocol.Standing:
    """The pull failed before the other side took the run: hold it again and let it go on where it was drained."""
    session, _ = open_run(request.run_id)
    lease = read_lease(session)
    if lease.state == "offered":
        write_lease(session, take(lease, request.epoch))
    await _let_go(session)
    await _wait_drained(session)
    await _go_on(session)
    return protocol.Standing(lease=read_lease(session))


async def _wait_drained(session: SessionDir) -> None:
    """Wait for the end of a drain that was cut off from whoever asked for it, and for that one to let go."""
    deadline = time.monotonic() + _REGAIN_SECONDS
    while is_served(session) and fold(session).phase in ("draining", "drained"):
        if time.monotonic() > deadline:
            raise RunnerBusy("The run is still being drained.", "castoff attach takes it up when that has ended.")
        await asyncio.sleep(0.2)


async def _go_on(session: SessionDir) -> None:
    """Start the runner if none serves the run, and take up the turn that the drain interrupted."""
    if not is_served(session):
        await start_run(session)
    if fold(session).interrupted_turn is None:
        return
    deadline = time.monotonic() + _REGAIN_SECONDS
    while (viewer := await attach_running(session)) is None:
        if time.monotonic() > deadline:
            raise RunnerBusy("The run's runner does not come up.", "castoff attach takes it up.")
        await asyncio.sleep(0.05)
    try:
        await viewer.resume()
    except CommandRefused:
        # Somebody else took it up: nothing is left to resume.
        pass
    finally:
        await viewer.close()
