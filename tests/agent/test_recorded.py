"""The fold over what a real agent sent: recorded frames become the state that a viewer shows."""

import pytest

from agent.blocks import PermissionBlock, TextBlock, ToolBlock
from agent.events import EVENT, AgentStarted, AnyEvent, DiffContent
from agent.fold import advance
from agent.state import SessionState
from tests.agent.recording import RECORDED, normalise, read_frames, read_recorded

NAMES = sorted(path.stem for path in RECORDED.glob("*.jsonl"))


def fold(name: str) -> SessionState:
    """The state, by way of the journal's own JSON."""
    events: list[AnyEvent] = [EVENT.validate_json(event.model_dump_json()) for event in read_recorded(name)]
    return advance(SessionState(), events)


def tools(state: SessionState) -> dict[str, ToolBlock]:
    return {block.call_id: block for block in state.blocks if isinstance(block, ToolBlock)}


def test_recordings_hold_no_path_of_the_machine_they_were_made_on() -> None:
    assert NAMES == ["codex-killed", "codex-loaded", "codex-turn"]
    for name in NAMES:
        text = (RECORDED / f"{name}.jsonl").read_text("utf-8")
        assert "/project" in text
        for place in ('"/tmp/', '"/root/', '"/home/runner', "pytest"):
            assert place not in text


def test_normalise_replaces_the_longest_path_first() -> None:
    assert normalise("/a/b /a", {"/a": "/home", "/a/b": "/project"}) == "/project /home"


@pytest.mark.parametrize("name", NAMES)
def test_one_event_at_a_time_folds_to_the_same(name: str) -> None:
    state = SessionState()
    for event in read_recorded(name):
        state = advance(state, [EVENT.validate_json(event.model_dump_json())])
    assert state == fold(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_call_is_one_block_with_a_title(name: str) -> None:
    state = fold(name)
    blocks = [block for block in state.blocks if isinstance(block, ToolBlock)]
    assert len(blocks) == len(tools(state)) > 0
    assert all(block.title for block in blocks)


def test_a_whole_turn() -> None:
    state = fold("codex-turn")
    assert [(entry.content, entry.status) for entry in state.plan] == [("Read", "completed"), ("Edit", "completed")]
    assert [(t.tool_kind, t.status) for t in tools(state).values()] == [
        ("read", "completed"),
        ("edit", "completed"),
        ("execute", "completed"),
    ]
    edit = next(tool for tool in tools(state).values() if tool.tool_kind == "edit")
    assert [(part.path, part.new_text.count("world")) for part in edit.content if isinstance(part, DiffContent)] == [
        ("/project/greet.py", 1)
    ]
    questions = [block for block in state.blocks if isinstance(block, PermissionBlock)]
    assert [question.option_id for question in questions] == ["approved", "approved"]
    assert (state.questions, state.running, state.turn, state.turns) == ((), (), None, 1)
    texts = [block.text for block in state.blocks if isinstance(block, TextBlock)]
    assert texts[-1] == "Done: it greets the world."
    assert (state.usage.context_size, state.usage.cost_usd) == (258400, None)


def test_killed_in_mid_command() -> None:
    """The question came before its call; the call is in flight until an agent takes the session up again."""
    state = fold("codex-killed")
    running = tools(state)[state.running[0]]
    assert (len(state.running), running.tool_kind, running.status) == (1, "execute", "in_progress")
    assert state.turn is not None
    started = AgentStarted(seq=state.head_seq + 1, agent="codex", agent_session_id="s", resumed="resume")
    taken_up = advance(state, [started])
    assert (taken_up.interrupted_turn, taken_up.interrupted_calls) == (state.turn, state.running)


def test_loading_replays_what_the_journal_has_already() -> None:
    """Codex replays the history before its answer to session/load, which is why the client is deaf until then."""
    frames = [record["frame"] for record in read_frames("codex-loaded")]
    load = next(frame for frame in frames if frame.get("method") == "session/load")
    answered = next(n for n, frame in enumerate(frames) if frame.get("id") == load["id"] and "result" in frame)
    replay = [frame["params"]["update"] for frame in frames[:answered] if frame.get("method") == "session/update"]
    kinds = [update["sessionUpdate"] for update in replay]
    assert {"user_message_chunk", "agent_message_chunk", "tool_call"} <= set(kinds)
    assert "plan" not in kinds
