"""Who owns a session: every transition, and two sides that never both hold, whatever the network does."""

from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from agent.errors import NotOwner, RecordDamaged
from agent.lease import Lease, confirm, offer, read_lease, release, take, write_lease
from agent.sessions import SessionDir

HELD = Lease(epoch=3, state="held")
OFFERED = Lease(epoch=3, state="offered", to="vm")
AWAY = Lease(epoch=3, state="away", to="vm")
RELEASED = Lease(epoch=3, state="released")

Step = Callable[..., Lease]


@pytest.mark.parametrize(
    ("before", "step", "given", "after"),
    [
        (HELD, offer, "vm", OFFERED),
        (OFFERED, offer, "vm", OFFERED),
        (OFFERED, confirm, 4, Lease(epoch=4, state="away", to="vm")),
        (AWAY, confirm, 5, Lease(epoch=5, state="away", to="vm")),
        (HELD, take, 3, HELD),
        (OFFERED, take, 5, Lease(epoch=5, state="held")),
        (AWAY, take, 4, Lease(epoch=4, state="held")),
        (RELEASED, take, 4, Lease(epoch=4, state="held")),
        (HELD, release, 4, Lease(epoch=4, state="released")),
        (OFFERED, release, 4, Lease(epoch=4, state="released")),
        (RELEASED, release, 3, RELEASED),
    ],
)
def test_transitions(before: Lease, step: Step, given: str | int, after: Lease) -> None:
    assert step(before, given) == after


def test_a_side_that_never_had_it_may_take_it() -> None:
    assert take(None, 2) == Lease(epoch=2, state="held")


@pytest.mark.parametrize(
    ("before", "step", "given", "sentence"),
    [
        (OFFERED, offer, "other", "on its way to vm"),
        (AWAY, offer, "vm", "it is on vm at epoch 3"),
        (RELEASED, offer, "vm", "given back at epoch 3"),
        (HELD, confirm, 4, "was not offered"),
        (RELEASED, confirm, 4, "was not offered"),
        (OFFERED, confirm, 3, "was not offered at epoch 3"),
        (AWAY, confirm, 3, "was not offered at epoch 3"),
        (HELD, take, 4, "held here at epoch 3"),
        (OFFERED, take, 3, "Epoch 3 is stale"),
        (AWAY, take, 3, "Epoch 3 is stale"),
        (RELEASED, take, 2, "Epoch 2 is stale"),
        (AWAY, release, 4, "Cannot release epoch 4"),
        (RELEASED, release, 4, "Cannot release epoch 4"),
        (HELD, release, 2, "Cannot release epoch 2"),
    ],
)
def test_refusals(before: Lease, step: Step, given: str | int, sentence: str) -> None:
    with pytest.raises(NotOwner, match=sentence):
        step(before, given)


def test_on_disk(own_session: SessionDir) -> None:
    write_lease(own_session, AWAY)
    assert read_lease(own_session) == AWAY
    (own_session.path / "lease.json").write_text('{"epoch": 1, "state": "mine"}')
    with pytest.raises(RecordDamaged, match=r"lease\.json cannot be understood"):
        read_lease(own_session)


Message = tuple[str, int]


class TwoSides(RuleBasedStateMachine):
    """A session between here and a host. A message sent may be delivered late, often, or never."""

    gives_up_first: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.here = Lease(epoch=1, state="held")
        self.host: Lease | None = None
        self.sent: list[Message] = []

    def send(self, what: str, epoch: int) -> None:
        if (what, epoch) not in self.sent:
            self.sent.append((what, epoch))

    @precondition(lambda self: self.here.state == "held")
    @rule()
    def hand_off(self) -> None:
        self.send("accept", self.here.epoch + 1)
        if self.gives_up_first:
            self.here = offer(self.here, "vm")

    @precondition(lambda self: self.here.state == "held" and not self.gives_up_first and self.sent)
    @rule()
    def give_up_late(self) -> None:
        self.here = offer(self.here, "vm")

    @precondition(lambda self: self.here.state == "offered")
    @rule(what=st.sampled_from(["accept", "withdraw"]))
    def ask_again(self, what: str) -> None:
        self.send(what, self.here.epoch + 1)

    @precondition(lambda self: self.here.state == "away")
    @rule()
    def pull(self) -> None:
        self.send("give", self.here.epoch)

    @precondition(lambda self: self.host is not None and self.host.state == "held")
    @rule()
    def fail_to_prove(self) -> None:
        assert self.host is not None
        self.host = release(self.host, self.host.epoch + 1)
        self.send("released", self.host.epoch)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        what, epoch = data.draw(st.sampled_from(self.sent))
        try:
            getattr(self, f"on_{what}")(epoch)
        except NotOwner:
            return

    def on_accept(self, epoch: int) -> None:
        self.host = take(self.host, epoch)
        self.send("taken", epoch)

    def on_withdraw(self, epoch: int) -> None:
        if self.host is None or self.host.epoch < epoch:
            self.host = Lease(epoch=epoch + 1, state="released")
        if self.host.state == "released":
            self.send("released", self.host.epoch)

    def on_taken(self, epoch: int) -> None:
        self.here = confirm(self.here, epoch)

    def on_released(self, epoch: int) -> None:
        self.here = take(self.here, epoch + 1)

    def on_give(self, epoch: int) -> None:
        if self.host is not None and self.host.epoch == epoch:
            self.host = offer(self.host, "here")
            self.send("given", epoch)

    def on_given(self, epoch: int) -> None:
        self.here = take(self.here, epoch + 1)
        self.send("settled", epoch + 1)

    def on_settled(self, epoch: int) -> None:
        assert self.host is not None
        self.host = confirm(self.host, epoch)

    @invariant()
    def never_both(self) -> None:
        assert not (self.here.state == "held" and self.host is not None and self.host.state == "held")


class GivesUpLate(TwoSides):
    """The planted bug: the offer leaves before the lease says so."""

    gives_up_first = False


def test_two_sides_never_both_hold() -> None:
    run_state_machine_as_test(TwoSides, settings=settings(max_examples=100, stateful_step_count=30, deadline=None))


def test_giving_up_after_the_offer_is_caught() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(GivesUpLate, settings=settings(max_examples=300, deadline=None, derandomize=True))
