"""The history of a run that comes home: whatever a host wrote, ours is its beginning and stays ours."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agent.errors import JournalDamaged
from agent.sessions import SessionDir, create_session
from remote.history import check_history

Event = Mapping[str, object]

_LEFT: tuple[Event, ...] = (
    {"kind": "policy", "policy": "ask", "rules": {"ask": ["read"]}, "epoch": 1},
    {"kind": "note", "text": "cast off", "epoch": 1},
)
_THERE: tuple[Event, ...] = (
    {"kind": "policy", "policy": "accept-all", "rules": {"ask": ()}, "epoch": 2},
    {"kind": "note", "text": "worked", "epoch": 2},
)


def lines(events: Sequence[Event]) -> str:
    return "".join(json.dumps({"seq": seq, "at": 1.0, **event}) + "\n" for seq, event in enumerate(events, start=1))


@pytest.fixture
def session(tmp_path: Path) -> SessionDir:
    session = create_session(tmp_path / "state", tmp_path, "builtin")
    session.journal.write_text(lines(_LEFT))
    session.frames.write_text('{"frame": 1}\n')
    return session


def pack(tmp_path: Path, events: Sequence[Event], frames: str = '{"frame": 1}\n{"frame": 2}\n') -> Path:
    folder = tmp_path / "parcel" / "session"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_text(lines(events))
    (folder / "acp.jsonl").write_text(frames)
    return tmp_path / "parcel"


def test_a_history_that_goes_on(session: SessionDir, tmp_path: Path) -> None:
    history = check_history(session, pack(tmp_path, (*_LEFT, *_THERE)), 2, 2)
    assert (history.state.head_seq, history.state.policy) == (4, "accept-all")
    assert (history.policy_at_home, history.rules_at_home.ask, history.state.rules.ask) == ("ask", ("read",), ())


def test_a_history_that_is_in_place_already(session: SessionDir, tmp_path: Path) -> None:
    """A pull that was cut after the history was placed is done again, to the same end."""
    parcel = pack(tmp_path, (*_LEFT, *_THERE))
    session.journal.write_text(lines((*_LEFT, *_THERE)))
    assert check_history(session, parcel, 2, 2).policy_at_home == "ask"


@pytest.mark.parametrize(
    "events",
    [
        (*_LEFT, {"kind": "policy", "policy": "accept-all", "epoch": 1}),
        (*_LEFT, *_THERE, {"kind": "note", "text": "back", "epoch": 1}),
        (*_LEFT, {"kind": "note", "text": "far", "epoch": 3}),
        (*_LEFT, {"kind": "moved", "origin": "x", "to": "here", "files": 1, "size": 1, "seconds": 1, "epoch": 10**9}),
        _LEFT[:1],
        (),
        (_LEFT[0], {**_LEFT[1], "text": "not that"}, *_THERE),
    ],
)
def test_histories_that_are_refused(session: SessionDir, tmp_path: Path, events: tuple[Event, ...]) -> None:
    with pytest.raises(JournalDamaged):
        check_history(session, pack(tmp_path, events), 2, 2)


@pytest.mark.parametrize("frames", ["", '{"frame": 7}\n{"frame": 2}\n'])
def test_frames_are_kept_without_loss(session: SessionDir, tmp_path: Path, frames: str) -> None:
    with pytest.raises(JournalDamaged, match=r"acp\.jsonl"):
        check_history(session, pack(tmp_path, (*_LEFT, *_THERE), frames), 2, 2)


def test_a_history_that_is_not_there(session: SessionDir, tmp_path: Path) -> None:
    parcel = pack(tmp_path, (*_LEFT, *_THERE))
    (parcel / "session/journal.jsonl").unlink()
    with pytest.raises(JournalDamaged, match="without"):
        check_history(session, parcel, 2, 2)
