"""A run as lists show it: the row that a host reports for each session that lives on it."""

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
    last_line: str = ""
    at: float = 0.0
    now: float = 0.0


class Unreachable(Frozen):
    """A host that did not answer, with a sentence why."""

    host: str
    reason: str
    way_out: str = ""


class Runs(Frozen):
    """All runs on all hosts asked, the hosts that did not answer, and a sentence for each run that cannot be read."""

    runs: tuple[Run, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    damaged: tuple[str, ...] = ()
