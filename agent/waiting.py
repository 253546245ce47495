"""How long the questions of a run have waited for a human: when the time is up, the answer is no, and the run waits."""

import time

from agent.blocks import PermissionBlock
from agent.calls import read_call
from agent.clocks import Clock, passing
from agent.state import SessionState


def first_asked(state: SessionState, question: PermissionBlock) -> float:
    """When this was first asked, in Unix time: a runner that was killed while it waited does not begin anew.

    The same call that a turn asked for again because its runner had ended counts from the first question on, unless a
    human was there since.
    """
    first, wanted, same_turn = question.at, _print_of(state, question), True
    for block in reversed(state.blocks):
        if block.at <= state.human_at:
            break
        if block.type == "prompt":
            same_turn = False
        elif block.type == "turn":
            same_turn = block.stop_reason == "crash"
        elif block.type == "permission" and same_turn and block.by == "cancel" and _print_of(state, block) == wanted:
            first = min(first, block.at)
    return first


def _print_of(state: SessionState, question: PermissionBlock) -> str:
    call = next((b for b in reversed(state.blocks) if b.type == "tool" and b.call_id == question.call_id), None)
    return read_call(call, frozenset(), ()).print if call is not None else question.call_id


class Waiting:
    """Measures it. What passed before this runner began is told by the journal, the rest by a clock nobody sets."""

    def __init__(self, wall: Clock = time.time, steady: Clock = passing) -> None:
        self._wall = wall
        self._steady = steady
        self._began: dict[str, float] = {}
        """When each question was first asked, by the steady clock."""

    def overdue(self, state: SessionState) -> PermissionBlock | None:
        """The open question that has waited for longer than ``state.watch.answer_minutes``, if one has."""
        known = self._began
        self._began = {q.request_id: known.get(q.request_id) or self._reckon(state, q) for q in state.questions}
        limit = state.watch.answer_minutes * 60
        late = (q for q in state.questions if 0 < limit <= self._steady() - self._began[q.request_id])
        return next(late, None)

    def _reckon(self, state: SessionState, question: PermissionBlock) -> float:
        return self._steady() - max(0.0, self._wall() - first_asked(state, question))
