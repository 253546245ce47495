"""What leaves with a session: its tree, its own files in a parcel, and what travels beside the tree.

Everything is captured, then sent. Where the host has nothing of the tree, sending it takes so much longer than
digesting it that both begin at once: after the search for secrets, and with nothing given up before all is compared.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from agent.durable import write_model
from agent.profiles import load_profile
from agent.sessions import SessionDir
from remote.beside import Parts, send_beside
from remote.host_client import HostClient
from remote.host_protocol import Room
from remote.parcel import pack_parcel, seal_parcel
from remote.preflight import Preflight
from remote.progress import meanwhile
from remote.rsync import Transfer, send
from remote.secret_check import Leaving
from remote.sending import Outgoing, Report, send_listed, send_tree
from remote.start import keep_start
from snapshot.capture import complete
from snapshot.digest import DigestCache
from snapshot.draft import Draft, make_draft
from snapshot.errors import TreeChanged
from snapshot.left import keep_left
from snapshot.listed import count
from snapshot.manifest import Manifest, write_manifest

TRANSFERS = 2
"""Tree and parcel."""
_CAPTURE_TRIES = 3


class Cargo:
    """The cargo of one handoff, under what its preflight found; empty until `load`."""

    def __init__(self, session: SessionDir, preflight: Preflight) -> None:
        self.manifest = Manifest(entries=())
        self.parcel_digest = ""
        self.wire = 0
        """Bytes that went over the network so far."""
        self._session = session
        self._epoch = 0
        self._captured = False
        self._keeping: asyncio.Task[None] | None = None
        self._preflight = preflight
        self._tree = Path(session.info.project)

    @property
    def _move(self) -> Path:
        return self._session.move(self._epoch)

    @property
    def _overlay(self) -> Path:
        """What of the tree travels with other bytes than it has here (`snapshot.overlay`)."""
        return self._move / "overlay"

    @property
    def _companions_overlay(self) -> Path:
        """The same of the directories that travel beside the tree, by their keys."""
        return self._move / "companions"

    async def load(
        self, client: HostClient, epoch: int, room: Room, captured: Callable[[Manifest], None], report: Report
    ) -> None:
        """Capture and send everything at ``epoch``; ``captured`` is called in between, and ``report`` may be before.

        Tried again a few times while an editor saves. Done again after its link was lost, it sends what was captured.
        Raises `RemoteError`, `SnapshotError`, `AgentError`, `OSError`.
        """
        self._epoch = epoch
        parts = Parts(self.manifest.all_files, self.manifest.all_size, report)
        async with AsyncExitStack() as under_way:
            early = False
            if not self._captured:
                early = await self._capture(client, room, parts, under_way)
                self._captured = True
                captured(self.manifest)
            async with meanwhile(self._keep()):
                await self._send(client, room, parts, with_tree=not early)

    async def send_again(self, client: HostClient, room: Room) -> None:
        """Send what was captured once more, everything compared by content. Raises what `load` does."""
        await self._send(client, room, Parts(0, 0, lambda _: None), with_tree=True, thorough=True)

    async def _capture(self, client: HostClient, room: Room, parts: Parts, under_way: AsyncExitStack) -> bool:
        """Whether the tree is already being sent, as part of ``under_way``."""
        for attempt in range(_CAPTURE_TRIES):
            try:
                async with AsyncExitStack() as begun:
                    draft = await self._draft(room)
                    # To who has something of it the difference is sent, for which the digests are needed.
                    if early := room.holding is None:
                        # No byte leaves before secrets were looked for in all that does.
                        await self._confirm(Leaving.of_draft(draft))
                        await begun.enter_async_context(meanwhile(self._send_early(client, room, draft, parts)))
                    await self._complete(draft)
                    parts.expect(self.manifest.all_files, self.manifest.all_size)
                    # Only now: on an error above the sending has ended with its block.
                    await under_way.enter_async_context(begun.pop_all())
                    return early
            except TreeChanged:
                if attempt == _CAPTURE_TRIES - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _draft(self, room: Room) -> Draft:
        """What leaves, by name, with the parcel packed."""
        changes = self._preflight.secrets.changes()
        draft = await asyncio.to_thread(
            make_draft,
            self._tree,
            self._preflight.selection,
            overlay=self._overlay,
            changes=changes,
            companions_overlay=self._companions_overlay,
        )
        await asyncio.to_thread(keep_start, self._session, self._preflight.selection, changes.keys(), room.start)
        await asyncio.to_thread(
            pack_parcel,
            self._session,
            load_profile(self._session.info.agent),
            Path(self._session.info.home),
            self._move / "parcel",
            carried=self._preflight.losses.carried,
        )
        return draft

    async def _complete(self, draft: Draft) -> None:
        cache = DigestCache(self._session.path / "digests.json")
        self.manifest = await asyncio.to_thread(complete, draft, cache=cache)
        write_manifest(self._move / "manifest.json", self.manifest)
        self.parcel_digest = await asyncio.to_thread(seal_parcel, self._move / "parcel", self.manifest)
        await self._confirm(Leaving.of_manifest(self.manifest))

    async def _confirm(self, leaving: Leaving) -> None:
        await asyncio.to_thread(self._preflight.secrets.confirm, leaving, self._move / "parcel", self._overlay)

    async def _send_early(self, client: HostClient, room: Room, draft: Draft, parts: Parts) -> None:
        travels = await asyncio.to_thread(draft.list_tree)
        (files, size), (more, besides) = count(travels), draft.count_besides()
        parts.expect(files + more, size + besides)
        overlay, report = self._overlay_made, parts.part("tree")
        wire = await send_listed(client.connection, self._tree, travels, room, report, overlay=overlay)
        # Not `+=`, which would read the sum before it waits, and several transfers run at once.
        self.wire += wire

    async def _send(
        self, client: HostClient, room: Room, parts: Parts, *, with_tree: bool, thorough: bool = False
    ) -> None:
        parcel = send(client.connection, self._move / "parcel", room.parcel, delete=True, thorough=thorough)
        beside = self._send_beside(client, parts, thorough=thorough)
        async with meanwhile(self._add(parcel)), meanwhile(beside):
            if with_tree:
                outgoing = Outgoing(
                    run_id=self._session.id,
                    epoch=self._epoch,
                    tree=self._tree,
                    manifest=self.manifest,
                    overlay=self._overlay_made,
                )
                wire = await send_tree(client, outgoing, room, parts.part("tree"), thorough=thorough)
                self.wire += wire

    async def _send_beside(self, client: HostClient, parts: Parts, *, thorough: bool) -> None:
        overlays = self._companions_overlay
        wire = await send_beside(
            client, self._session.id, self._epoch, self.manifest, overlays, parts, thorough=thorough
        )
        self.wire += wire

    async def _add(self, transfer: Coroutine[Any, Any, Transfer]) -> None:
        done = await transfer
        self.wire += done.wire

    async def _keep(self) -> None:
        """Keep what leaves, once: a thread goes on when the link is lost, and what is done again waits for it."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(asyncio.to_thread(self._keep_left), name="keeping what leaves")
        await asyncio.shield(self._keeping)

    def _keep_left(self) -> None:
        left = keep_left(self._tree, self._session.path / "left", self.manifest, self._overlay_made)
        write_model(self._move / "left.json", left)

    @property
    def _overlay_made(self) -> Path | None:
        return self._overlay if self._overlay.exists() else None
