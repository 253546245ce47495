"""Which questions the policy answers, and which only a human may."""

import pytest

from agent.blocks import ToolBlock
from agent.classes import classify
from agent.deeds import DEEDS, NO_RULES, Deed, Rules
from agent.events import Location, OptionKind, PermissionOption, Policy, ToolKind
from agent.policy import allow_once, deny_once, judge, needs_asking


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
    told = {kind: judge(policy, NO_RULES, kind, frozenset[Deed]({"read"})) for kind in KINDS}
    assert {kind for kind in KINDS if told[kind] == "allow"} == allowed
    assert {kind for kind in KINDS if told[kind] == "ask"} == set(KINDS) - allowed


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
    assert allow_once(offered) == chosen


TREE = "/home/dev/shop"


def call(kind: ToolKind, given: object = None, *paths: str) -> ToolBlock:
    locations = tuple(Location(path=path) for path in paths)
    return ToolBlock.model_validate(
        {"seq": 1, "at": 1.0, "call_id": "c", "tool_kind": kind, "raw_input": given, "locations": locations}
    )


def run(said: str) -> ToolBlock:
    return call("execute", {"command": said})


@pytest.mark.parametrize(
    ("block", "deeds"),
    [
        (call("read", None, f"{TREE}/a.py"), {"read"}),
        (call("read", None, "a.py"), {"read"}),
        (call("read", {"path": "../secrets"}), {"read", "outside"}),
        (call("read", None, "/etc/passwd"), {"read", "outside"}),
        (call("read", None, f"{TREE}/../other/x"), {"read", "outside"}),
        (call("read", None, f"{TREE}-two/x"), {"read", "outside"}),
        (call("read", {"file_path": "~/.ssh/id"}), {"read", "outside"}),
        (call("read"), {"read", "outside"}),
        (call("read", {"command": ["cat", "a.py"]}), {"read", "run", "outside"}),
        (call("search", {"pattern": "/usr"}), {"read"}),
        (call("search", {"path": "/usr"}), {"read", "outside"}),
        (call("think"), {"read"}),
        (call("edit", {"path": "a.py", "content": "/etc/passwd https://x"}), {"edit"}),
        (call("edit", {"files": [{"path": "a.py"}, {"path": "/etc/x"}]}), {"edit", "outside"}),
        (call("edit"), {"edit", "outside"}),
        (call("delete", None, "a.py"), {"edit"}),
        (call("move", {"source": "a.py", "destination": "/tmp/a.py"}), {"edit", "outside"}),
        (call("fetch", {"url": "https://example.org"}), {"network"}),
        (call("fetch"), {"network"}),
        (run("make test"), {"run"}),
        (run("make test > /dev/null"), {"run"}),
        (run(f"cat {TREE}/a.py"), {"run"}),
        (run("cat /etc/passwd"), {"run", "outside"}),
        (run("tool --out=/etc/x"), {"run", "outside"}),
        (run("cd .. && ls"), {"run", "outside"}),
        (run("cp a.py src/../../x"), {"run", "outside"}),
        (run("cat ~/.netrc"), {"run", "outside"}),
        (run("curl example.org"), {"run", "network"}),
        (run("git -C . push origin"), {"run", "network"}),
        (run("git status"), {"run"}),
        (run("pip install x"), {"run", "network"}),
        (run("cat $HOME/x"), {"run", "network", "outside"}),
        (run("sh -c 'x'"), {"run", "network", "outside"}),
        (run("echo x | bash"), {"run", "network", "outside"}),
        (call("execute"), DEEDS),
        (call("execute", {"code": "x"}), DEEDS),
        (call("other", {"command": "ls"}), DEEDS),
        (call("switch_mode"), DEEDS),
    ],
)
def test_classes_of_calls(block: ToolBlock, deeds: set[Deed]) -> None:
    assert classify(block, TREE) == deeds


@pytest.mark.parametrize(
    ("policy", "rules", "block", "verdict"),
    [
        ("accept-all", Rules(ask=("network",)), run("curl x.org"), "ask"),
        ("accept-all", Rules(ask=("network",)), run("make"), "allow"),
        ("accept-all", Rules(ask=("network",), deny=("outside",)), run("curl -o /etc/x x.org"), "deny"),
        ("accept-all", Rules(deny=("edit",)), call("other"), "deny"),
        ("accept-all", Rules(ask=("edit",)), call("other"), "ask"),
        ("ask", Rules(deny=("run",)), run("make"), "deny"),
        ("accept-edits", NO_RULES, call("edit", None, "/home/dev/.bashrc"), "ask"),
        ("accept-edits", NO_RULES, call("edit", None, "a.py"), "allow"),
        ("accept-edits", Rules(ask=("edit",)), call("edit", None, "a.py"), "ask"),
    ],
)
def test_the_strictest_rule_wins(policy: Policy, rules: Rules, block: ToolBlock, verdict: str) -> None:
    assert judge(policy, rules, block.tool_kind, classify(block, TREE)) == verdict


def test_rules_together_are_as_strict_as_either() -> None:
    both = Rules(ask=("run",)) | Rules(ask=("read",), deny=("outside",))
    assert both == Rules(ask=("read", "run"), deny=("outside",))
    assert (NO_RULES | both) == (both | NO_RULES) == both


def test_an_agent_with_modes_asks_for_anything_once_there_are_rules() -> None:
    assert needs_asking("accept-all", NO_RULES) == "accept-all"
    assert needs_asking("accept-all", Rules(deny=("outside",))) == "ask"


def test_what_refuses_this_once() -> None:
    assert deny_once(PLAIN) == "reject" and deny_once(PLAIN[1:]) is None
