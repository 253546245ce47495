"""docs/protocol.md, its tables and diagrams made by trying every rule of `agent.protocol` in every state:
``python -m tests.agent.protocol_page`` prints it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from agent import protocol
from agent.errors import NotOwner
from agent.protocol import Lease

_NOW = 5
_AROUND = tuple((epoch,) for epoch in range(_NOW - 3, _NOW + 6))
_CLAIMS = ("home (x)", "home (y)")
_AROUND_CLAIMS = tuple((epoch, name) for (epoch,) in _AROUND for name in _CLAIMS)

ORIGIN: dict[str, tuple[Lease | None, ...]] = {
    "held": (Lease(epoch=_NOW), Lease(epoch=_NOW, to="vm")),
    "offered": (Lease(epoch=_NOW, state="offered", to="vm"),),
    "away": (
        Lease(epoch=_NOW, state="away", to="vm"),
        Lease(epoch=_NOW, state="away", to="vm", claim=_CLAIMS[0], given=_NOW + 2),
    ),
}
HOST: dict[str, tuple[Lease | None, ...]] = {
    "none": (None,),
    "held": (Lease(epoch=_NOW),),
    "offered": (Lease(epoch=_NOW, state="offered", to=_CLAIMS[0]),),
    "released": (Lease(epoch=_NOW, state="released"),),
    "away": (Lease(epoch=_NOW, state="away", to=_CLAIMS[0]),),
}


class Rule(NamedTuple):
    """One function of the protocol, and everything it is tried with."""

    function: Callable[..., Lease]
    given: tuple[tuple[object, ...], ...]

    @property
    def name(self) -> str:
        """As it is called."""
        return self.function.__name__

    @property
    def meaning(self) -> str:
        """The first sentence of what it says of itself."""
        text = " ".join((self.function.__doc__ or "").split()).replace("``", "`")
        return text.split(". ")[0].rstrip(".") + "."


ORIGIN_RULES = (
    Rule(protocol.offer, (("vm",), ("other",))),
    Rule(protocol.note_taken, _AROUND),
    Rule(protocol.take_back, _AROUND),
    Rule(protocol.claim, ((_CLAIMS[0],),)),
    Rule(protocol.take_home, _AROUND),
    Rule(protocol.leave_there, _AROUND),
    Rule(protocol.reclaim, ((),)),
    Rule(protocol.note_told, _AROUND),
)
HOST_RULES = (
    Rule(protocol.accept, _AROUND),
    Rule(protocol.refuse, _AROUND),
    Rule(protocol.withdraw, _AROUND),
    Rule(protocol.give, _AROUND_CLAIMS),
    Rule(protocol.regain, _AROUND_CLAIMS),
    Rule(protocol.file_away, _AROUND),
)
SIDES = ((ORIGIN, ORIGIN_RULES), (HOST, HOST_RULES))


def outcomes(rule: Rule, records: tuple[Lease | None, ...]) -> Iterator[tuple[Lease | None, Lease | None]]:
    """Each record with what the rule makes of it; ``None`` where it refuses."""
    for record in records:
        for given in rule.given:
            try:
                yield record, rule.function(record, *given)
            except NotOwner:
                yield record, None


def _cell(rule: Rule, records: tuple[Lease | None, ...]) -> str:
    found: list[str] = []
    for before, after in outcomes(rule, records):
        told = "refused" if after is None else "unchanged" if after == before else f"**{after.state}**"
        if told not in found:
            found.append(told)
    return ", ".join(sorted(found))


def _table(states: dict[str, tuple[Lease | None, ...]], rules: tuple[Rule, ...]) -> Iterator[str]:
    yield f"| rule | {' | '.join(states)} |"
    yield "|---" * (len(states) + 1) + "|"
    for rule in rules:
        yield f"| `{rule.name}` | {' | '.join(_cell(rule, records) for records in states.values())} |"
    yield ""
    for rule in rules:
        yield f"- `{rule.name}`: {rule.meaning}"


def _diagram(states: dict[str, tuple[Lease | None, ...]], rules: tuple[Rule, ...], first: str) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {first}"
    for name, records in states.items():
        for rule in rules:
            after = {new.state for old, new in outcomes(rule, records) if new is not None and new != old}
            for state in sorted(after - {name}):
                yield f"    {name} --> {state}: {rule.name}"
    yield "```"


def render() -> str:
    """The whole page."""
    return _PAGE.format(
        origin_diagram="\n".join(_diagram(ORIGIN, ORIGIN_RULES, "held")),
        origin_table="\n".join(_table(ORIGIN, ORIGIN_RULES)),
        host_diagram="\n".join(_diagram(HOST, HOST_RULES, "none")),
        host_table="\n".join(_table(HOST, HOST_RULES)),
    )


_PAGE = """\
# The protocol of a session's moves

A session is never in two places, and nothing of it is lost, whatever dies and whatever the network does. This page
says by which rules. They are one module of pure functions, `agent/protocol.py`; the tables and diagrams below are made
by trying each of them in every state and at every epoch around it (`make docs`), and a test compares.

## The record

Each side keeps one record of a session, `lease.json`: an **epoch** and a **state**. The *origin* is the machine that
the session began on, the *host* the one that its run is on. `held`: it is here. `offered`: it was given up, and
whether it was taken is not known. `away`: the other side has it. `released`: it was given back, or never taken.

1. **Only the holder acts.** An agent runs, and the journal is written, only while the record here says `held` at the
   runner's own epoch. The runner looks when it starts, every second, and before every single event that it writes; it
   stops by itself when that is over.
2. **The record comes first.** It is on disk - written aside, fsynced, renamed, the directory fsynced - before anything
   is said or done that follows from it. Who acts on a record that somebody else wrote fsyncs the directory before: it
   may have been killed right after its rename. What travels of the journal is on disk before it leaves, too.
3. **Epochs only rise, and each belongs to one side.** The origin at n offers n+1. The host takes n+1, or releases it at
   n+2. A host that gave up g can be followed only by g+1, at the origin. What comes late, twice or from before a crash
   names an epoch that is past.
4. **Everything may be asked again** and gets the same answer. So the same command, run again after any cut, finishes.
5. **No clock decides.** A time-out never takes a session back. The host's release does, or the user's own word.

## Out

| step | origin | host |
|---|---|---|
| 1 | drains its agent, sends tree and journal | gathers them; compares; notes what was found equal |
| 2 | `offer`: **offered** at n, on disk | |
| 3 | asks to accept n+1 | `accept`, if it is what was compared: **held** at n+1; starts the agent and proves it |
| 4 | `note_taken`: **away** at n+1 | what was proved once is never given back |
| or 4 | `take_back`: **held** at n+2 | could not start it: `refuse`: **released** at n+2 |
| answer lost | asks again, then to withdraw n+1; goes on as it hears | `withdraw`: **released** at n+2, unless taken |

## Home

| step | origin | host |
|---|---|---|
| 1 | asks to pack | drains, keeps the run from being started as long as this connection lasts |
| 2 | fetches, checks, plans; `claim`: a new name for this homecoming, on disk | |
| 3 | asks to give g to that name | `give`, if it was kept still since: **offered** at g, to nobody else |
| 4 | merges the tree, places the journal; `take_home`: **held** at g+1 | |
| 5 | says so, now or when runs are listed | `file_away`: **away** at g+1 |
| gives up | `leave_there`: will never take an epoch up to g+2, on disk; asks to regain | `regain`: **held** at g+2 |

Two copies of one session directory (a restored backup, a second laptop) pull the same run under two names: one gets
it, the other is told.

## By force

`castoff reclaim SESSION` is for a host that is gone. The user types a word, after reading what it means: the session
is **held** here again, where it was handed off, at an epoch above any that the host can have (`reclaim`). The record
names the host until it has heard (`note_told`): it is told at once if it answers, else when `castoff runs` or a
handoff next reaches it. It then files its run away and ends it; what it did alone stays there and is not merged.

## The origin's record

{origin_diagram}

{origin_table}

## The host's record

{host_diagram}

{host_table}

## How it is known to hold

`tests/remote/model/` drives these very functions, the journal's own lines, and the check of what comes home, over
disks that forget what was not fsynced and a network that loses, repeats and reorders; machines are killed or lose
power before any operation, clocks jump, agents fail to start, origins are copied, users reclaim. One thing an SSH
connection gives, and pulling rests on it: nothing comes through one that has ended, and nobody reads the answer to what
another process, or an earlier pull, asked. Hypothesis draws 20,000 schedules in each CI run, from one seed; `make
soak-model` draws 400,000 others (`CASTOFF_SEED`, `CASTOFF_MODEL_EXAMPLES`). In each, after every step nobody holds
the session twice, and in the end one command again brings it home with every acknowledged entry of its journal once
and in order. More than twenty bugs planted in the rules, the disk and the order of steps (`tests/remote/model/bugs.py`)
must each be found.

Not protected: a disk that loses what it said was fsynced; a host whose root lies about its record; a copy of the
origin's state directory that is made while the session is *held* or *offered* there, or between `claim` and
`take_home`, and then used as well as the original; a state directory that is set back to an older backup.
"""


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 - this is what it is for
