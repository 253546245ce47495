"""``castoff recover`` and ``castoff check``, as far as no host answers."""

from pathlib import Path

from agent.journal import Journal
from agent.lease import read_lease, write_lease
from agent.protocol import Lease
from tests.tui.cli.conftest import Castoff, MakeSession


def test_nothing_to_settle(make_session: MakeSession, castoff: Castoff) -> None:
    session = make_session()
    assert "nothing to settle" in castoff("recover").out
    assert castoff("recover", session.id, "--json").records == [
        {"type": "result", "ok": True, "settled": 0, "unsettled": 0}
    ]
    assert castoff("recover", "nosuch").status == 1


def test_an_unknown_host_leaves_everything_as_it_is(make_session: MakeSession, castoff: Castoff) -> None:
    offered, taken = make_session(), make_session()
    write_lease(offered, Lease(epoch=1, state="offered", to="gone"))
    write_lease(taken, Lease(epoch=4, to="gone"))
    ran = castoff("recover", "--json")
    last = ran.records[-1]
    assert (ran.status, last["ok"], last["code"]) == (1, False, "unsettled")
    told = {record["session_id"]: record for record in ran.records[:-1]}
    assert {record["result"] for record in told.values()} == {"waiting"}
    known = told[offered.id]["known"]
    assert known["left"] > 0 and known["heard"] == 0
    assert f"castoff reclaim {offered.id}" in " ".join(told[offered.id]["choices"])
    assert "castoff reclaim" not in " ".join(told[taken.id]["choices"])
    plain = castoff("recover", offered.id)
    assert plain.status == 1 and "It left here now. Nothing was heard of it since." in plain.out
    assert read_lease(offered).state == "offered" and read_lease(taken).to == "gone"


def test_whole_sessions_pass(make_session: MakeSession, castoff: Castoff) -> None:
    session = make_session()
    make_session()
    ran = castoff("check")
    assert (ran.status, ran.out.strip()) == (0, "2 sessions checked; everything is as it was written.")
    assert castoff("check", session.id, "--json").records == [
        {"type": "result", "ok": True, "checked": 1, "findings": 0}
    ]


def test_damage_is_told_with_file_seq_and_way_out(make_session: MakeSession, castoff: Castoff) -> None:
    session, other = make_session(), make_session()
    session.journal.write_bytes(session.journal.read_bytes().replace(b"Hello", b"Hallo"))
    (other.path / "session.json").unlink()
    (other.path / "session.json").mkdir()
    ran = castoff("check", "--json")
    found = {record["session"]: record for record in ran.records if record["type"] == "finding"}
    assert (ran.status, ran.records[-1]["code"], set(found)) == (1, "not-sound", {session.id, other.id})
    assert (found[session.id]["path"], found[session.id]["seq"]) == (str(session.journal), 5)
    assert all(record["way_out"] for record in found.values())
    plain = castoff("check", session.id, "--here")
    assert plain.status == 1 and f"{session.journal}, event 5" in plain.out
    assert castoff("check", other.id).status == 1, "one that cannot be opened is checked all the same"


def test_a_host_that_does_not_answer_is_no_damage(make_session: MakeSession, castoff: Castoff, tmp_path: Path) -> None:
    session = make_session()
    Journal(session.journal, 1).close()
    write_lease(session, Lease(epoch=4, to="gone"))
    ran = castoff("check", session.id, "--json")
    assert (ran.status, [record["type"] for record in ran.records]) == (0, ["unreachable", "result"])
    assert castoff("check", session.id, "--here", "--json").records[-1]["ok"] is True
