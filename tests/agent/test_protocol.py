"""The protocol's rules, each in every state of the record and at every epoch around it."""

from collections.abc import Callable

import pytest

from agent import protocol
from agent.errors import NotOwner
from agent.protocol import Lease

HELD = Lease(epoch=5)
OFFERED = Lease(epoch=5, state="offered", to="vm")
GIVEN = Lease(epoch=5, state="offered", to="home (x)")
AWAY = Lease(epoch=5, state="away", to="vm")
LEFT = Lease(epoch=5, state="away", to="vm", claim="home (x)", given=9)
RELEASED = Lease(epoch=5, state="released")
FORCED = Lease(epoch=8, to="vm")

Rule = Callable[..., Lease]


@pytest.mark.parametrize(
    ("rule", "before", "given", "after"),
    [
        (protocol.offer, HELD, ("vm",), OFFERED),
        (protocol.offer, FORCED, ("other",), Lease(epoch=8, state="offered", to="other")),
        (protocol.note_taken, OFFERED, (6,), Lease(epoch=6, state="away", to="vm")),
        (protocol.take_back, OFFERED, (7,), Lease(epoch=7)),
        (protocol.claim, AWAY, ("home (x)",), AWAY.model_copy(update={"claim": "home (x)"})),
        (protocol.claim, LEFT, ("home (y)",), LEFT),
        (protocol.take_home, AWAY, (6,), Lease(epoch=6)),
        (protocol.take_home, LEFT, (10,), Lease(epoch=10)),
        (protocol.leave_there, AWAY, (5,), AWAY.model_copy(update={"given": 7})),
        (protocol.leave_there, AWAY, (0,), AWAY.model_copy(update={"given": 7})),
        (protocol.reclaim, OFFERED, (), Lease(epoch=8, to="vm")),
        (protocol.reclaim, AWAY, (), Lease(epoch=7, to="vm")),
        (protocol.reclaim, LEFT, (), Lease(epoch=11, to="vm")),
        (protocol.note_told, FORCED, (8,), Lease(epoch=8)),
        (protocol.accept, None, (6,), Lease(epoch=6)),
        (protocol.accept, RELEASED, (6,), Lease(epoch=6)),
        (protocol.accept, AWAY, (6,), Lease(epoch=6)),
        (protocol.accept, GIVEN, (7,), Lease(epoch=7)),
        (protocol.refuse, HELD, (5,), Lease(epoch=6, state="released")),
        (protocol.withdraw, None, (6,), Lease(epoch=7, state="released")),
        (protocol.withdraw, AWAY, (6,), Lease(epoch=7, state="released")),
        (protocol.give, HELD, (5, "home (x)"), GIVEN),
        (protocol.give, HELD, (7, "home (x)"), Lease(epoch=7, state="offered", to="home (x)")),
        (protocol.regain, GIVEN, (7, "home (x)"), Lease(epoch=7)),
        (protocol.file_away, GIVEN, (6,), Lease(epoch=6, state="away", to="home (x)")),
        (protocol.file_away, HELD, (8,), Lease(epoch=8, state="away", to="home")),
        (protocol.file_away, None, (8,), Lease(epoch=8, state="away", to="home")),
    ],
)
def test_a_change_and_the_same_again(rule: Rule, before: Lease, given: tuple[object, ...], after: Lease) -> None:
    assert rule(before, *given) == after
    if rule is not protocol.leave_there:
        assert rule(after, *given) == after, "asked again it changes nothing"


@pytest.mark.parametrize(
    ("rule", "before", "given"),
    [
        (protocol.note_told, FORCED, (7,)),
        (protocol.withdraw, HELD, (5,)),
        (protocol.withdraw, GIVEN, (4,)),
        (protocol.regain, HELD, (7, "home (x)")),
        (protocol.file_away, HELD, (5,)),
        (protocol.file_away, GIVEN, (4,)),
    ],
)
def test_what_comes_late_changes_nothing(rule: Rule, before: Lease, given: tuple[object, ...]) -> None:
    assert rule(before, *given) == before


@pytest.mark.parametrize(
    ("rule", "before", "given", "sentence"),
    [
        (protocol.offer, OFFERED, ("other",), "on its way to vm"),
        (protocol.offer, AWAY, ("vm",), "it is on vm at epoch 5"),
        (protocol.offer, RELEASED, ("vm",), "given back at epoch 5"),
        (protocol.offered_epoch, HELD, (), "not offered to anybody"),
        (protocol.note_taken, HELD, (6,), "was not offered"),
        (protocol.note_taken, OFFERED, (5,), "was not offered at epoch 5"),
        (protocol.note_taken, OFFERED, (7,), "was not offered at epoch 7"),
        (protocol.note_taken, AWAY, (6,), "was not offered at epoch 6"),
        (protocol.take_back, OFFERED, (6,), "Epoch 6 is stale"),
        (protocol.take_back, AWAY, (9,), "Epoch 9 is stale"),
        (protocol.take_back, HELD, (6,), "Epoch 6 is stale"),
        (protocol.claim, HELD, ("home (x)",), "not away"),
        (protocol.take_home, AWAY, (5,), "Epoch 5 is stale"),
        (protocol.take_home, LEFT, (9,), "Epoch 9 is stale"),
        (protocol.take_home, OFFERED, (9,), "Epoch 9 is stale"),
        (protocol.take_home, HELD, (6,), "Epoch 6 is stale"),
        (protocol.leave_there, HELD, (5,), "not away"),
        (protocol.reclaim, HELD, (), "nothing to reclaim"),
        (protocol.reclaim, RELEASED, (), "nothing to reclaim"),
        (protocol.accept, HELD, (6,), "held here at epoch 5"),
        (protocol.accept, GIVEN, (6,), "Epoch 6 is stale"),
        (protocol.accept, AWAY, (5,), "Epoch 5 is stale"),
        (protocol.accept, RELEASED, (5,), "Epoch 5 is stale"),
        (protocol.refuse, None, (5,), "never was here"),
        (protocol.refuse, HELD, (4,), "cannot be given back"),
        (protocol.refuse, AWAY, (5,), "cannot be given back"),
        (protocol.give, None, (5, "home (x)"), "never was here"),
        (protocol.give, HELD, (4, "home (x)"), "not given up at epoch 4"),
        (protocol.give, GIVEN, (5, "home (y)"), r"on its way to home \(x\)"),
        (protocol.give, AWAY, (5, "home (x)"), "not here any more"),
        (protocol.regain, GIVEN, (7, "home (y)"), "Epoch 7 is stale"),
        (protocol.regain, GIVEN, (5, "home (x)"), "Epoch 5 is stale"),
        (protocol.regain, AWAY, (7, "home (x)"), "not here any more"),
        (protocol.check_pack, RELEASED, (), "not here any more"),
    ],
)
def test_refusals(rule: Rule, before: Lease | None, given: tuple[object, ...], sentence: str) -> None:
    with pytest.raises(NotOwner, match=sentence):
        rule(before, *given)


@pytest.mark.parametrize("lease", [None, HELD, OFFERED, GIVEN, AWAY, LEFT, RELEASED, FORCED])
def test_only_the_holder_of_the_epoch_runs(lease: Lease | None) -> None:
    assert [epoch for epoch in range(12) if protocol.may_run(lease, epoch)] == (
        [lease.epoch] if lease is not None and lease.state == "held" else []
    )


def test_what_the_host_gives_is_above_all_that_it_may_hold() -> None:
    assert protocol.epoch_to_give(AWAY, 5) == 5
    assert protocol.epoch_to_give(LEFT, 5) == protocol.epoch_to_give(LEFT, 9) == 9
    assert protocol.epoch_to_give(LEFT, 11) == 11
