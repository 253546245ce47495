"""A world of machines that a schedule of bytes drives: each step one thing that can happen, and perhaps a death in it.

The network loses, repeats and reorders; machines are killed or lose power before any operation on their disks and any
message; clocks jump. After every step nobody may hold the session twice; at the end one re-run of the command that
fits must bring it home, with every entry of the journal that was acknowledged, once and in order.
"""

from collections.abc import Callable

from pydantic import ValidationError

from agent.errors import JournalDamaged, NotOwner
from agent.protocol import Lease
from tests.remote.model.disk import Disk
from tests.remote.model.disk import Faults as DiskFaults
from tests.remote.model.machines import JOURNAL, LEASE, Faults, Host, Machine, Message, Origin

_IN_FLIGHT = 24
_CLOCK_STEPS = (7200.0, -7200.0, 3600.0, 0.0)

_REACHED = ("taken", "given", "released", "regain", "holds", "reclaims", "loses power", "is killed", "copied")

Action = tuple[str, Machine | None, Callable[[], None]]


class Violation(AssertionError):
    """A promise was broken; the text tells the schedule that led there."""


class _Died(Exception):
    """The machine that is at work dies here."""


class World:
    """One session's machines and the network between them."""

    def __init__(
        self, faults: Faults | None = None, disk_faults: DiskFaults | None = None, *, copied: bool = False
    ) -> None:
        faults = faults or Faults()
        self.log: list[str] = []
        self._network: list[Message] = []
        self._countdown: int | None = None
        self._acknowledged: list[str] = []
        self._reclaims: list[tuple[int, set[str]]] = []
        """The epochs of forced reclaims, and what was given up by each: what the host had done below it."""
        self._works = 0
        self._host = Host("host", Disk(self._operate, disk_faults or DiskFaults()), self._send, self._note, faults)
        first = Origin("ann", Disk(self._operate, disk_faults or DiskFaults()), self._send, self._note, faults)
        first.disk.begin({JOURNAL: b"", LEASE: Lease().model_dump_json().encode()})
        self._origins = [first]
        self._copied = copied

    # What machines do to the world.

    def _operate(self) -> None:
        if self._countdown is not None:
            self._countdown -= 1
            if self._countdown < 0:
                self._countdown = None
                raise _Died

    def _send(self, message: Message) -> None:
        self._operate()
        if len(self._network) < _IN_FLIGHT:
            self._network.append(message)

    def _note(self, machine: str, text: str, epoch: int) -> None:
        lease = self._machine(machine).lease
        if lease is None or lease.state != "held" or lease.epoch != epoch:
            raise self._violated(f"{machine} wrote at epoch {epoch} with the record {lease!r}")
        if epoch >= self._fence and text not in self._acknowledged:
            self._acknowledged.append(text)

    # What happens.

    def run(self, schedule: bytes) -> None:
        """Two bytes a step, then `converge`. Raises `Violation`."""
        for what, how in zip(schedule[::2], schedule[1::2], strict=False):
            self._step(what, how)
        self.converge()

    def _step(self, what: int, how: int) -> None:
        actions = self._possible()
        name, machine, act = actions[what % len(actions)]
        # A quarter of the steps end in a death, before their first operation or a later one.
        self._countdown = (how >> 4) % 8 if how % 4 == 3 and machine is not None else None
        self.log.append(f"{name}{f', dies at operation {self._countdown}' if self._countdown is not None else ''}")
        self._attempt(machine, act, how)
        self._countdown = None
        self._check()

    def _attempt(self, machine: Machine | None, act: Callable[[], None], how: int = 0) -> None:
        try:
            act()
        except _Died:
            assert machine is not None
            power = bool(how & 8)
            self.log.append(f"  {machine.name} {'loses power' if power else 'is killed'}")
            machine.die(power=power, chance=how >> 4)
        except (NotOwner, JournalDamaged) as error:
            self.log.append(f"  refused: {error}")
        except ValidationError as error:
            raise self._violated(f"a record cannot be read: {error}") from error

    def _possible(self) -> list[Action]:
        """What can happen now; the first is what a simple run would do next."""
        found: list[Action] = []
        alive = [origin for origin in self._origins if not origin.down]
        if self._network:
            found += [self._deliver(0)] * 6
            found += [self._deliver(index, keep=True) for index in range(min(3, len(self._network)))]
            found += [self._deliver(index) for index in range(1, min(4, len(self._network)))]
            found.append(("the oldest message is lost", None, lambda: self._drop()))
        for origin in alive:
            found += self._acts_of(origin)
        for machine in (*self._origins, self._host):
            if machine.down:
                found.append((f"{machine.name} comes back", None, lambda m=machine: setattr(m, "down", False)))
        if not self._host.down:
            found += self._acts_of_host()
        found.append(("the clocks jump", None, self._jump))
        if self._copied and len(self._origins) == 1 and self._may_copy():
            found.append(("ann's machine is copied", None, self._copy))
        return found

    def _acts_of(self, origin: Origin) -> list[Action]:
        lease, name = origin.own, origin.name
        found: list[Action] = []
        if origin.runner is not None:
            found.append((f"{name} works", origin, lambda: self._work(origin)))
        match lease.state:
            case "held":
                found.append((f"{name} hands off", origin, origin.hand_off))
                if origin.runner is None and not origin.moving:
                    found.append((f"{name} starts a runner", origin, origin.start_runner))
                if lease.to:
                    found.append((f"{name} tells the host", origin, origin.tell_again))
            case "offered":
                found.append((f"{name} settles", origin, origin.settle))
            case _:
                found += [(f"{name} pulls", origin, origin.pull)] * 2
                found.append((f"{name} gives the pull up", origin, origin.give_back))
        if lease.state in ("offered", "away") and origin.faults.takes_back_after_a_timeout:
            found.append((f"{name} times out", origin, origin.time_out))
        if lease.state in ("offered", "away") and not self._copied and len(self._acknowledged) % 3 == 2:
            found.append((f"{name} reclaims", origin, origin.reclaim))
        return found

    def _acts_of_host(self) -> list[Action]:
        host = self._host
        found: list[Action] = []
        if host.runner is not None:
            found += [("host works", host, lambda: self._work(host))] * 2
            found.append(("host's heartbeat", None, lambda: void(host.look())))
        elif host.lease is not None:
            found += [("host starts a runner", host, host.start_runner)] * 2
        if host.quiet:
            found += [("the pull's connection ends", None, host.lose_connection)] * 3
        found.append(("host's agent fails from now on, or works again", None, self._turn_failure))
        return found

    def _deliver(self, index: int, *, keep: bool = False) -> Action:
        message = self._network[index]
        machine = self._machine(message.to)

        def hear() -> None:
            if not keep:
                self._network.remove(message)
            if not machine.down:
                machine.hear(message)

        shown = tuple(len(part) if isinstance(part, bytes) else part for part in message.given)
        return f"{message.to} hears {message.what}{shown}{' and it stays' if keep else ''}", machine, hear

    def _drop(self) -> None:
        del self._network[0]

    def _jump(self) -> None:
        for index, machine in enumerate((*self._origins, self._host)):
            machine.now += _CLOCK_STEPS[(len(self.log) + index) % len(_CLOCK_STEPS)]

    def _turn_failure(self) -> None:
        self._host.fails = not self._host.fails

    def _work(self, machine: Machine) -> None:
        self._works += 1
        machine.work(f"{machine.name} {self._works}")

    def _may_copy(self) -> bool:
        lease = self._origins[0].own
        return lease.state == "away" and not lease.claim

    def _copy(self) -> None:
        ann = self._origins[0]
        self._origins.append(Origin("bob", ann.disk.copy(self._operate), self._send, self._note, ann.faults))

    # What must hold.

    def _machine(self, name: str) -> Machine:
        return next(m for m in (*self._origins, self._host) if m.name == name)

    def _violated(self, what: str) -> Violation:
        told = "\n".join(f"  {line}" for line in self.log)
        records = {m.name: m.disk.seen.get(LEASE, b"none").decode() for m in (*self._origins, self._host)}
        return Violation(f"{what}\nafter\n{told}\nwith {records}, acknowledged {self._acknowledged}")

    def reached(self) -> dict[str, bool]:
        """What this schedule has come to, for figures."""
        return {what: any(what in line for line in self.log) for what in _REACHED}

    def _holders(self) -> list[Machine]:
        found = [m for m in (*self._origins, self._host) if (lease := m.lease) is not None and lease.state == "held"]
        return [m for m in found if m.lease is not None and m.lease.epoch >= self._fence]

    @property
    def _fence(self) -> int:
        """Below this epoch nobody counts as a holder: the user has typed it."""
        return max((epoch for epoch, _ in self._reclaims), default=0)

    def _notice_reclaim(self) -> None:
        """Once it is in the record that the user has typed it, what the host did and does is theirs to lose.

        A power cut may take a record away that was not on disk yet: then nothing was reclaimed.
        """
        newest = max(origin.own.epoch for origin in self._origins)
        self._reclaims = [(epoch, lost) for epoch, lost in self._reclaims if epoch <= newest]
        for origin in self._origins:
            lease = origin.own
            if lease.state == "held" and lease.to and lease.epoch > self._fence:
                own = {event.text for event in origin.events()}
                self._reclaims.append((lease.epoch, {text for text in self._acknowledged if text not in own}))

    def _check(self) -> None:
        try:
            self._notice_reclaim()
            holders = self._holders()
        except ValidationError as error:
            raise self._violated(f"a record cannot be read: {error}") from error
        if len(holders) > 1:
            raise self._violated(f"two hold the session: {[m.name for m in holders]}")

    def _check_journal(self, machine: Machine) -> None:
        try:
            texts = [event.text for event in machine.events()]
        except JournalDamaged as error:
            raise self._violated(f"{machine.name}'s journal is damaged") from error
        if len(set(texts)) != len(texts):
            raise self._violated(f"{machine.name} has an entry twice: {texts}")
        given_up = {text for _, lost in self._reclaims for text in lost}
        expected = [text for text in self._acknowledged if text not in given_up]
        if [text for text in texts if text in expected] != expected:
            raise self._violated(f"{machine.name} lacks entries: {texts}")

    def converge(self) -> None:
        """The network and all machines are well again: one run of the command that fits settles everything."""
        late, self._network = self._network, []
        self._countdown = None
        for machine in (*self._origins, self._host):
            machine.die(power=False, chance=0)
            machine.down = False
        self._host.fails = False
        for origin in self._origins:
            self.log.append(f"{origin.name} runs the command again")
            self._rerun(origin)
        home = self._holders()
        if len(home) != 1 or home[0] is self._host:
            raise self._violated("one command again has not brought the session home")
        self._check_journal(home[0])
        for message in late:
            self.log.append(f"{message.to} hears {message.what} late")
            machine = self._machine(message.to)
            self._attempt(machine, lambda m=machine, late=message: m.hear(late))
            self._flush()
        if self._holders() != home:
            raise self._violated("a late message took the session away")
        home[0].start_runner()
        self._work(home[0])
        self._check_journal(home[0])

    def _rerun(self, origin: Origin) -> None:
        if origin.own.state == "offered":
            self._attempt(origin, origin.settle)
            self._flush()
            if origin.own.state == "offered" and len(self._origins) == 1:
                raise self._violated("one handoff again has not settled the offer")
        if origin.own.state == "away":
            self._attempt(origin, origin.pull)
            self._flush()
            # The command has ended, and its connection with it.
            self._host.lose_connection()
        if origin.own.to and origin.own.state == "held":
            self._attempt(origin, origin.tell_again)
            self._flush()
            if self._host.lease is not None and self._host.lease.state == "held":
                raise self._violated("the host was told of the reclaim and still holds the session")

    def _flush(self) -> None:
        while self._network:
            name, machine, act = self._deliver(0)
            self.log.append(name)
            self._attempt(machine, act)
            self._check()


def void(_: object) -> None:
    """Nothing: for a lambda whose result nobody wants."""
