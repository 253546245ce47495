"""Following a run from the command line over a link that does not hold."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from agent.errors import LinkCut
from agent.events import AnyEvent, Noted, PhaseChanged
from agent.messages import Welcome
from agent.state import SessionState
from remote.errors import HostUnreachable
from tests.tui.doubles import DoubleViewer
from tui.cli.target import Target

_EVENTS: list[AnyEvent] = [
    PhaseChanged(seq=1, phase="finished"),
    Noted(seq=2, text="on"),
    PhaseChanged(seq=3, phase="finished"),
]


class _Viewer(DoubleViewer):
    def __init__(self, events: list[AnyEvent], cut: bool) -> None:
        super().__init__(events, 0)
        self.welcome = Welcome(session_id="s", epoch=2, head_seq=2, phase="working")
        self._cut = cut

    async def batches(self) -> AsyncIterator[tuple[AnyEvent, ...]]:
        for event in self._events:
            yield (event,)
        assert self._cut, "nothing more comes, and nobody said that it is over"
        raise LinkCut("The link to the runner is cut.")


class _Links:
    """A link that is cut, cannot be made, and then holds."""

    def __init__(self, *plays: _Viewer | Exception) -> None:
        self._plays = list(plays)

    async def attach(self, *_: object) -> _Viewer:
        play = self._plays.pop(0)
        if isinstance(play, Exception):
            raise play
        return play


def _target(*plays: _Viewer | Exception) -> Target:
    return Target("s", "", "vm", None, cast(Any, _Links(*plays)))


async def test_a_cut_link_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.patience.LINK_BACK_OFF", (0.0,))
    first, last = _Viewer(_EVENTS[:2], cut=True), _Viewer(_EVENTS, cut=False)
    target = _target(first, HostUnreachable("vm cannot be reached."), last)
    state = await target.follow(SessionState(), lambda state: state.phase == "finished" and state.head_seq != 2)
    assert (state.head_seq, first.closed, last.closed) == (3, True, True)


async def test_a_host_that_was_never_reached_is_an_error() -> None:
    with pytest.raises(HostUnreachable):
        await _target(HostUnreachable("vm cannot be reached.")).follow(SessionState(), lambda state: True)
