"""The parts of a handoff on this side: what is looked at, drained, captured, sent, and put back."""

import contextlib
import shutil
from collections.abc import Callable

from agent.arrival import Arrival
from agent.durable import write_model
from agent.errors import CommandRefused
from agent.lease import firm_lease, read_lease
from agent.protocol import offered_epoch
from agent.sessions import SessionDir, change_agent
from remote.agent_setup import set_up_agent
from remote.cargo import TRANSFERS, Cargo
from remote.config import Host
from remote.errors import ConnectionLost, RemoteError
from remote.findings import is_loss
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
from remote.levels import maps_paths
from remote.local import open_local, quiet
from remote.parcel import fold
from remote.preflight import Preflight
from remote.progress import Stopwatch, meanwhile
from remote.receipt import Receipt, Sent, keep_sent, read_sent
from remote.rsync import sending_ahead
from remote.steps import Away, Captured, Preflighted, Sending, SettingUp
from remote.terms import Decision, Terms
from snapshot.manifest import Manifest

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
        self._preflight = Preflight(session, host, terms)
        self._cargo = Cargo(session, self._preflight)
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

    async def install(self, report: Callable[[SettingUp], None]) -> None:
        """Install the agent that is to go on there, if it is not there; raises `RemoteError`."""
        agent = self.terms.agent or self.session.info.agent
        await set_up_agent(self._host, agent, lambda line: report(SettingUp(detail=line)))

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
        try:
            await self._ahead.enter_async_context(sending_ahead(self._host.connection, TRANSFERS))
            self._room = await self._make_room()
        except ConnectionLost:
            # Nothing is lost by that but time: the send makes ready what it misses, on a link that is there.
            return

    async def _make_room(self) -> Room:
        request = Prepare(run_id=self.session.id, epoch=self.epoch, project=self.session.info.project)
        return await self._host.ask(request, Room)

    async def carry(self, report: Callable[[Captured | Sending], None]) -> Manifest:
        """Capture tree and parcel, and send them to where the host gathers them; may be done again on another link."""

        def captured(manifest: Manifest) -> None:
            self.watch.lap("capture")
            report(Captured(files=manifest.all_files, size=manifest.all_size))

        room = await self._make_room() if self._room is None else self._room
        # What it said of itself is true once.
        self._room = None
        await self._cargo.load(self._host, self.epoch, room, captured, report)
        await self._ahead.aclose()
        self.watch.lap("send")
        return self._cargo.manifest

    async def verify(self) -> str:
        """The digest that the host computed; raises `RemoteError` naming what differs.

        What the host kept of earlier moves may have been damaged there without a trace in size and time. So when
        something differs, everything is compared by content once, and looked at again.
        """
        manifest = self._cargo.manifest
        compared = await self._compare()
        if _is_wrong(compared, manifest):
            await self._cargo.send_again(self._host, await self._make_room())
            compared = await self._compare()
        if _is_wrong(compared, manifest):
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
        seen, cargo = self._preflight.seen, self._cargo
        sent = Sent(
            files=cargo.manifest.all_files,
            size=cargo.manifest.all_size,
            wire=cargo.wire,
            tree_digest=cargo.manifest.digest,
            parcel_digest=cargo.parcel_digest,
            stays=seen.stays if seen is not None else (),
            agent=self.terms.agent,
            timings=self.watch.timings,
        )
        keep_sent(self.session, self.epoch, sent)

    async def _compare(self) -> Compared:
        request = Verify(run_id=self.session.id, epoch=self.epoch, parcel_digest=self._cargo.parcel_digest)
        return await self._host.ask(request, Compared, timeout=_VERIFY_SECONDS)

    async def accept(self) -> Verdict:
        """Offer the session to the host, which takes it and proves it, or gives it back; may be asked again."""
        epoch = offered_epoch(firm_lease(self.session))
        arrival = Arrival(
            origin="here",
            to=self.host.name,
            files=self._cargo.manifest.all_files,
            size=self._cargo.manifest.all_size,
            seconds=self.watch.seconds,
            sandbox=self._sandbox,
            same_path=maps_paths(self._sandbox),
            say=self.terms.say,
            proceed=True,
            budget=self.terms.budget,
            policy=self.terms.policy,
            rules=self._preflight.project.rules,
            watch=self._preflight.project.watch,
            brief=self.terms.brief,
            stays=self._stays,
        )
        request = Accept(
            run_id=self.session.id,
            epoch=epoch,
            parcel_digest=self._cargo.parcel_digest,
            host=self.host.name,
            sandbox=self._sandbox,
            tree_at=self.session.info.project,
            home_at=self.session.info.home,
            arrival=arrival,
            agent=self.terms.agent,
            furnishing=self._preflight.project.furnishing,
            programs=self._preflight.losses.used_programs,
            outside=self._preflight.losses.left_outside,
        )
        return await self._host.ask(request, Verdict, timeout=_PROVE_SECONDS)

    @property
    def _stays(self) -> tuple[str, ...]:
        """What of the tree the agent may look for there in vain."""
        stays = self._preflight.seen.stays if self._preflight.seen is not None else ()
        return tuple(each.what for each in stays if is_loss(each) and each.kind in ("ignored", "unreadable"))

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
        if sent.agent:
            # Known here from before the offer: a host does not say which agent the session has at home.
            self.session = change_agent(self.session, sent.agent)
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
