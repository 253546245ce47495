"""How long it is waited between attempts: a link that returns is found within two seconds, a host is not pestered."""

import pytest

from agent.errors import AgentFailed, LinkCut, ViewerGone
from remote.errors import AuthenticationRefused, ConnectionLost, HostNoisy, HostUnreachable, UnknownHost
from remote.patience import Patience


@pytest.mark.parametrize("kind", [LinkCut, ConnectionLost, HostUnreachable, UnknownHost])
def test_a_link_that_is_away_is_looked_for_every_two_seconds_at_least(kind: type[Exception]) -> None:
    patience = Patience()
    waits = [patience.fail(kind("away")) for _ in range(500)]
    assert waits == sorted(waits) and waits[0] < 0.5
    assert max(waits) <= 1.0, "with the time that attaching takes: two seconds"


@pytest.mark.parametrize("kind", [AuthenticationRefused, HostNoisy, ViewerGone, AgentFailed])
def test_what_was_refused_is_asked_seldom(kind: type[Exception]) -> None:
    patience = Patience()
    waits = [patience.fail(kind("no")) for _ in range(10)]
    assert waits == sorted(waits) and waits[0] <= 1 and waits[-1] == 15


def test_many_cuts_make_no_runner_wait_and_success_begins_anew() -> None:
    patience = Patience()
    for _ in range(100):
        patience.fail(LinkCut("cut"))
    assert patience.fail(ViewerGone("ended")) == 0.5
    assert patience.fail(ViewerGone("ended")) == 1.0
    patience.succeed()
    assert (patience.fail(ViewerGone("ended")), patience.fail(LinkCut("cut"))) == (0.5, 0.2)
