"""A run as lists show it: the row that a host reports for each session that lives on it."""

from typing import Literal

from agent.absence import Absence
from agent.events import Budget, Frozen, Phase


class Run(Frozen):
    """One session on a host, summed up. ``at`` is the last event's Unix time, ``now`` the host's when it answered."""

    run_id: str
    title: str
    host: str
    agent: str
    phase: Phase
    detail: str = ""
    project: str
    epoch: int
    head_seq: int
    alive: bool
    """Whether its runner process lives."""
    plan_done: int = 0
    plan_total: int = 0
    turns: int = 0
    files_changed: int = 0
    cost_usd: float | None = None
    """Dollars known to be spent of the budget, or in all where it has no limit in dollars."""
    unpriced: bool = False
    """Whether more was used, of unknown price."""
    budget: Budget = Budget()
    used_percent: float | None = None
    """Of the limit of which most is used; ``None`` where nothing that is limited was measured."""
    hourly_usd: float | None = None
    """Dollars an hour since the budget was set, where that is known."""
    last_line: str = ""
    digest: Absence | None = None
    """What happened since a human was last there; of its lists only the last few."""
    at: float = 0.0
    now: float = 0.0


class Unreachable(Frozen):
    """A host that did not answer, with a sentence why, and that error's code."""

    host: str
    reason: str
    way_out: str = ""
    code: str = ""


class Runs(Frozen):
    """All runs on all hosts asked, the hosts that did not answer, and a sentence for each run that cannot be read."""

    runs: tuple[Run, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    damaged: tuple[str, ...] = ()


Result = Literal["here", "away", "home", "goes-on", "told", "moving", "waiting", "lost"]


class Known(Frozen):
    """What was last known of a session on a host that does not answer; Unix times of this machine, 0: never.

    ``left`` is when its record here changed last, ``heard`` when its host last told of it: ``run``. ``files`` is what
    the last handoff moved.
    """

    left: float
    files: int = 0
    heard: float = 0.0
    run: Run | None = None


class Recovered(Frozen):
    """What became of a session whose move was not finished.

    ``here``: the host never took it; ``away``: it has it; ``home``: a cut pull is finished; ``goes-on``: a cut pull is
    given up, the run goes on there; ``told``: the host has heard of a forced reclaim; ``moving``: somebody moves it
    now. Not settled: ``waiting``, the host cannot be asked; ``lost``, both sides were asked and the user must choose.
    """

    session_id: str
    title: str
    project: str
    result: Result
    sentence: str
    choices: tuple[str, ...] = ()
    """What the user can do, in the order in which it is advised."""
    known: Known | None = None

    @property
    def settled(self) -> bool:
        """Whether the session's place is known now."""
        return self.result not in ("waiting", "lost")
