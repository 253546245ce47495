"""Sends a tree by the least that will do: nothing, one request with what changed, or rsync."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.events import Frozen
from remote.connection import Connection
from remote.holding import Holding
from remote.host_client import HostClient
from remote.host_protocol import Patch, Patched, Room
from remote.patch import Changes, pack_changes
from remote.rsync import Progress, send
from remote.sent import find_sent
from remote.steps import Sending
from remote.tally import Tally
from snapshot.delta import find_steps
from snapshot.filters import rsync_filters
from snapshot.listed import Named, count
from snapshot.manifest import Manifest
from snapshot.transition import Step

Report = Callable[[Sending], None]


def told_of(files: int, size: int, tally: Tally, report: Report) -> Callable[[Progress], None]:
    """What takes rsync's progress with ``files`` of ``size`` bytes and reports it, as far as ``tally`` has come."""

    def tell(progress: Progress) -> None:
        settled = tally.advance(progress)
        report(
            Sending(
                files_done=settled.files,
                files=files,
                bytes_done=settled.bytes,
                total=size,
                rate=progress.rate,
                sent=progress.bytes_done,
            )
        )

    return tell


class Outgoing(Frozen):
    """A tree that leaves: its manifest, and where files lie that travel with other bytes than they have in it."""

    run_id: str
    epoch: int
    tree: Path
    manifest: Manifest
    overlay: Path | None = None


async def send_tree(
    client: HostClient, outgoing: Outgoing, room: Room, report: Report, *, thorough: bool = False
) -> int:
    """Make ``room.tree`` on the host equal to the manifest; the bytes that went over the network.

    What the room is said to hold is believed: who compares afterwards what arrived, and finds it wrong, sends again,
    ``thorough``. Raises `RemoteError`, `SnapshotError`.
    """
    if room.holding is not None and not thorough:
        steps = await asyncio.to_thread(_find_steps, room.holding, outgoing.manifest)
        packed = await asyncio.to_thread(_pack, outgoing, steps) if steps is not None else None
        if packed is not None and (wire := await _send_changes(client, outgoing, packed)) is not None:
            report(_all_settled(outgoing.manifest, packed.carried))
            return wire
    manifest, overlay = outgoing.manifest, outgoing.overlay
    return await send_listed(
        client.connection, outgoing.tree, manifest.entries, room, report, overlay=overlay, thorough=thorough
    )


async def send_listed(
    connection: Connection,
    tree: Path,
    travels: Sequence[Named],
    room: Room,
    report: Report,
    *,
    overlay: Path | None = None,
    thorough: bool = False,
) -> int:
    """Make ``room.tree`` on the host equal to what ``travels`` of ``tree``, by rsync; the bytes that went over the
    network. Raises `RemoteError`, `OSError`."""
    patterns, tally = await asyncio.to_thread(lambda: (rsync_filters(tree, travels), Tally(travels)))
    files, size = count(travels)
    done = await send(
        connection,
        tree,
        room.tree,
        filters=b"".join(b"- " + pattern + b"\0" for pattern in patterns.split(b"\0") if pattern),
        delete=True,
        overlay=overlay,
        thorough=thorough,
        progress=told_of(files, size, tally, report),
    )
    return done.wire


def _find_steps(holding: Holding, manifest: Manifest) -> list[Step] | None:
    """What is to be changed there; ``None`` if it is not known here what that is."""
    if holding.digest == manifest.digest and not holding.without:
        return []
    earlier = find_sent(holding.digest)
    return find_steps(earlier, manifest, holding.without) if earlier is not None else None


def _pack(outgoing: Outgoing, steps: Sequence[Step]) -> Changes | None:
    return pack_changes(steps, outgoing.tree, outgoing.overlay)


async def _send_changes(client: HostClient, outgoing: Outgoing, packed: Changes) -> int | None:
    """The bytes of one request with all changes; ``None`` if the host's tree is not what it is said to be."""
    if not packed.changes:
        return 0
    request = Patch(run_id=outgoing.run_id, epoch=outgoing.epoch, packed=packed)
    done = (await client.ask(request, Patched)).done
    return len(packed.content) if done else None


def _all_settled(manifest: Manifest, sent: int) -> Sending:
    return Sending(
        files_done=manifest.files,
        files=manifest.files,
        bytes_done=manifest.size,
        total=manifest.size,
        rate=0.0,
        sent=sent,
    )
