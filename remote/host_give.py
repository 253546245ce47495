"""The host's side of a pull-back: pack the drained run, give it up, archive it - or hold it again."""

import asyncio
import contextlib
import time
from pathlib import Path

from agent import protocol as rules
from agent.errors import CommandRefused, RunnerBusy
from agent.lease import read_lease
from agent.paths import state_dir
from agent.profiles import load_profile
from agent.protocol import Lease
from agent.runner_lock import await_move, is_served
from agent.sessions import SessionDir, get_session
from remote import host_protocol as protocol
from remote.errors import RemoteError
from remote.furnishing import drop_furnishing
from remote.host_base import bundle_commits, list_run_paths
from remote.host_lease import change_lease
from remote.host_look import open_run
from remote.host_runner import end_run, is_alive, start_run
from remote.leftovers import note_leftovers
from remote.local import attach_running, quiet
from remote.parcel import fold, pack_parcel, seal_parcel
from remote.place import Place, leftovers_path
from remote.revive import tend_hook
from snapshot.capture import capture_paths
from snapshot.manifest import Manifest, read_manifest

_REGAIN_SECONDS = 50.0
_MOVE_SECONDS = 5.0

_quiet: dict[str, contextlib.AsyncExitStack] = {}
"""The runs that this process keeps from being started while they are pulled; a lost connection ends it, and that."""


def keeps_still() -> bool:
    """Whether this process keeps any run from being started: for as long as somebody pulls it."""
    return bool(_quiet)


async def _keep_quiet(session: SessionDir, drain_seconds: float) -> None:
    """Drain the run, and let nobody who attaches start it again."""
    if session.id in _quiet:
        return
    async with contextlib.AsyncExitStack() as stack:
        await _enter_move(stack, session)
        await stack.enter_async_context(quiet(session, drain_seconds))
        _quiet[session.id] = stack.pop_all()


async def _enter_move(stack: contextlib.AsyncExitStack, session: SessionDir) -> None:
    """Be the only one who pulls the run. Tried for a moment: a connection that was cut lets go a little later."""
    try:
        await stack.enter_async_context(await_move(session.path, _MOVE_SECONDS))
    except RunnerBusy as error:
        sentence = "Another castoff is pulling this run."
        raise RunnerBusy(sentence, "Wait for it, or end it there.", code=error.code) from error


async def _let_go(session: SessionDir) -> None:
    if stack := _quiet.pop(session.id, None):
        await stack.aclose()


async def pack(request: protocol.Pack) -> protocol.Packed:
    """Drain the run and make manifest, parcel and bundle of it; may be asked again."""
    session, place = open_run(request.run_id)
    rules.check_pack(read_lease(session))
    await _keep_quiet(session, request.drain_seconds)
    # Whoever else was quicker has it now.
    lease = rules.check_pack(read_lease(session))
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
    pack_parcel(session, profile, Path(place.home), parcel, commits)
    return seal_parcel(parcel, manifest)


async def give(request: protocol.Give) -> protocol.Standing:
    """Give the run up, as it was packed by this very process; on disk before the answer leaves."""
    session, _ = open_run(request.run_id)
    if read_lease(session).state == "held" and session.id not in _quiet:
        # It may have gone on since, and nobody would ever see what it did.
        raise RemoteError("The run was not kept still since it was packed.", "Pull it again.", code="went-on")
    lease = change_lease(session.id, lambda lease: rules.give(lease, request.epoch, request.to))
    await _let_go(session)
    return protocol.Standing(lease=lease)


async def confirm_away(request: protocol.Confirm) -> protocol.Standing:
    """The other side holds it: what is left here is an archive, and nothing of it runs any more."""
    session = get_session(state_dir(), request.run_id)

    def archive(lease: Lease | None) -> Lease:
        after = rules.file_away(lease, request.epoch)
        if session is not None and after.state == "away":
            # Before the record: what is filed away is not listed, and nobody would come back for its variables.
            drop_furnishing(session)
        return after

    # Also of a run that never came: an offer of it may still be under way.
    lease = change_lease(request.run_id, archive)
    if session is not None and lease.state == "away":
        await end_run(session)
        await tend_hook(state_dir())
    return protocol.Standing(lease=lease)


async def regain(request: protocol.Regain) -> protocol.Standing:
    """The pull failed before the other side took the run: hold it again and let it go on where it was drained."""
    session, _ = open_run(request.run_id)
    lease = change_lease(session.id, lambda lease: rules.regain(lease, request.epoch, request.to))
    await _let_go(session)
    # While nobody held it, the hook may have gone with the last run that was.
    await tend_hook(state_dir())
    await _wait_drained(session)
    await _go_on(session)
    return protocol.Standing(lease=lease)


async def _wait_drained(session: SessionDir) -> None:
    """Wait for the end of a drain that was cut off from whoever asked for it, and for that one to let go."""
    deadline = time.monotonic() + _REGAIN_SECONDS
    while is_served(session) and fold(session).phase in ("draining", "drained"):
        if time.monotonic() > deadline:
            raise RunnerBusy("The run is still being drained.", "castoff attach takes it up when that has ended.")
        await asyncio.sleep(0.2)


async def _go_on(session: SessionDir) -> None:
    """See to it that a runner serves the run, and take up the turn that the drain interrupted."""
    deadline = time.monotonic() + _REGAIN_SECONDS
    while (viewer := await attach_running(session)) is None:
        if time.monotonic() > deadline:
            raise RunnerBusy("The run's runner does not come up.", "castoff attach takes it up.")
        # Looked at again each time: the drained runner's keeper may still be there, and lets no other one begin.
        if not await is_alive(session):
            await start_run(session)
        await asyncio.sleep(0.05)
    try:
        if fold(session).interrupted_turn is not None:
            await viewer.resume()
    except CommandRefused:
        # Somebody else took it up: nothing is left to resume.
        pass
    finally:
        await viewer.close()
