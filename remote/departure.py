"""The parts of a handoff on this side: what is looked at, drained, captured, sent, and put back."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from agent.arrival import Arrival
from agent.durable import write_model
from agent.errors import CommandRefused
from agent.lease import firm_lease, read_lease
from agent.profiles import load_profile
from agent.protocol import offered_epoch
from agent.sessions import SessionDir
from remote.beside import Parts, send_beside
from remote.config import Host
from remote.errors import RemoteError
from remote.host_client import HostClient
from remote.host_protocol import (
    Accept,
    Compared,
    Prepare,
    Proof,
    Room,
    Standing,
    Verdict,
    Verify,
    Withdraw,
)
from remote.local import open_local, quiet
from remote.parcel import fold, pack_parcel
from remote.preflight import Preflight
from remote.progress import Stopwatch, meanwhile
from remote.receipt import Receipt, Sent, keep_sent, read_sent
from remote.rsync import Transfer, send, sending_ahead
from remote.sending import Outgoing, send_tree
from remote.start import keep_start
from remote.steps import Away, Preflighted, Sending
from remote.terms import Decision, Terms
from snapshot.capture import capture
from snapshot.digest import DigestCache
from snapshot.errors import TreeChanged
from snapshot.left import keep_left
from snapshot.manifest import Manifest, write_manifest

_SENDS = 2
"""Tree and parcel."""
_CAPTURE_TRIES = 3
_PROVE_SECONDS = 200.0
_VERIFY_SECONDS = 600.0


class Departure:
    """One handoff from this side. The order of the calls is `remote.handoff.hand_off`'s."""

    def __init__(self, session: SessionDir, host: Host, terms: Terms) -> None:
        self.session = session
        self.host = host
        self.terms = terms
        self.watch = Stopwatch()
        self.client: HostClient | None = None
        self.decision: Decision | None = None
        self.epoch = 0
        self._tree = Path(session.info.project)
        self._preflight = Preflight(session, host, terms)
        self._manifest = Manifest(entries=())
        self._parcel_digest = ""
        self._wire = 0
        self._drained = False
        self._quiet = contextlib.AsyncExitStack()
        """Holds the runner's lock from the drain on: nobody may start an agent while the session is between sides."""
        self._ahead = contextlib.AsyncExitStack()
        """Programs that wait on the host to be sent to."""
        self._room: Room | None = None

    def decide(self, decision: Decision | None) -> None:
        """What the user said to the step just shown."""
        self.decision = decision

    @property
    def _host(self) -> HostClient:
        assert self.client is not None, "the host is connected first"
        return self.client

    @property
    def _overlay(self) -> Path:
        """What of the tree travels with other bytes than it has here (`snapshot.overlay`)."""
        return self.session.move(self.epoch) / "overlay"

    @property
    def _companions_overlay(self) -> Path:
        """The same of the directories that travel beside the tree, by their keys."""
        return self.session.move(self.epoch) / "companions"

    async def look(self) -> Preflighted:
        """Everything that can be known before anything changes."""
        self.epoch = read_lease(self.session).epoch + 1
        self.watch.lap("connect")
        seen = await self._preflight.look(self._host)
        self.watch.lap("preflight")
        return seen

    async def drain(self) -> None:
        """Stop the agent at a safe boundary; the local runner ends. Meanwhile the host makes ready for what comes."""
        self._drained = True
        async with meanwhile(self._make_ready()):
            await self._quiet.enter_async_context(quiet(self.session, self.terms.drain_seconds))
        self.watch.lap("drain")

    async def _make_ready(self) -> None:
        await self._ahead.enter_async_context(sending_ahead(self._host.connection, _SENDS))
        self._room = await self._make_room()

    async def _make_room(self) -> Room:
        request = Prepare(run_id=self.session.id, epoch=self.epoch, project=self.session.info.project)
        return await self._host.ask(request, Room)

    async def capture(self) -> Manifest:
        """The tree's manifest and the parcel; tried again a few times while an editor saves."""
        cache = DigestCache(self.session.path / "digests.json")
        for attempt in range(_CAPTURE_TRIES):
            try:
                self._manifest = await asyncio.to_thread(
                    capture,
                    self._tree,
                    self._preflight.selection,
                    cache=cache,
                    overlay=self._overlay,
                    changes=self._preflight.secrets.changes(),
                    companions_overlay=self._companions_overlay,
                )
                break
            except TreeChanged:
                if attempt == _CAPTURE_TRIES - 1:
                    raise
        move = self.session.move(self.epoch)
        write_manifest(move / "manifest.json", self._manifest)
        masked = self._preflight.secrets.changes().keys()
        held = self._room.start if self._room is not None else ""
        await asyncio.to_thread(keep_start, self.session, self._preflight.selection, masked, held)
        self._parcel_digest = await asyncio.to_thread(
            pack_parcel,
            self.session,
            load_profile(self.session.info.agent),
            Path(self.session.info.home),
            self._manifest,
            move / "parcel",
            carried=self._preflight.losses.carried,
        )
        await asyncio.to_thread(self._preflight.secrets.confirm, self._manifest, move / "parcel", self._overlay)
        self.watch.lap("capture")
        return self._manifest

    async def send(self, report: Callable[[Sending], None]) -> None:
        """Send tree and parcel to where the host gathers them; meanwhile what leaves is kept here, for a merge."""
        async with meanwhile(asyncio.to_thread(self._keep_left)):
            await self._send(report)
        await self._ahead.aclose()
        self.watch.lap("send")

    def _keep_left(self) -> None:
        overlay = self._overlay if self._overlay.exists() else None
        left = keep_left(self._tree, self.session.path / "left", self._manifest, overlay)
        write_model(self.session.move(self.epoch) / "left.json", left)

    async def _send(self, report: Callable[[Sending], None], *, thorough: bool = False) -> None:
        room = await self._make_room() if self._room is None else self._room
        # What it said of itself is true once.
        self._room = None
        move = self.session.move(self.epoch)
        outgoing = Outgoing(
            run_id=self.session.id,
            epoch=self.epoch,
            tree=self._tree,
            manifest=self._manifest,
            overlay=self._overlay if self._overlay.exists() else None,
        )
        parts = Parts(self._manifest, report)
        parcel = send(self._host.connection, move / "parcel", room.parcel, delete=True, thorough=thorough)
        beside = self._send_beside(parts, thorough=thorough)
        async with meanwhile(self._add(parcel)), meanwhile(beside):
            # Not `+=`, which would read the sum before it waits, and several transfers run at once.
            wire = await send_tree(self._host, outgoing, room, parts.part("tree"), thorough=thorough)
            self._wire += wire

    async def _send_beside(self, parts: Parts, *, thorough: bool) -> None:
        overlays = self._companions_overlay
        wire = await send_beside(
            self._host, self.session.id, self.epoch, self._manifest, overlays, parts, thorough=thorough
        )
        self._wire += wire

    async def _add(self, transfer: Coroutine[Any, Any, Transfer]) -> None:
        done = await transfer
        self._wire += done.wire

    async def verify(self) -> str:
        """The digest that the host computed; raises `RemoteError` naming what differs.

        What the host kept of earlier moves may have been damaged there without a trace in size and time. So when
        something differs, everything is compared by content once, and looked at again.
        """
        compared = await self._compare()
        if _is_wrong(compared, self._manifest):
            await self._send(lambda _: None, thorough=True)
            compared = await self._compare()
        if _is_wrong(compared, self._manifest):
            shown = "; ".join(compared.differences[:3]) or "the manifests differ"
            more = f" and {len(compared.differences) - 3} more" if len(compared.differences) > 3 else ""
            raise RemoteError(
                f"What arrived on {self.host.name} is not what was sent: {shown}{more}.",
                "Nothing was moved; hand it off again when nothing changes the tree.",
                code="verify",
            )
        self.watch.lap("verify")
        self._keep_sent()
        return compared.digest

    def _keep_sent(self) -> None:
        """Write down what was sent: should the answer to the offer be lost, another command makes the receipt."""
        seen = self._preflight.seen
        sent = Sent(
            files=self._manifest.all_files,
            size=self._manifest.all_size,
            wire=self._wire,
            tree_digest=self._manifest.digest,
            parcel_digest=self._parcel_digest,
            stays=seen.stays if seen is not None else (),
            timings=self.watch.timings,
        )
        keep_sent(self.session, self.epoch, sent)

    async def _compare(self) -> Compared:
        request = Verify(run_id=self.session.id, epoch=self.epoch, parcel_digest=self._parcel_digest)
        return await self._host.ask(request, Compared, timeout=_VERIFY_SECONDS)

    async def accept(self) -> Verdict:
        """Offer the session to the host, which takes it and proves it, or gives it back; may be asked again."""
        epoch = offered_epoch(firm_lease(self.session))
        arrival = Arrival(
            origin="here",
            to=self.host.name,
            files=self._manifest.all_files,
            size=self._manifest.all_size,
            seconds=self.watch.seconds,
            sandbox=self._sandbox,
            same_path=self._sandbox == "open",
            say=self.terms.say,
            proceed=True,
            budget=self.terms.budget,
            policy=self.terms.policy,
        )
        request = Accept(
            run_id=self.session.id,
            epoch=epoch,
            parcel_digest=self._parcel_digest,
            host=self.host.name,
            sandbox=self._sandbox,
            tree_at=self.session.info.project,
            home_at=self.session.info.home,
            arrival=arrival,
            furnishing=self._preflight.project.furnishing,
            programs=self._preflight.losses.used_programs,
            outside=self._preflight.losses.left_outside,
        )
        return await self._host.ask(request, Verdict, timeout=_PROVE_SECONDS)

    @property
    def _sandbox(self):
        return self._preflight.seen.facts.sandbox if self._preflight.seen is not None else "open"

    async def withdraw(self) -> Standing:
        """Take an unanswered offer back, unless the host has taken it."""
        epoch = offered_epoch(firm_lease(self.session))
        return await self._host.ask(Withdraw(run_id=self.session.id, epoch=epoch), Standing)

    async def let_go(self) -> None:
        """The lease says again who may run the session."""
        try:
            await self._ahead.aclose()
        finally:
            await self._quiet.aclose()

    async def restore(self) -> None:
        """Start the agent again where it was drained, if the session is held here; it takes up its turn.

        Raises `agent.errors.AgentError` when it does not start.
        """
        await self.let_go()
        if not self._drained or read_lease(self.session).state != "held":
            return
        viewer = await open_local(self.session)
        try:
            if fold(self.session).interrupted_turn is not None:
                await viewer.resume()
        except CommandRefused:
            # It has gone on by itself: nothing is left to resume.
            pass
        finally:
            await viewer.close()

    def leave_receipt(self, proof: Proof) -> Away:
        """Keep the receipt, drop the parcel, and return the last step."""
        sent, move = read_sent(self.session, proof.epoch), self.session.move(proof.epoch)
        for name in ("parcel", "overlay", "companions"):
            shutil.rmtree(move / name, ignore_errors=True)
        timings = self.watch.timings
        if self.epoch != proof.epoch:
            # Another command sent it; this one has only found out what became of it.
            timings = (*sent.timings, *timings)
        told = {"host": self.host.name, "epoch": proof.epoch, "proof": proof, "timings": timings}
        receipt = Receipt.model_validate(sent.model_dump() | told)
        write_model(move / "receipt.json", receipt)
        return Away(
            run_id=self.session.id,
            host=self.host.name,
            epoch=proof.epoch,
            files=receipt.files,
            size=receipt.size,
            seconds=receipt.seconds,
            notes=receipt.notes,
            timings=receipt.timings,
        )


def _is_wrong(compared: Compared, manifest: Manifest) -> bool:
    return bool(compared.differences) or compared.digest != manifest.digest
