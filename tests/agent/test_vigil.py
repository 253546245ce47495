"""The watch over time: silence, work that goes on, and nobody who looks."""

import pytest

from agent.events import Judged, Noted, PermissionAsked, Prompted, Text, ToolCalled, TurnStarted
from agent.recorder import Recorder
from agent.sessions import SessionDir
from agent.vigil import Vigil

MINUTE = 60.0


class Scene:
    """A vigil over a recorder, with clocks that stand where they are put."""

    def __init__(self, session: SessionDir) -> None:
        self.now = 0.0
        self.worked = 0.0
        self.found: list[Judged] = []
        self.recorder = Recorder(session.journal, 1)
        self.recorder.record(Prompted(prompt_id="p", text="Build it"))
        self.recorder.record(TurnStarted(prompt_id="p"))
        at = self.recorder.state.at
        self.vigil = Vigil(
            self.recorder,
            "/home/dev/shop",
            self.found.append,
            wall=lambda: at + self.now,
            steady=lambda: self.now,
            work=lambda _: self.worked,
        )

    def wait(self, minutes: float, work: float = 0.0) -> list[tuple[str, str]]:
        """Look each half minute; ``work`` is the share of a processor that the agent's processes use."""
        before = len(self.found)
        for _ in range(round(minutes * 2)):
            self.now += MINUTE / 2
            self.worked += work * MINUTE / 2
            self.vigil.look(1)
        return [(verdict.rule, verdict.level) for verdict in self.found[before:]]


@pytest.fixture
async def scene(own_session: SessionDir):
    scene = Scene(own_session)
    yield scene
    scene.recorder.close()


async def test_silence_is_told_then_paused(scene: Scene) -> None:
    scene.recorder.record(ToolCalled(call_id="c", title="Subagent", status="in_progress"))
    assert scene.wait(9.5) == []
    assert scene.wait(1) == [("silence", "told")]
    assert "Subagent" in scene.found[0].evidence
    assert scene.wait(19) == []
    assert scene.wait(1) == [("silence", "pause")]


async def test_a_sign_of_life_ends_silence_and_our_own_words_do_not(scene: Scene) -> None:
    scene.wait(9)
    scene.recorder.record(Noted(text="ours"))
    assert scene.wait(1) == [("silence", "told")]
    scene.recorder.record(Text(text="I am here"))
    scene.recorder.flush()
    assert scene.wait(9.5) == []


async def test_a_long_build_is_not_silent(scene: Scene) -> None:
    scene.recorder.record(ToolCalled(call_id="c", title="make world", status="in_progress"))
    assert scene.wait(5 * 60, work=0.5) == []
    assert scene.wait(29.5, work=0.001)[:1] == [("silence", "told")]


async def test_who_waits_for_an_answer_is_not_silent(scene: Scene) -> None:
    scene.recorder.record(ToolCalled(call_id="c"))
    scene.recorder.record(PermissionAsked(request_id="q", call_id="c", options=()))
    assert scene.wait(60) == []


async def test_nobody_looked_for_twelve_hours(scene: Scene) -> None:
    assert scene.wait(11.9 * 60, work=1.0) == []
    assert scene.wait(10, work=1.0) == [("alone_hours", "pause")]


async def test_whoever_looks_starts_the_hours_anew(scene: Scene) -> None:
    scene.wait(11 * 60, work=1.0)
    scene.vigil.greet()
    assert scene.wait(11.9 * 60, work=1.0) == []


async def test_hours_before_the_runner_started_count(own_session: SessionDir) -> None:
    scene = Scene(own_session)
    later = scene.recorder.state.at + 11.5 * 3600
    found: list[Judged] = []
    vigil = Vigil(scene.recorder, "/x", found.append, wall=lambda: later, steady=lambda: scene.now, work=lambda _: None)
    scene.now += 3600
    vigil.look(None)
    scene.recorder.close()
    assert found[0].rule == "alone_hours"
