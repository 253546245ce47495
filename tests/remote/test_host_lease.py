"""A run's lease on its host: one change at a time."""

import threading
from pathlib import Path

import pytest

from agent.lease import Lease
from remote.host_lease import change_lease, known_lease


def test_an_offer_is_not_taken_back_and_accepted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path))
    seen: list[Lease | None] = []

    def withdraw(lease: Lease | None) -> Lease:
        seen.append(lease)
        return lease or Lease(epoch=3, state="released")

    other = threading.Thread(target=change_lease, args=("run", withdraw))

    def accept(lease: Lease | None) -> Lease:
        assert lease is None
        other.start()
        other.join(0.3)
        assert not seen, "it waits until this change is on disk"
        return Lease(epoch=2, state="held")

    held = change_lease("run", accept)
    other.join(30)
    assert seen == [held] and known_lease("run") == held
