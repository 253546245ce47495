"""Which permission questions castoff answers by itself, and which modes of agents a policy allows: pure functions."""

from collections.abc import Sequence

from agent.events import PermissionOption, Policy, ToolKind
from agent.knobs import Choice

_EDITS: frozenset[ToolKind] = frozenset({"read", "edit", "search", "think"})
_LOOSENESS: tuple[Policy, ...] = ("ask", "accept-edits", "accept-all")
_PLAIN_ALLOW = ("allow_once", "allow-once", "allow", "approved", "approve", "proceed_once", "accept", "yes")
"""Option ids that mean "this once and nothing else" in the agents we know; several of them offer further
options of the kind allow_once that change the mode as well."""


def decide(policy: Policy, tool_kind: ToolKind, options: Sequence[PermissionOption]) -> str | None:
    """The id of the option that the policy chooses, or ``None``: a human must be asked."""
    if policy == "accept-all" or (policy == "accept-edits" and tool_kind in _EDITS):
        return allow_once(options)
    return None


def allows_mode(policy: Policy, needs: Policy | None) -> bool:
    """Whether an agent may be in a mode that ``needs`` this policy at least; ``None``: nobody knows, so it may not."""
    return needs is not None and _LOOSENESS.index(needs) <= _LOOSENESS.index(policy)


def is_loose(mode: Choice, policy: Policy) -> bool:
    """Whether a mode is known to do things unasked that the policy would ask for."""
    return any(mode.needs == looser for looser in _LOOSENESS[_LOOSENESS.index(policy) + 1 :])


def allow_once(options: Sequence[PermissionOption]) -> str | None:
    """The id of the option that means "this once and nothing else", if one does for certain."""
    fitting = [o.option_id for o in options if o.kind == "allow_once"]
    if len(fitting) == 1:
        return fitting[0]
    return next((o for o in fitting if o.lower() in _PLAIN_ALLOW), None)
