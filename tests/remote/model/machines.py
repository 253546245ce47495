"""The two kinds of machines of the model: where a session begins, and the host of its run.

The rules are `agent.protocol`'s, the journal's lines and their reading `agent.journal`'s, the check of a history that
comes home `remote.history`'s. What is here is the order in which the product calls them: the record first, then what
follows from it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

from agent import protocol
from agent.events import Noted
from agent.journal import find_end, link, read_events
from agent.protocol import Lease
from remote.history import check_history
from tests.remote.model.disk import Disk, Shown

LEASE, JOURNAL, STAGED = "lease.json", "journal.jsonl", "staged"


class Message(NamedTuple):
    """What goes over the network: ``what`` names the method that hears it."""

    to: str
    what: str
    given: tuple[Any, ...] = ()
    sender: str = ""


@dataclass
class Faults:
    """Faults in the order of the product's steps; all of it off is the product as it is."""

    keeps_what_it_offers: bool = False
    offers_before_writing: bool = False
    releases_without_record: bool = False
    accepts_twice: bool = False
    appends_what_arrives: bool = False
    runner_never_looks: bool = False
    takes_back_after_a_timeout: bool = False
    gives_what_is_not_quiet: bool = False
    acts_before_sync: bool = False
    packs_what_is_not_synced: bool = False
    trusts_what_it_sees: bool = False
    reads_late_answers: bool = False


@dataclass
class Machine:
    """What both kinds have. ``runner`` is the epoch of the runner that lives here."""

    name: str
    disk: Disk
    send: Callable[[Message], None]
    acknowledge: Callable[[str, str, int], None]
    faults: Faults = field(default_factory=Faults)
    now: float = 1e9
    runner: int | None = None
    down: bool = False

    @property
    def lease(self) -> Lease | None:
        """The record on disk."""
        content = self.disk.seen.get(LEASE)
        return Lease.model_validate_json(content) if content is not None else None

    def firm(self) -> Lease | None:
        """`agent.lease.firm_lease`: the record, once a power cut cannot take it away any more."""
        if not self.faults.trusts_what_it_sees:
            self.disk.firm()
        return self.lease

    def write(self, lease: Lease) -> Lease:
        """As `agent.lease.change_lease` ends: the record is durable when this returns."""
        self.disk.write_record(LEASE, lease.model_dump_json().encode())
        return lease

    def events(self) -> list[Any]:
        """The journal, read and checked."""
        return list(read_events(Shown(self.disk.seen, JOURNAL)))  # pyright: ignore[reportArgumentType]  # it only opens

    def start_runner(self) -> None:
        """Start a runner if the record says so."""
        lease = self.firm()
        if lease is not None and self.runner is None and protocol.may_run(lease, lease.epoch):
            self.repair()
            self.runner = lease.epoch

    def repair(self) -> None:
        """Cut off a torn last line, and have the rest on disk, as opening and closing `agent.journal.Journal` does."""
        end = find_end(self.disk.seen[JOURNAL].splitlines(keepends=True))[1]
        self.disk.truncate(JOURNAL, end)
        self.disk.sync(JOURNAL)

    def pack(self) -> bytes:
        """The journal as it travels."""
        if not self.faults.packs_what_is_not_synced:
            self.repair()
        return self.disk.seen[JOURNAL]

    def look(self) -> bool:
        """The runner's heartbeat: whether it goes on."""
        if self.runner is None:
            return False
        if not self.faults.runner_never_looks and not protocol.may_run(self.lease, self.runner):
            self.runner = None
        return self.runner is not None

    def work(self, text: str) -> None:
        """The runner does something and says so once it is in the journal for good."""
        if not self.look():
            return
        epoch = self.runner
        assert epoch is not None
        lines, _, head = find_end(self.disk.seen[JOURNAL].splitlines(keepends=True))
        event = Noted(level="info", text=text).model_copy(update={"seq": lines + 1, "at": self.now, "epoch": epoch})
        self.disk.append(JOURNAL, link(event, head))
        if self.faults.acts_before_sync:
            self.acknowledge(self.name, text, epoch)
        self.disk.sync(JOURNAL)
        self.acknowledge(self.name, text, epoch)

    def place(self, journal: bytes) -> None:
        """Put a journal that arrived in place."""
        earlier = self.disk.seen.get(JOURNAL, b"") if self.faults.appends_what_arrives else b""
        self.disk.write_record(JOURNAL, earlier + journal)

    def die(self, *, power: bool, chance: int) -> None:
        """Be killed, or lose power as well."""
        self.down = True
        self.runner = None
        if power:
            self.disk.lose_power(chance)

    def hear(self, message: Message) -> None:
        """Do what a message says. One that a rule refuses is answered with an error, which nobody acts on."""
        getattr(self, f"on_{message.what}")(message.sender, *message.given)


def digest(journal: bytes) -> str:
    """What both sides compare what was sent by."""
    return hashlib.blake2b(journal, digest_size=8).hexdigest()


@dataclass
class Origin(Machine):
    """A user's own machine. What it knows of a move under way is gone when it dies."""

    claims: int = 0
    pulls: int = 0
    moving: bool = False
    packed: tuple[int, bytes] | None = None

    @property
    def own(self) -> Lease:
        """The record, which is always there."""
        lease = self.lease
        assert lease is not None
        return lease

    def die(self, *, power: bool, chance: int) -> None:
        """Be killed, or lose power as well."""
        super().die(power=power, chance=chance)
        self.moving, self.packed = False, None
        self.pulls += 1  # what the dead process asked is answered to nobody

    def tell(self, what: str, *given: Any) -> None:
        self.send(Message("host", what, given, self.name))

    # Handing off: `remote.handoff`.

    def hand_off(self) -> None:
        """Drain, capture, send."""
        self.runner = None
        self.moving = True
        if self.own.to:
            self.tell_again()
        self.tell("stage", self.own.epoch + 1, self.pack())

    def on_staged(self, _: str, epoch: int, compared: str) -> None:
        lease = self.own
        if not self.moving or lease.state != "held" or lease.epoch + 1 != epoch:
            return
        if compared != digest(self.disk.seen[JOURNAL]):
            return
        self.moving = False
        offered = lease.model_copy(update={"state": "offered", "to": "host"})
        if self.faults.offers_before_writing:
            self.tell("accept", protocol.offered_epoch(offered), compared)
        if not self.faults.keeps_what_it_offers:
            offered = self.write(protocol.offer(lease, "host"))
        self.tell("accept", protocol.offered_epoch(offered), compared)

    def settle(self) -> None:
        """Ask what became of the offer."""
        self.firm()
        self.tell("withdraw", protocol.offered_epoch(self.own))

    def on_holds(self, _: str, epoch: int) -> None:
        self.firm()
        if epoch == protocol.offered_epoch(self.own):
            self.tell("accept", epoch, "")

    def on_taken(self, _: str, epoch: int) -> None:
        self.write(protocol.note_taken(self.own, epoch))

    def on_released(self, _: str, epoch: int) -> None:
        self.write(protocol.take_back(self.own, epoch))

    def time_out(self) -> None:
        """The host has not answered for long: what must never happen then."""
        self.write(Lease(epoch=self.own.epoch + 2))

    # Pulling back: `remote.pull`.

    def pull(self) -> None:
        """Have the run drained and packed."""
        self.packed = None
        self.pulls += 1
        self.tell("pack", self.pulls)

    def on_packed(self, _: str, pull: int, there: int, journal: bytes) -> None:
        lease = self.own
        # Only the last request's answer is ever read, and only by the process that asked: `remote.host_client` closes
        # the channel of the others.
        if pull != self.pulls and not self.faults.reads_late_answers:
            return
        if lease.state != "away" or there < lease.epoch:
            return
        session: Any = SimpleNamespace(path=Shown(self.disk.seen))
        parcel: Any = Shown({f"session/{JOURNAL}": journal})
        check_history(session, parcel, lease.epoch, there)
        self.claims += 1
        lease = self.write(protocol.claim(lease, f"{self.name} {self.claims}"))
        self.packed = (there, journal)
        self.tell("give", self.pulls, protocol.epoch_to_give(lease, there), lease.claim)

    def on_given(self, _: str, epoch: int, to: str) -> None:
        if self.packed is None or (epoch, to) != (protocol.epoch_to_give(self.own, self.packed[0]), self.own.claim):
            return
        self.place(self.packed[1])
        self.packed = None
        lease = self.write(protocol.take_home(self.own, epoch + 1))
        self.tell("file_away", lease.epoch)

    def give_back(self) -> None:
        """The pull has failed here: let the run go on there."""
        there = self.packed[0] if self.packed is not None else 0
        pull, self.packed = self.pulls, None
        self.pulls += 1
        lease = self.write(protocol.leave_there(self.own, there))
        self.tell("regain", pull, lease.given, lease.claim)

    # The user's last resort.

    def reclaim(self) -> None:
        """The user has typed it."""
        lease = self.write(protocol.reclaim(self.own))
        self.tell("file_away", lease.epoch)

    def tell_again(self) -> None:
        """Tell the host that the session is held here."""
        self.firm()
        self.tell("file_away", self.own.epoch)

    def on_filed(self, _: str, epoch: int) -> None:
        lease = self.own
        if protocol.note_told(lease, epoch) != lease:
            self.write(protocol.note_told(lease, epoch))


@dataclass
class Host(Machine):
    """The machine of the run. ``quiet``: whose pull, and which, keeps it still while its connection lasts."""

    quiet: tuple[str, int] | None = None
    ended: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    """The pulls whose connection is over: a connection is one process here, and nothing comes through it any more."""
    fails: bool = False
    """Whether the agent does not come up here."""

    def die(self, *, power: bool, chance: int) -> None:
        """Be killed, or lose power as well."""
        super().die(power=power, chance=chance)
        self.lose_connection()

    def start_runner(self) -> None:
        """Start a runner, unless the run is being pulled."""
        if not self.quiet:
            super().start_runner()

    def on_stage(self, sender: str, epoch: int, journal: bytes) -> None:
        protocol.check_room(self.lease, epoch)
        self.disk.write_record(STAGED, b"%d %s\n%s" % (epoch, digest(journal).encode(), journal))
        self.send(Message(sender, "staged", (epoch, digest(journal))))

    def on_accept(self, sender: str, epoch: int, compared: str) -> None:
        lease = self.firm()
        if not protocol.may_run(lease, epoch) or self.faults.accepts_twice:
            if not self.faults.accepts_twice:
                protocol.check_room(lease, epoch)
            staged, _, journal = self.disk.seen.get(STAGED, b"").partition(b"\n")
            if staged != b"%d %s" % (epoch, compared.encode()):
                return
            self.place(journal)
            self.write(protocol.accept(lease, epoch))
        proved = any(event.epoch == epoch for event in self.events())
        if not proved and self.fails:
            released = Lease(epoch=epoch + 1, state="released")
            if not self.faults.releases_without_record:
                released = self.write(protocol.refuse(self.lease, epoch))
            self.send(Message(sender, "released", (released.epoch,)))
            return
        self.start_runner()
        if not proved:
            self.work(f"up {epoch}")
        self.send(Message(sender, "taken", (epoch,)))

    def on_withdraw(self, sender: str, epoch: int) -> None:
        lease = self.write(protocol.withdraw(self.lease, epoch))
        if protocol.may_run(lease, epoch):
            self.send(Message(sender, "holds", (epoch,)))
        elif lease.state == "released":
            self.send(Message(sender, "released", (lease.epoch,)))

    def on_pack(self, sender: str, pull: int) -> None:
        lease = protocol.check_pack(self.lease)
        if (sender, pull) in self.ended or self.quiet not in (None, (sender, pull)):
            return  # busy: each connection has a process of its own there, and another one's keeps the run still
        self.runner, self.quiet = None, (sender, pull)
        self.send(Message(sender, "packed", (pull, lease.epoch, self.pack())))

    def on_give(self, sender: str, pull: int, epoch: int, to: str) -> None:
        lease, kept = self.lease, self.quiet == (sender, pull)
        if lease is not None and lease.state == "held" and not kept and not self.faults.gives_what_is_not_quiet:
            return
        lease = self.write(protocol.give(lease, epoch, to))
        if kept:
            self.quiet = None
        self.send(Message(sender, "given", (lease.epoch, lease.to)))

    def on_regain(self, sender: str, pull: int, epoch: int, to: str) -> None:
        self.write(protocol.regain(self.lease, epoch, to))
        if self.quiet == (sender, pull):
            self.lose_connection()

    def on_file_away(self, sender: str, epoch: int) -> None:
        lease = self.write(protocol.file_away(self.lease, epoch))
        if lease.state == "away":
            # Its runner is ended too, but that takes a while: until then it is its own looking that stops it.
            self.send(Message(sender, "filed", (epoch,)))

    def lose_connection(self) -> None:
        """The pull's connection ends, and with it what keeps the run from being started."""
        if self.quiet is not None:
            self.ended.add(self.quiet)
        self.quiet = None
