"""The parts of a pull-back on this side: what is reviewed, fetched into quarantine, checked, placed and settled."""

import asyncio
import contextlib
import filecmp
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from agent import protocol as rules
from agent.arrival import Arrival, arrival_path
from agent.durable import make_private, write_model
from agent.errors import NotOwner
from agent.lease import read_lease, update_lease
from agent.profiles import load_profile
from agent.protocol import Lease
from agent.session_files import session_files
from agent.sessions import SessionDir, new_id
from remote import steps
from remote.errors import LocalFull, RemoteError
from remote.history import History, check_history
from remote.home_note import describe_return
from remote.host_client import HostClient
from remote.host_protocol import Confirm, Give, Pack, Packed, Regain, Standing
from remote.landing import Landing
from remote.parcel import fold, parcel_digest, parcel_manifest, place_history, place_home
from remote.place import read_place
from remote.progress import Stopwatch
from remote.rsync import Progress, fetch
from remote.runs import read_diff
from remote.steps import Change, Home, Planned, Receiving, Reviewed
from remote.terms import Agreed, Decision, Wish
from remote.waste_here import prune_moves
from snapshot.home import Applied
from snapshot.manifest import Manifest, read_manifest

_PACK_SECONDS = 600.0
_RESERVE = 64 << 20
"""Bytes that stay free here, whatever a host sends."""
_SLACK = 1 << 20
"""Bytes by which rsync may count otherwise than a manifest."""
_EPOCHS = 10_000
"""How far a host may have come by itself: it takes two at each pull that was given up."""


class Homecoming:
    """One pull-back from this side. The order of the calls is `remote.pull.pull_back`'s."""

    def __init__(self, session: SessionDir, drain_seconds: float, wish: Wish) -> None:
        self.session = session
        self.watch = Stopwatch()
        self.client: HostClient | None = None
        self.decision: Decision | None = None
        self.drain_seconds = drain_seconds
        self._lease = read_lease(session)
        self._packed: Packed | None = None
        self._theirs = Manifest(entries=())
        self._history: History | None = None
        self._drained = False
        self._agent_files: tuple[Path, ...] = ()
        self._agent_files_here: tuple[Path, ...] = ()
        # One directory a stay on the host, whatever epoch the host has come to: a second try finds it again.
        self._move = session.move(self._lease.epoch + 1)
        self._landing = Landing(session, self._lease.epoch, self._lease.to, self._move, wish)

    @property
    def host(self) -> str:
        """The host that the run is on."""
        return self._lease.to

    @property
    def keep(self) -> Path:
        """Where everything that is replaced is kept."""
        return self._landing.folders.keep

    @property
    def _host(self) -> HostClient:
        assert self.client is not None, "the host is connected first"
        return self.client

    @property
    def _epoch(self) -> int:
        """The epoch at which the session will be held here."""
        assert self._packed is not None, "the run is packed first"
        return rules.epoch_to_give(self._lease, self._packed.epoch) + 1

    def decide(self, decision: Decision | None) -> None:
        """What the user said to the step just shown."""
        self.decision = decision

    def check_away(self, host: str) -> None:
        """The session must be on ``host``, as far as is known here; raises `NotOwner`."""
        if read_place(self.session) is not None or self._lease.state == "held":
            raise NotOwner(f"The session {self.session.id} is here already.", "castoff opens it.")
        if self._lease.to != host:
            raise NotOwner(f"The session is on {self._lease.to}, not on {host}.", "castoff runs shows where it is.")
        if self._lease.state == "offered":
            raise NotOwner(
                f"The handoff to {self._lease.to} is not settled.", "Run castoff handoff again to settle it first."
            )

    async def review(self) -> Reviewed:
        """What the run changed, and what is to be known of the tree here."""
        self.watch.lap("connect")
        diff = await read_diff(self._host, self.session.id)
        problems = await asyncio.to_thread(self._landing.look, [file.path for file in diff.files], self._base())
        self.watch.lap("review")
        changes = [Change(path=f.path, change=f.change, added=f.added, removed=f.removed) for f in diff.files]
        return Reviewed(run_id=self.session.id, host=self.host, changes=tuple(changes), problems=tuple(problems))

    def _base(self) -> Manifest:
        return read_manifest(self.session.move(self._lease.epoch) / "manifest.json")

    async def pack(self) -> None:
        """The run stops at a safe boundary, and the host makes it ready."""
        self._drained = True
        packed = await self._ask_pack()
        if not self._lease.epoch <= packed.epoch < self._lease.epoch + _EPOCHS:
            raise RemoteError(
                f"{self.host} says that it holds the run at epoch {packed.epoch}, but was given {self._lease.epoch}.",
                "Look at the host.",
                code="epoch",
            )
        self._packed = packed
        self.watch.lap("drain and pack")

    async def _ask_pack(self) -> Packed:
        request = Pack(run_id=self.session.id, drain_seconds=self.drain_seconds)
        return await self._host.ask(request, Packed, timeout=_PACK_SECONDS)

    async def fetch(self, report: Callable[[Receiving], None]) -> None:
        """Bring parcel and changed files into quarantine."""
        assert self._packed is not None
        connection, parcel = self._host.connection, self._move / "parcel"
        shutil.rmtree(parcel, ignore_errors=True)
        room = self._find_room()
        await fetch(connection, self._packed.parcel, make_private(parcel), limit=room)
        if await asyncio.to_thread(parcel_digest, parcel) != self._packed.parcel_digest:
            raise RemoteError("The session's files came otherwise than the host packed them.", "Pull again.")
        self._theirs = parcel_manifest(parcel)
        names = await asyncio.to_thread(self._landing.expect, self._base(), self._theirs)
        total = sum(self._theirs.by_path[name].size for name in names)
        if total > room:
            raise LocalFull(f"The run's files need {total} bytes, and {room} are free here.", "Free some space.")

        def tell(progress: Progress) -> None:
            left = progress.files_left if progress.files_left is not None else len(names)
            report(
                Receiving(
                    files_done=max(0, len(names) - left),
                    files=len(names),
                    bytes_done=min(progress.bytes_done, total),
                    total=total,
                    rate=progress.rate,
                )
            )

        if names:
            listed = b"".join(os.fsencode(name) + b"\0" for name in names)
            incoming = make_private(self._landing.folders.run)
            try:
                await fetch(connection, self._packed.tree, incoming, listed, tell, limit=total + _SLACK)
            except RemoteError as error:
                if error.code == "too-much":
                    shutil.rmtree(incoming)
                raise
        self.watch.lap("fetch")

    def _find_room(self) -> int:
        """How many bytes may come; raises `LocalFull`."""
        room = shutil.disk_usage(self._move).free - _RESERVE
        if room < 0:
            raise LocalFull("Hardly any space is left on this machine.", "Free some space and try again.")
        return room

    async def check(self) -> Manifest:
        """Check what came against what the host promised, and the history against ours; raises before any change."""
        assert self._packed is not None
        if self._theirs.digest != self._packed.tree_digest:
            raise RemoteError("The tree's manifest is not the one that the host promised.", "Pull again.")
        self._agent_files = await asyncio.to_thread(self._check_session)
        self.watch.lap("check")
        return self._theirs

    def _check_session(self) -> tuple[Path, ...]:
        """Check the history that came; returns the agent's session files that belong to it, relative to HOME."""
        parcel, here = self._move / "parcel", Path(self.session.info.home)
        assert self._packed is not None
        self._history = check_history(self.session, parcel, self._lease.epoch, self._packed.epoch)
        sid = self._history.state.agent_session_id
        if not sid:
            return ()
        profile = load_profile(self.session.info.agent)
        files = session_files(profile, parcel / "home", sid, self.session.id)
        if sid == fold(self.session).agent_session_id:
            self._agent_files_here = session_files(profile, here, sid, self.session.id)
        else:
            # Before its first turn an agent begins anew wherever it starts. But another conversation of the user's
            # must not be replaced by what an untrusted host calls by its name.
            for name in files:
                if (here / name).exists() and not filecmp.cmp(here / name, parcel / "home" / name, shallow=False):
                    sentence = f"The run's agent took the name of another conversation that is here: {name}."
                    raise RemoteError(sentence, "Look at the run on the host.", code="agent-session-id")
        return files

    async def plan(self) -> Planned:
        """What will happen here, made of what was received and verified; nothing has changed yet."""
        planned = await asyncio.to_thread(self._landing.plan)
        self.watch.lap("plan")
        return planned

    async def prepare(self) -> None:
        """Get everything ready that may still fail, as far as the user ``decision`` goes."""
        agreed = self.decision if isinstance(self.decision, Agreed) else Agreed()
        bundle = self._move / "parcel" / "commits.bundle"
        ref = f"refs/castoff/{self.session.id}/{self._epoch}"
        await asyncio.to_thread(self._landing.prepare, agreed, bundle, ref)
        self.watch.lap("prepare")

    async def take_over(self) -> int:
        """The host gives the run up; from here on this side finishes."""
        # The name is on disk before it leaves: a copy of this session elsewhere gets another one.
        self._lease = update_lease(self.session, lambda lease: rules.claim(lease, f"home ({new_id()})"))
        give = Give(run_id=self.session.id, epoch=self._epoch - 1, to=self._lease.claim)
        standing = await self._give(give)
        if standing.lease != Lease(epoch=give.epoch, state="offered", to=give.to):
            raise RemoteError(f"{self.host} did not give the run up.", "castoff runs shows where it is.")
        self.watch.lap("give up")
        return self._epoch

    async def _give(self, give: Give) -> Standing:
        try:
            return await self._host.ask(give, Standing)
        except RemoteError as error:
            # The link was lost since it was packed, and with it what kept the run still. If nothing of it has changed,
            # what came here is what it is.
            if error.code != "went-on" or await self._ask_pack() != self._packed:
                raise
            return await self._host.ask(give, Standing)

    async def apply(self) -> Applied:
        """Make the tree here what the plan says.

        Carried through once it has begun, whoever is cancelled meanwhile: nobody else may touch the tree before.
        """
        work = asyncio.create_task(asyncio.to_thread(self._landing.apply))
        try:
            applied = await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.gather(work, return_exceptions=True)
            raise
        self.watch.lap("apply")
        return applied

    def applied(self, applied: Applied) -> steps.Applied:
        """What was done to the tree, as a step."""
        return steps.Applied(
            changed=applied.changed, deleted=applied.deleted, undo=str(self.keep), bundle=self._landing.bundle
        )

    async def settle(self, applied: Applied) -> Home:
        """Hold the session here, and let the host file its copy away."""
        assert self._history is not None, "the history is checked first"
        parcel = self._move / "parcel"
        place_history(parcel, self.session.path)
        home, before = Path(self.session.info.home), self._move / "home-before"
        place_home(parcel, home, self._agent_files, self._agent_files_here, before)
        told = self._landing.told()
        arrival = Arrival(
            origin=self.host,
            to="here",
            files=applied.changed + applied.deleted,
            size=sum(entry.size for entry in self._theirs.tree_entries()),
            seconds=self.watch.seconds,
            note=await asyncio.to_thread(self._landing.write_open),
            tell=describe_return(self.host, told["clashes"], told["held"], branch=told["branch"], patch=told["patch"]),
            policy=self._history.policy_at_home,
            rules=self._history.rules_at_home,
        )
        write_model(arrival_path(self.session, self._epoch), arrival)
        update_lease(self.session, lambda lease: rules.take_home(lease, self._epoch))
        # The session is home. A host that cannot be told now is told when its runs are next listed.
        with contextlib.suppress(RemoteError):
            await self._host.ask(Confirm(run_id=self.session.id, epoch=self._epoch), Standing)
        await asyncio.to_thread(self._landing.tidy)
        await asyncio.to_thread(prune_moves, self.session)
        shutil.rmtree(parcel)
        self.watch.lap("settle")
        return Home(
            run_id=self.session.id,
            epoch=self._epoch,
            changed=applied.changed,
            deleted=applied.deleted,
            **told,
            seconds=self.watch.seconds,
            timings=self.watch.timings,
        )

    async def give_back(self) -> None:
        """The run goes on at the host, unless it is coming home already or the host cannot be asked now.

        Once the tree here has begun to change, the run waits for the same command, which finishes.
        """
        if not self._drained or self.client is None or self._landing.has_begun:
            return
        if read_lease(self.session).state == "held":
            return
        there = self._packed.epoch if self._packed else 0
        # On disk before it leaves: were the answer lost, the host may hold the run from then on.
        self._lease = update_lease(self.session, lambda lease: rules.leave_there(lease, there))
        regain = Regain(run_id=self.session.id, epoch=self._lease.given, to=self._lease.claim)
        # The pull's own error says what happened; a run that cannot be told waits, drained, for the next command.
        with contextlib.suppress(RemoteError):
            await self.client.ask(regain, Standing)
