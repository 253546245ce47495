"""Sessions on disk: made whole, found by the beginning of their id."""

from pathlib import Path

import pytest

from agent import sessions
from agent.errors import RecordDamaged, SessionUnknown
from agent.lease import Lease, read_lease
from agent.overview import look_over
from agent.sessions import create_session, find_session, get_session, list_sessions, new_id, open_session


def test_a_new_session_is_held_here_and_empty(isolated: Path) -> None:
    session = create_session(isolated, Path("/a/project"), "builtin")
    assert open_session(session.path) == session
    assert (session.info.title, session.info.project, session.info.home) == ("project", "/a/project", str(Path.home()))
    assert read_lease(session) == Lease(epoch=1, state="held")
    assert session.journal.read_bytes() == b""
    assert session.path.stat().st_mode & 0o777 == 0o700


def test_ids_are_twelve_lower_case_characters_of_base32() -> None:
    ids = {new_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(i) == 12 and set(i) <= set("abcdefghijklmnopqrstuvwxyz234567") for i in ids)


def test_a_half_made_directory_is_no_session(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "write_model", die)
        with pytest.raises(KeyboardInterrupt):
            create_session(isolated, Path("/p"), "builtin")
    assert len(list((isolated / "sessions").iterdir())) == 1
    assert list_sessions(isolated) == ()


def test_found_by_prefix(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SessionUnknown, match="There is no session yet"):
        find_session(isolated, None)
    ids = iter(["abcabcabcabc", "abdabdabdabd"])
    monkeypatch.setattr(sessions, "new_id", lambda: next(ids))
    first = create_session(isolated, Path("/p"), "builtin")
    assert find_session(isolated, None) == first
    second = create_session(isolated, Path("/q"), "codex", title="Second")
    assert [s.id for s in list_sessions(isolated)] == [second.id, first.id]
    assert find_session(isolated, "abd") == second
    assert find_session(isolated, first.id) == first
    with pytest.raises(SessionUnknown, match="More than one session fits: "):
        find_session(isolated, "ab")
    with pytest.raises(SessionUnknown, match="No session's id begins with 'x'"):
        find_session(isolated, "x")


@pytest.mark.parametrize("record", ["session.json", "lease.json"])
def test_a_damaged_session_is_named_and_hides_no_other(isolated: Path, record: str) -> None:
    damaged, whole = (create_session(isolated, Path("/p"), "builtin") for _ in range(2))
    (damaged.path / record).write_text("{" if record == "lease.json" else "{}")
    overview = look_over(isolated)
    assert [(session, lease.state) for session, lease in overview.whole] == [(whole, "held")]
    assert [each.id for each in overview.damaged] == [damaged.id]
    assert f"The session {damaged.id} cannot be read" in str(overview.damaged[0])
    assert find_session(isolated, whole.id) == whole == get_session(isolated, whole.id)


def test_a_damaged_session_that_is_asked_for_is_told(isolated: Path) -> None:
    session = create_session(isolated, Path("/p"), "builtin")
    (session.path / "session.json").write_text("{}")
    assert list_sessions(isolated) == ()
    for ask in (find_session, get_session):
        with pytest.raises(RecordDamaged, match="cannot be understood"):
            ask(isolated, session.id)
    (session.path / "session.json").unlink()
    (session.path / "session.json").mkdir()
    with pytest.raises(RecordDamaged, match="cannot be read: Is a directory"):
        get_session(isolated, session.id)
    assert get_session(isolated, "elsewhere") is None
