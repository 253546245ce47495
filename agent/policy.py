"""Which permission questions castoff answers by itself, and which modes of agents a policy allows: pure functions."""

from collections.abc import Sequence, Set
from typing import Literal

from agent.deeds import Deed, Rules
from agent.events import PermissionOption, Policy, ToolKind
from agent.knobs import Choice

Verdict = Literal["allow", "ask", "deny"]
_EDITS: frozenset[ToolKind] = frozenset({"read", "edit", "search", "think"})
_LOOSENESS: tuple[Policy, ...] = ("ask", "accept-edits", "accept-all")
_PLAIN_ALLOW = ("allow_once", "allow-once", "allow", "approved", "approve", "proceed_once", "accept", "yes")
"""Option ids that mean "this once and nothing else" in the agents we know; several of them offer further
options of the kind allow_once that change the mode as well."""


def judge(policy: Policy, rules: Rules, tool_kind: ToolKind, deeds: Set[Deed]) -> Verdict:
    """What becomes of a question about a call of that kind, which is of the classes ``deeds``: the strictest wins."""
    if deeds & set(rules.deny):
        return "deny"
    if deeds & set(rules.ask):
        return "ask"
    within = tool_kind in _EDITS and "outside" not in deeds
    return "allow" if policy == "accept-all" or (policy == "accept-edits" and within) else "ask"


def needs_asking(policy: Policy, rules: Rules) -> Policy:
    """The policy by which an agent with modes of its own is to ask: for anything, once there are rules."""
    return "ask" if rules.ask or rules.deny else policy


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


def deny_once(options: Sequence[PermissionOption]) -> str | None:
    """The id of the option that refuses this once, if there is one."""
    return next((o.option_id for o in options if o.kind == "reject_once"), None)
