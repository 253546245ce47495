"""A runner whose epoch is over writes nothing more, from the very next event on."""

import pytest

from agent.errors import RecordDamaged
from agent.events import Noted
from agent.lease import Tenure, write_lease
from agent.protocol import Lease
from agent.recorder import Recorder
from agent.sessions import SessionDir


def note(text: str) -> Noted:
    return Noted(level="info", text=text)


def start(session: SessionDir) -> Recorder:
    recorder = Recorder(session.journal, 1, Tenure(session.path, 1).holds)
    recorder.record(note("ours"))
    return recorder


@pytest.mark.parametrize("after", [Lease(epoch=2), Lease(state="offered", to="vm"), Lease(epoch=2, state="released")])
async def test_nothing_is_written_at_a_stale_epoch(own_session: SessionDir, after: Lease) -> None:
    recorder = start(own_session)
    before = own_session.journal.read_bytes()
    write_lease(own_session, after)
    recorder.record(note("late"))
    assert own_session.journal.read_bytes() == before and before.count(b"\n") == 1
    assert recorder.fenced
    # Once over, it is over: even if the record came back, this runner does not.
    write_lease(own_session, Lease())
    recorder.record(note("later"))
    assert own_session.journal.read_bytes() == before
    recorder.close()


async def test_nothing_is_written_without_a_record(own_session: SessionDir) -> None:
    recorder = start(own_session)
    before = own_session.journal.read_bytes()
    (own_session.path / "lease.json").unlink()
    with pytest.raises(RecordDamaged):
        recorder.record(note("late"))
    recorder.record(note("later"))
    assert recorder.fenced and own_session.journal.read_bytes() == before
    recorder.close()
