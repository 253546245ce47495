"""What is done to an agent's own files before it takes a session up."""

from pathlib import Path

import pytest

from agent.errors import AgentFailed
from agent.profiles import load_profile
from agent.quirks import settle_session

GEMINI = load_profile("gemini", Path("/nonexistent"))
SID = "0123abcd-4567-89ab-cdef-0123456789ab"
TURN = '{"type":"gemini","content":"Aye"}\n'


def write_recording(home: Path, name: str, text: str) -> Path:
    path = home / ".gemini" / "tmp" / "shanty" / "chats" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def names(home: Path) -> list[str]:
    return sorted(path.name for path in home.rglob("*.jsonl"))


def test_one_recording_of_a_gemini_session_is_left_with_an_early_name(tmp_path: Path) -> None:
    write_recording(tmp_path, "session-2026-11-22T23-10-0123abcd.jsonl", TURN)
    write_recording(tmp_path, "session-2026-11-22T23-15-0123abcd.jsonl", '{"type":"user"}\n')
    other = write_recording(tmp_path, "session-2026-11-22T23-15-ffffffff.jsonl", '{"type":"user"}\n')
    for _ in range(2):
        settle_session(GEMINI, tmp_path, SID, "ours")
        assert names(tmp_path) == ["session-2026-11-22T00-00-0123abcd.jsonl", other.name]


def test_turns_that_gemini_takes_back_at_its_end_are_there_again(tmp_path: Path) -> None:
    context = '{"$set":{"messages":[{"type":"user","content":"context"}]}}\n'
    rewritten = '{"$set":{"messages":[{"type":"user"},{"type":"gemini"}]}}\n'
    path = write_recording(tmp_path, "session-2026-11-22T00-00-0123abcd.jsonl", context + TURN + rewritten + context)
    settle_session(GEMINI, tmp_path, SID, "ours")
    assert path.read_text("utf-8") == context + TURN + rewritten


def test_nothing_is_removed_where_two_recordings_have_turns(tmp_path: Path) -> None:
    both = [write_recording(tmp_path, f"session-2026-11-22T23-1{n}-0123abcd.jsonl", TURN).name for n in range(2)]
    with pytest.raises(AgentFailed, match="more than one recording"):
        settle_session(GEMINI, tmp_path, SID, "ours")
    assert names(tmp_path) == both


def test_agents_without_quirks_keep_their_files(tmp_path: Path) -> None:
    write_recording(tmp_path, "session-2026-11-22T23-15-0123abcd.jsonl", "")
    settle_session(GEMINI.model_copy(update={"quirk": ""}), tmp_path, SID, "ours")
    assert names(tmp_path) == ["session-2026-11-22T23-15-0123abcd.jsonl"]
