"""Which questions the policy answers, and which only a human may."""

import pytest

from agent.events import OptionKind, PermissionOption, Policy, ToolKind
from agent.policy import decide


def options(*pairs: tuple[str, OptionKind]) -> tuple[PermissionOption, ...]:
    return tuple(PermissionOption(option_id=i, name=i, kind=kind) for i, kind in pairs)


PLAIN = options(("reject", "reject_once"), ("go", "allow_once"), ("always", "allow_always"))
KINDS: tuple[ToolKind, ...] = (
    "read",
    "edit",
    "delete",
    "move",
    "search",
    "execute",
    "think",
    "fetch",
    "switch_mode",
    "other",
)


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [("ask", set[ToolKind]()), ("accept-edits", {"read", "edit", "search", "think"}), ("accept-all", set(KINDS))],
)
def test_what_is_allowed(policy: Policy, allowed: set[ToolKind]) -> None:
    assert {kind for kind in KINDS if decide(policy, kind, PLAIN) == "go"} == allowed
    assert {kind for kind in KINDS if decide(policy, kind, PLAIN) is None} == set(KINDS) - allowed


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (options(("proceed_always_and_mode", "allow_once"), ("proceed_once", "allow_once")), "proceed_once"),
        (options(("yolo", "allow_once"), ("Approve", "allow_once")), "Approve"),
        (options(("yolo", "allow_once"), ("auto", "allow_once")), None),
        (options(("always", "allow_always"), ("no", "reject_once")), None),
        (options(("no", "reject_once")), None),
        ((), None),
    ],
)
def test_only_what_allows_this_once_and_nothing_else_is_chosen(
    offered: tuple[PermissionOption, ...], chosen: str | None
) -> None:
    assert decide("accept-all", "execute", offered) == chosen
