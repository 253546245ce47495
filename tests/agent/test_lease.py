"""The record of who holds a session, on disk: one change at a time, and a runner that sees each."""

import threading
from pathlib import Path

import pytest

from agent.errors import NotOwner, RecordDamaged
from agent.lease import Tenure, change_lease, known_lease, read_lease, update_lease, write_lease
from agent.protocol import Lease, offer, take_back
from agent.sessions import SessionDir

AWAY = Lease(epoch=3, state="away", to="vm", claim="home (x)", given=5)


def test_on_disk(own_session: SessionDir) -> None:
    write_lease(own_session, AWAY)
    assert read_lease(own_session) == known_lease(own_session.path) == AWAY
    (own_session.path / "lease.json").write_text('{"epoch": 1, "state": "mine"}')
    with pytest.raises(RecordDamaged, match=r"lease\.json cannot be understood"):
        read_lease(own_session)


def test_a_refused_change_leaves_the_record(own_session: SessionDir) -> None:
    with pytest.raises(NotOwner):
        update_lease(own_session, lambda lease: take_back(lease, 7))
    assert read_lease(own_session) == Lease()


def test_a_missing_record_is_no_new_one(own_session: SessionDir) -> None:
    (own_session.path / "lease.json").unlink()
    assert known_lease(own_session.path) is None
    with pytest.raises(RecordDamaged, match="is missing"):
        update_lease(own_session, lambda lease: offer(lease, "vm"))


def test_an_offer_is_not_taken_back_and_accepted_at_once(tmp_path: Path) -> None:
    seen: list[Lease | None] = []

    def withdraw(lease: Lease | None) -> Lease:
        seen.append(lease)
        return lease or Lease(epoch=3, state="released")

    other = threading.Thread(target=change_lease, args=(tmp_path, withdraw))

    def accept(lease: Lease | None) -> Lease:
        assert lease is None
        other.start()
        other.join(0.3)
        assert not seen, "it waits until this change is on disk"
        return Lease(epoch=2, state="held")

    held = change_lease(tmp_path, accept)
    other.join(30)
    assert seen == [held] and known_lease(tmp_path) == held


@pytest.mark.parametrize(
    "after",
    [
        Lease(epoch=1, state="offered", to="vm"),
        Lease(epoch=2, state="away", to="vm"),
        Lease(epoch=2, state="held"),
        Lease(epoch=3, state="released"),
    ],
)
def test_a_tenure_ends_with_the_record(own_session: SessionDir, after: Lease) -> None:
    tenure = Tenure(own_session.path, 1)
    assert tenure.holds() and tenure.holds()
    write_lease(own_session, after)
    assert not tenure.holds() and not tenure.holds()
    write_lease(own_session, Lease())
    assert tenure.holds()


def test_a_tenure_without_a_record_is_an_error(own_session: SessionDir) -> None:
    tenure = Tenure(own_session.path, 1)
    assert tenure.holds()
    (own_session.path / "lease.json").unlink()
    with pytest.raises(RecordDamaged, match="is missing"):
        tenure.holds()
