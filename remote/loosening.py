"""What a project's own settings file makes laxer of the watch: only its user may agree to that."""

from agent.watch import Watch

_RISING = ("same_call", "same_error", "alternation", "monologue", "no_progress", "outside", "lost_tests", "silence")
_LIMITS = ("alone_hours", "answer_minutes", "diff_lines")
_WIDENING = ("polls", "fine")
"""More of these is laxer."""
_GATES = ("before_steps", "touching", "commands")
"""Fewer of these is laxer."""


def find_loosened(before: Watch, after: Watch) -> tuple[str, ...]:
    """The fields in which ``after`` finds less than ``before``, or stops less often."""
    laxer = [name for name in _RISING if any(map(_rises, getattr(before, name), getattr(after, name)))]
    laxer += [name for name in _LIMITS if _rises(getattr(before, name), getattr(after, name))]
    laxer += [name for name in _WIDENING if set(getattr(after, name)) - set(getattr(before, name))]
    laxer += [name for name in _GATES if set(getattr(before, name)) - set(getattr(after, name))]
    if before.paths and (not after.paths or set(after.paths) - set(before.paths)):
        laxer.append("paths")
    return tuple(laxer)


def _rises(before: float, after: float) -> bool:
    """Whether a threshold goes up; 0 is never, and so the highest."""
    return before > 0 and (after == 0 or after > before)
