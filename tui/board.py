"""The runs on all hosts as they were last told of, and how they are put in order for the screen. Pure: times by
`time.monotonic` are given."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar

from agent.events import Frozen
from remote.run import Run, Runs, Unreachable
from tui.drawing.runs import standing

_Choice = TypeVar("_Choice", bound=str)
Key = tuple[str, str]
"""Host and id: one id may be listed by two hosts, for a moment or after a restored backup."""
Order = Literal["news", "name", "state", "cost", "plan"]
Group = Literal["host", "state", "none"]
ORDERS: tuple[Order, ...] = ("news", "name", "state", "cost", "plan")
GROUPS: tuple[Group, ...] = ("host", "state", "none")
_LINK = frozenset({"connect", "unknown-host", "host-unreachable", "connection-lost", "host-timeout"})
"""Why a host did not answer, by codes, where asking it again asks nothing of the user."""


class Told(Frozen):
    """What a host told last, ``at`` when; ``silent`` why it has not answered since then, from ``silent_at`` on."""

    host: str
    runs: tuple[Run, ...] = ()
    at: float = 0.0
    silent: Unreachable | None = None
    silent_at: float = 0.0


class Board(Frozen):
    """What all hosts told, in the order in which they first did; a sentence for each run that cannot be read."""

    told: tuple[Told, ...] = ()
    damaged: tuple[str, ...] = ()


class Row(NamedTuple):
    """One run: ``age`` is seconds since its host told of it, ``silent`` for how many seconds it has not since;
    ``None`` where it answers."""

    run: Run
    age: float
    silent: float | None = None

    @property
    def key(self) -> Key:
        """Which run it is."""
        return self.run.host, self.run.run_id

    @property
    def quiet(self) -> float:
        """Seconds since the run's last event."""
        return max(0.0, self.run.now - self.run.at) + self.age


def take(board: Board, part: Runs, now: float) -> Board:
    """The board with one part of an answer on it. A host that does not answer keeps what it told before."""
    told = {each.host: each for each in board.told}
    for host in dict.fromkeys(run.host for run in part.runs):
        runs = tuple(run for run in part.runs if run.host == host)
        told[host] = Told(host=host, runs=runs, at=now)
    for each in part.unreachable:
        before = told.get(each.host, Told(host=each.host))
        since = before.silent_at if before.silent is not None else now
        told[each.host] = before.model_copy(update={"silent": each, "silent_at": since})
    damaged = tuple(dict.fromkeys((*board.damaged, *part.damaged)))
    return Board(told=tuple(told.values()), damaged=damaged)


def close(board: Board, asked: Collection[str] | None, parts: Iterable[Runs]) -> Board:
    """The board once everybody ``asked`` (hosts, or ``None`` for all) has answered with ``parts``.

    Who was asked and told of no run has none.
    """
    parts = tuple(parts)
    named = {run.host for part in parts for run in part.runs} | {u.host for part in parts for u in part.unreachable}
    told = [each for each in board.told if each.host in named or (asked is not None and each.host not in asked)]
    damaged = tuple(sentence for part in parts for sentence in part.damaged)
    return Board(told=tuple(told), damaged=damaged if asked is None else board.damaged)


def untroubling(board: Board, hosts: Iterable[str]) -> tuple[str, ...]:
    """Those of ``hosts`` that can be asked again without a question to the user, as for a passphrase."""
    refused = {each.host for each in board.told if each.silent is not None and each.silent.code not in _LINK}
    return tuple(host for host in hosts if host not in refused)


def rows_of(board: Board, now: float) -> tuple[Row, ...]:
    """All runs, also those of hosts that do not answer any more."""
    return tuple(
        Row(run, max(0.0, now - told.at), now - told.silent_at if told.silent is not None else None)
        for told in board.told
        for run in told.runs
    )


def silent_hosts(board: Board) -> tuple[Told, ...]:
    """The hosts that do not answer, by name."""
    return tuple(sorted((each for each in board.told if each.silent is not None), key=lambda each: each.host))


def narrowed(rows: Iterable[Row], typed: str) -> tuple[Row, ...]:
    """The rows that hold every word typed, in any case of letters."""
    words = typed.casefold().split()
    return tuple(row for row in rows if all(word in _text(row) for word in words))


def _text(row: Row) -> str:
    run = row.run
    words = (run.title, run.host, run.agent, run.project, run.run_id, standing(run, row.silent).words)
    return "\n".join(words).casefold()


def ordered(rows: Iterable[Row], order: Order, group: Group) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """Groups by their headings, the one with the first row first; rows in order within each."""
    out: dict[str, list[Row]] = {}
    for row in sorted(rows, key=_ORDERS[order]):
        out.setdefault(_heading(row, group), []).append(row)
    return tuple((heading, tuple(found)) for heading, found in out.items())


def _heading(row: Row, group: Group) -> str:
    match group:
        case "host":
            return row.run.host
        case "state":
            return standing(row.run, row.silent).kind
        case "none":
            return ""


def _newest(row: Row) -> tuple[float, str]:
    return -row.run.at, row.run.run_id


_ORDERS: dict[Order, Callable[[Row], tuple[object, ...]]] = {
    "news": _newest,
    "name": lambda row: (row.run.title.casefold(), *_newest(row)),
    "state": lambda row: (standing(row.run, row.silent).rank, *_newest(row)),
    "cost": lambda row: (-(row.run.cost_usd if row.run.cost_usd is not None else -1.0), *_newest(row)),
    "plan": lambda row: (-(row.run.plan_done / row.run.plan_total if row.run.plan_total else -1.0), *_newest(row)),
}


def following(current: _Choice, choices: Sequence[_Choice]) -> _Choice:
    """The choice after the current one, around."""
    return choices[(choices.index(current) + 1) % len(choices)]
