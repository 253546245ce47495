"""docs/protocol.md is what the rules are; and what holds of all of them at once."""

from pathlib import Path

import pytest

from agent import protocol
from tests.agent.protocol_page import SIDES, Rule, outcomes, render

_ROOT = Path(__file__).parents[2]
_CASES = [
    pytest.param(rule, state, records, id=f"{rule.name}-{state}")
    for states, rules in SIDES
    for rule in rules
    for state, records in states.items()
]


def test_the_page_is_made_of_the_rules() -> None:
    assert (_ROOT / "docs" / "protocol.md").read_text() == render(), "make docs writes it anew"


@pytest.mark.parametrize(("rule", "state", "records"), _CASES)
def test_epochs_only_rise(rule: Rule, state: str, records: tuple[protocol.Lease | None, ...]) -> None:
    for before, after in outcomes(rule, records):
        if before is None or after is None:
            continue
        assert after.epoch >= before.epoch
        if after.state == "held" and before.state != "held":
            assert after.epoch > before.epoch, "nobody holds it again at an epoch that was given up"


def test_every_rule_is_on_the_page() -> None:
    changing = {
        name
        for name, function in vars(protocol).items()
        if not name.startswith("_") and getattr(function, "__annotations__", {}).get("return") is protocol.Lease
    }
    assert changing - {"check_pack"} == {rule.name for _, rules in SIDES for rule in rules}
