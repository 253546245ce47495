"""A move over a link that is lost: what is done again, what is told, and when that ends."""

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from remote.endurance import endure
from remote.errors import AuthenticationRefused, ConnectionLost, HostUnreachable, RemoteError
from remote.host_client import HostClient
from remote.links import Links
from remote.progress import Relay
from remote.steps import LinkBack, LinkLost


class _Links:
    """Each client that is asked for is what comes next: one, or the error that is raised."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    async def client(self, name: str) -> object:
        assert name == "vm"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Mover:
    client: HostClient | None = None


def _work(*outcomes: object) -> Callable[[], Coroutine[Any, Any, object]]:
    left = list(outcomes)

    async def work() -> object:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return work


async def _drive(links: _Links, work: Callable[[], Coroutine[Any, Any, object]], mover: _Mover | None = None) -> object:
    relay: Relay[Any, object] = Relay()
    told = list[object]()
    async for step in endure(mover or _Mover(), cast(Links, links), "vm", work, relay):
        told.append(step)
    return relay.result, [cast(LinkLost | LinkBack, step).step for step in told]


async def test_what_was_cut_is_done_again_with_a_new_client_and_told() -> None:
    mover, client = _Mover(), SimpleNamespace()
    links = _Links(HostUnreachable("away"), ConnectionLost("again"), client)
    done = await _drive(links, _work(ConnectionLost("cut"), "done"), mover)
    assert done == ("done", ["link-lost", "link-back"])
    assert mover.client is client and not links.answers


async def test_what_is_no_lost_link_is_told_at_once() -> None:
    for error in (RemoteError("no"), HostUnreachable("no"), RemoteError("busy", code="being-moved")):
        with pytest.raises(RemoteError) as raised:
            await _drive(_Links(), _work(error, "done"))
        assert raised.value is error


async def test_a_run_that_the_lost_link_still_keeps_is_waited_for() -> None:
    busy = RemoteError("Another castoff is pulling this run.", code="being-moved")
    assert await _drive(_Links(1), _work(ConnectionLost("cut"), busy, busy, "done")) == (
        "done",
        ["link-lost", "link-back"],
    )
    with pytest.raises(RemoteError, match="Another castoff"):
        await _drive(_Links(1), _work(ConnectionLost("cut"), *[busy] * 20))


async def test_a_link_that_stays_away_ends_it_with_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.endurance.LINK_SECONDS", 0.01)
    lost = ConnectionLost("cut")
    with pytest.raises(ConnectionLost) as raised:
        await _drive(_Links(*[HostUnreachable("away")] * 20), _work(lost))
    assert raised.value is lost


async def test_a_link_that_breaks_each_time_is_none() -> None:
    with pytest.raises(ConnectionLost, match="cut 9"):
        await _drive(_Links(*range(20)), _work(*(ConnectionLost(f"cut {number}") for number in range(20))))


async def test_a_host_that_answers_and_refuses_is_no_lost_link() -> None:
    with pytest.raises(AuthenticationRefused):
        await _drive(_Links(AuthenticationRefused("no")), _work(ConnectionLost("cut")))
