"""Numbers and states in words: sizes, durations, money, phases."""

from agent.budget import spent_usd
from agent.events import Phase
from agent.state import SessionState
from tui.drawing.lines import Role

PHASES: dict[Phase, tuple[str, str, Role]] = {
    "starting": ("◌", "starting", "muted"),
    "idle": ("○", "ready", "text"),
    "working": ("●", "working", "accent"),
    "needs-input": ("?", "needs you", "warn"),
    "draining": ("◐", "stopping at a safe point", "warn"),
    "drained": ("◌", "stopped for a move", "muted"),
    "paused": ("‖", "paused", "warn"),
    "finished": ("✓", "finished", "ok"),
    "failed": ("✗", "failed", "bad"),
    "stopped": ("■", "stopped", "muted"),
}
"""Each phase's mark, word and role: the word says it all, mark and colour only help."""


def size(count: float) -> str:
    """Bytes for people, in powers of 1,000: ``312 B``, ``4.1 MB``."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            return f"{count:.1f} {unit}" if count < 99.95 else f"{count:.0f} {unit}"
    raise AssertionError("unreachable")


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3:05 min``, ``2:10 h``, ``3 d``."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    if whole < 48 * 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02} h"
    return f"{whole // 86400} d"


def ago(seconds: float) -> str:
    """How long ago, coarsely: ``now``, ``12 s ago``, ``3 min ago``."""
    if seconds < 2:
        return "now"
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {name} ago"
    return f"{int(seconds // 86400)} d ago"


def lasting(seconds: float) -> str:
    """For how long, as coarsely as `ago`: ``a moment``, ``12 s``, ``3 min``."""
    said = ago(seconds)
    return "a moment" if said == "now" else said.removesuffix(" ago")


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 file``, ``1,204 files``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def money(usd: float) -> str:
    """Dollars: cents, and more digits only below one cent."""
    return f"${usd:.4f}" if 0 < usd < 0.01 else f"${usd:,.2f}"


def cost(spent: float | None, limit: float | None, *, unpriced: bool = False) -> str:
    """Money spent against a limit; an unknown price, also of a part, is said and never shown as zero."""
    known = "cost unknown" if spent is None else money(spent)
    if unpriced and spent is not None:
        known = f"at least {known}"
    return known if limit is None else f"{known} of {money(limit)}"


def cost_of(state: SessionState) -> str:
    """Money that a session spent of its budget."""
    return cost(spent_usd(state), state.budget.max_usd, unpriced=state.usage.unpriced)


def turns(state: SessionState) -> str:
    """Turns taken, against the budget where one is set."""
    if state.budget.max_turns is None:
        return count(state.turns, "turn")
    return f"{state.turns - state.budget_turns} of {count(state.budget.max_turns, 'turn')}"


def gauge(percent: float, cells: int = 8) -> str:
    """How much of something is used, as a bar and a number: ``██░░░░░░ 25 %``. Full only when all of it is used."""
    filled = min(cells, int(percent * cells / 100))
    return "█" * filled + "░" * (cells - filled) + f" {int(percent)} %"


def rate(hourly: float | None) -> str:
    """``$1.20/h``, or nothing where it is unknown."""
    return f"{money(hourly)}/h" if hourly is not None else ""
