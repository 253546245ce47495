"""The host's side of a handoff: make room, compare, accept and prove, or give back.

A run is accepted at the moment its lease is written; everything before can be repeated or thrown away.
"""

import asyncio
import stat
from contextlib import nullcontext
from pathlib import Path

from agent import protocol as rules
from agent.arrival import arrival_path
from agent.durable import copy_record, make_private, read_model, remove_record, rename_durably, write_model
from agent.errors import AgentError
from agent.events import AgentStarted, Frozen, PhaseChanged
from agent.journal import read_events, read_head
from agent.lease import keep_lease
from agent.paths import state_dir
from agent.profiles import Profile, load_profile
from agent.runner_lock import await_move
from agent.session_files import needed_files, session_files
from agent.sessions import SessionDir, change_agent, get_session, open_session
from remote import host_protocol as protocol
from remote.carried import place_carried
from remote.errors import RemoteError
from remote.furnishing import drop_furnishing, keep_furnishing
from remote.gate_settings import lead_to_gate
from remote.holding import Holding, state_holding, take_holding
from remote.host_base import record_run_base
from remote.host_beside import compare_beside, place_beside
from remote.host_lease import change_lease, known_lease, session_path
from remote.host_runner import end_run, is_alive, last_words, start_run
from remote.host_tools import check_arrival
from remote.leftovers import put_aside, put_back
from remote.levels import Level, maps_paths
from remote.mirror import start_mirror, take_mirror
from remote.parcel import fold, parcel_digest, parcel_manifest, place_home, place_session
from remote.patch import apply_changes
from remote.place import Place, base_store, home_path, incoming_path, leftovers_path, tree_path, write_place
from remote.processes import end_processes, find_by_folder
from remote.revive import tend_hook
from remote.start import read_start, read_why
from snapshot.errors import SnapshotError
from snapshot.manifest import Manifest, write_manifest
from snapshot.replica import remove_tree
from snapshot.start import held_start
from snapshot.verify import verify

_PROOF_SECONDS = 150.0


class _Checked(Frozen):
    """What was found equal: it, and nothing else, may be accepted at this epoch."""

    epoch: int
    parcel_digest: str


async def prepare(request: protocol.Prepare) -> protocol.Room:
    """Make the directories to send to; what an earlier try, or an earlier stay, left there saves sending it again."""
    rules.check_room(known_lease(request.run_id), request.epoch)
    incoming, earlier = incoming_path(request.run_id), tree_path(request.run_id)
    # What received on a link that died in silence waits on for minutes, and at its end would put what it has of a file
    # into the tree, which is a run's by then.
    await end_processes(await asyncio.to_thread(find_by_folder, "rsync", incoming))
    await asyncio.to_thread(_open_incoming, request, incoming, earlier)
    remove_record(incoming / "checked.json")
    if earlier.exists() and not (incoming / "tree").exists():
        await asyncio.to_thread(put_aside, earlier, leftovers_path(request.run_id), incoming / "aside")
        rename_durably(earlier, incoming / "tree")
    tree, parcel = make_private(incoming / "tree"), make_private(incoming / "parcel")
    start = held_start(base_store(session_path(request.run_id)))
    return protocol.Room(tree=str(tree), parcel=str(parcel), holding=take_holding(incoming), start=start)


def _open_incoming(request: protocol.Prepare, incoming: Path, earlier: Path) -> None:
    """From here on what an earlier stay left is wanted: who throws archived runs away (`remote.waste_there`) looks for
    this folder, and nobody changes the lease meanwhile."""
    session = session_path(request.run_id)
    with keep_lease(session) if session.exists() else nullcontext():
        if not incoming.exists() and not earlier.exists():
            take_mirror(request.project, incoming)
        make_private(incoming)


async def patch(request: protocol.Patch) -> protocol.Patched:
    """Make a few changes in what lies where the tree is being sent."""
    rules.check_room(known_lease(request.run_id), request.epoch)
    try:
        await asyncio.to_thread(apply_changes, incoming_path(request.run_id) / "tree", request.packed)
    except SnapshotError:
        # Not what it was said to be: rsync looks at everything, and puts it right.
        return protocol.Patched(done=False)
    return protocol.Patched(done=True)


async def verify_parcel(request: protocol.Verify) -> protocol.Compared:
    """Recompute what arrived and compare it with the manifests."""
    incoming = incoming_path(request.run_id)
    manifest, differences = await asyncio.to_thread(_compare, request.run_id, request.parcel_digest)
    if not differences:
        write_model(incoming / "checked.json", _Checked(epoch=request.epoch, parcel_digest=request.parcel_digest))
        state_holding(incoming, Holding(digest=manifest.digest))
    return protocol.Compared(differences=differences, digest=manifest.digest)


def _compare(run_id: str, expected: str) -> tuple[Manifest, tuple[str, ...]]:
    incoming = incoming_path(run_id)
    if parcel_digest(incoming / "parcel") != expected:
        return Manifest(entries=()), ("the session's own files arrived otherwise than they were sent",)
    manifest = parcel_manifest(incoming / "parcel")
    in_tree = tuple(f"{d.path}: {d.what}" for d in verify(incoming / "tree", manifest))
    return manifest, (*in_tree, *compare_beside(run_id, manifest))


async def accept(request: protocol.Accept) -> protocol.Verdict:
    """Hold the run, start it, and prove that its agent continues; else give it back at the next epoch."""
    # Asked before on a link that was lost, it may still be at work on that; this goes on from what comes of it.
    async with await_move(make_private(session_path(request.run_id)), _PROOF_SECONDS):
        return await _accept(request)


async def _accept(request: protocol.Accept) -> protocol.Verdict:
    lease = known_lease(request.run_id)
    if not rules.may_run(lease, request.epoch):
        rules.check_room(lease, request.epoch)
        await _take_in(request)
    else:
        # Whoever wrote it may have been killed before it was on disk for good.
        change_lease(request.run_id, lambda lease: rules.accept(lease, request.epoch))
    session = open_session(session_path(request.run_id))
    before = _count_before(session, request.epoch)
    if (proof := _find_proof(session, request.epoch, before)[0]) is not None:
        if not await is_alive(session):
            await start_run(session)
        return protocol.Verdict(proof=proof)
    # `castoff host check` tells where that cannot be had. Before the start: what it switches on counts for that too.
    await tend_hook(state_dir())
    try:
        if not await is_alive(session):
            await start_run(session)
        proof = await _prove(session, request.epoch)
    except (AgentError, RemoteError) as error:
        await end_run(session)
        if _find_proof(session, request.epoch, before)[0] is not None:
            # It has come up after all and may have worked: what it did is not given back. Asked again, it goes on.
            raise
        # Only now, with nothing running, may the other side have it back.
        drop_furnishing(session)
        released = change_lease(request.run_id, lambda lease: rules.refuse(lease, request.epoch))
        await tend_hook(state_dir())
        return protocol.Verdict(reason=str(error), way_out=error.way_out, released=released.epoch)
    start_mirror(session)
    return protocol.Verdict(proof=proof)


async def _take_in(request: protocol.Accept) -> None:
    """Put tree, HOME and session in their places; the lease, last, makes it ours."""
    incoming = incoming_path(request.run_id)
    checked = incoming / "checked.json"
    expected = _Checked(epoch=request.epoch, parcel_digest=request.parcel_digest)
    if not checked.exists() or read_model(checked, _Checked) != expected:
        raise RemoteError("What was sent has not been compared yet.", "Run the same command again.")
    path, parcel, tree = session_path(request.run_id), incoming / "parcel", tree_path(request.run_id)
    if (incoming / "tree").exists():
        if tree.exists():
            await asyncio.to_thread(remove_tree, tree)
        rename_durably(incoming / "tree", tree)
    await asyncio.to_thread(put_back, incoming / "aside", leftovers_path(request.run_id), tree)
    place_session(parcel, path)
    session = open_session(path)
    if request.agent:
        session = change_agent(session, request.agent)
    profile = load_profile(session.info.agent)
    _furnish_home(session, profile, parcel, request.sandbox)
    manifest = parcel_manifest(parcel)
    place = Place(
        host=request.host,
        origin=request.arrival.origin,
        sandbox=request.sandbox,
        tree=str(tree),
        tree_at=request.tree_at if maps_paths(request.sandbox) else str(tree),
        home=str(home_path(request.run_id)),
        home_at=request.home_at if maps_paths(request.sandbox) else str(home_path(request.run_id)),
        beside=await asyncio.to_thread(place_beside, request.run_id, manifest),
    )
    write_place(path, place)
    keep_furnishing(session, request.furnishing)
    write_manifest(path / "manifest.json", manifest)
    check, _ = await asyncio.gather(check_arrival(request, place), record_run_base(session, place, manifest))
    write_model(arrival_path(session, request.epoch), request.arrival.model_copy(update={"check": check}))
    change_lease(request.run_id, lambda lease: rules.accept(lease, request.epoch))
    await asyncio.to_thread(remove_tree, incoming)


def _furnish_home(session: SessionDir, profile: Profile, parcel: Path, level: Level) -> None:
    """Give the run its own HOME: the agent's session files as sent, its settings from this host's own user."""
    home = make_private(home_path(session.id))
    place_carried(parcel, home)
    sid = fold(session).agent_session_id
    if sid:
        came, there = (session_files(profile, root, sid, session.id) for root in (parcel / "home", home))
        place_home(parcel, home, (*came, *needed_files(profile, parcel / "home")), there)
    for pattern in profile.config_files:
        for source in Path.home().glob(pattern):
            # The user's own may be a link into a collection of settings.
            mode = stat.S_IMODE(source.stat().st_mode)
            copy_record(source.resolve(), home / source.relative_to(Path.home()), mode)
    if level == "full":
        lead_to_gate(profile, Path.home(), home)


async def _prove(session: SessionDir, epoch: int) -> protocol.Proof:
    """Wait until the journal shows that the agent took the session up; raises `AgentError` if it does not."""
    deadline = asyncio.get_running_loop().time() + _PROOF_SECONDS
    before = _count_before(session, epoch)
    while asyncio.get_running_loop().time() < deadline:
        proof, failure = _find_proof(session, epoch, before)
        if proof is not None:
            return proof
        if failure:
            raise AgentError(failure)
        if not await is_alive(session):
            raise AgentError(f"The runner ended on the host: {await last_words(session)}.")
        await asyncio.sleep(0.05)
    raise AgentError(f"The agent did not continue within {_PROOF_SECONDS:.0f} seconds.")


def _count_before(session: SessionDir, epoch: int) -> int:
    """How many events came with the session."""
    return sum(1 for event in read_events(session.journal) if event.epoch < epoch)


def _find_proof(session: SessionDir, epoch: int, before: int) -> tuple[protocol.Proof | None, str]:
    """The proof, or why there is none, among the events after the ``before`` ones that came."""
    failure = ""
    for event in read_events(session.journal, before):
        if event.epoch != epoch:
            continue
        if isinstance(event, AgentStarted):
            proof = protocol.Proof(
                agent=event.agent,
                agent_session_id=event.agent_session_id,
                resumed=event.resumed,
                lossy=event.lossy,
                epoch=epoch,
                head_seq=event.seq,
                history=read_head(session.journal, before),
                no_start="" if read_start(session) else read_why(session),
            )
            return proof, ""
        if isinstance(event, PhaseChanged) and event.phase in ("failed", "paused"):
            failure = event.detail or "The agent failed."
    return None, failure


async def withdraw(request: protocol.Withdraw) -> protocol.Standing:
    """Never accept the offer at this epoch, unless it was accepted already; says who holds the run now."""
    lease = change_lease(request.run_id, lambda lease: rules.withdraw(lease, request.epoch))
    session = get_session(state_dir(), request.run_id)
    if session is not None and lease.state != "held":
        # A stay of long ago may not have heard yet that it is over.
        await end_run(session)
        if lease.state != "offered":
            drop_furnishing(session)
    return protocol.Standing(lease=lease)
