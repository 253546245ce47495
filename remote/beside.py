"""Sends what travels beside a tree (`snapshot.manifest.Companion`), each directory by a transfer of its own."""

import asyncio
from pathlib import Path

from remote.host_client import HostClient
from remote.host_protocol import PrepareBeside, RoomBeside, WantedRoom
from remote.rsync import send
from remote.sending import Report, told_of
from remote.steps import Sending
from remote.tally import Tally
from snapshot.filters import companion_filters
from snapshot.manifest import Companion, Manifest


class Parts:
    """Adds up what transfers at the same time report; the whole is told as one, of ``files`` and ``size`` in bytes."""

    def __init__(self, files: int, size: int, report: Report) -> None:
        self._files, self._size = files, size
        self._report = report
        self._latest: dict[str, Sending] = {}

    def expect(self, files: int, size: int) -> None:
        """From now on the whole is known to be this."""
        self._files, self._size = files, size

    def part(self, name: str) -> Report:
        """What the transfer ``name`` reports to."""

        def take(step: Sending) -> None:
            self._latest[name] = step
            parts = self._latest.values()
            whole = Sending(
                files_done=sum(part.files_done for part in parts),
                files=self._files,
                bytes_done=sum(part.bytes_done for part in parts),
                total=self._size,
                rate=sum(part.rate for part in parts),
                sent=sum(part.sent for part in parts),
            )
            self._report(whole)

        return take


async def send_beside(
    client: HostClient,
    run_id: str,
    epoch: int,
    manifest: Manifest,
    overlays: Path,
    parts: Parts,
    *,
    thorough: bool = False,
) -> int:
    """Make what the host has of the companions equal to the manifest; the bytes that went over the network.

    ``overlays`` is where `snapshot.capture.capture` was told to put files that travel with other bytes. Raises
    `RemoteError`.
    """
    if not manifest.companions:
        return 0
    wanted = tuple(WantedRoom(key=each.key, inside=each.inside) for each in manifest.companions)
    room = await client.ask(PrepareBeside(run_id=run_id, epoch=epoch, wanted=wanted), RoomBeside)
    wire = 0
    for companion in manifest.companions:
        overlay, target = overlays / companion.key, room.folders[companion.key]
        wire += await _send_one(client, companion, target, overlay, parts.part(companion.key), thorough=thorough)
    return wire


async def _send_one(
    client: HostClient, companion: Companion, target: str, overlay: Path, report: Report, *, thorough: bool
) -> int:
    patterns = await asyncio.to_thread(companion_filters, companion)
    whole = companion.manifest
    # The directory itself is the first in rsync's list, and no entry for `Tally`.
    tally = Tally(entry for entry in companion.entries if entry.path.startswith(f"{companion.inside}/"))

    done = await send(
        client.connection,
        Path(companion.at),
        target,
        filters=b"".join(b"- " + pattern + b"\0" for pattern in patterns.split(b"\0") if pattern),
        delete=True,
        overlay=overlay if overlay.exists() else None,
        thorough=thorough,
        progress=told_of(whole.files, whole.size, tally, report),
    )
    return done.wire
