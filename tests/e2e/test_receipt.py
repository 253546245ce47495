"""The receipt of a handoff says what was moved, whichever command came to its end."""

import pytest

from agent.lease import read_lease
from remote.departure import Departure
from remote.errors import ConnectionLost
from remote.host_protocol import Standing, Verdict
from remote.receipt import read_last_receipt
from remote.steps import Away, StillHere
from snapshot.manifest import read_manifest
from tests.e2e.journey import fill_project
from tests.e2e.scene import Scene


async def test_a_handoff_that_a_second_command_settles_has_the_numbers_of_the_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_project(scene.place)
    session = scene.session()
    accept = Departure.accept

    async def lose_verdict(departure: Departure) -> Verdict:
        await accept(departure)
        raise ConnectionLost("The connection to vm was lost.")

    async def lose_answer(_: Departure) -> Standing:
        raise ConnectionLost("The connection to vm was lost.")

    with monkeypatch.context() as cut:
        cut.setattr(Departure, "accept", lose_verdict)
        cut.setattr(Departure, "withdraw", lose_answer)
        told = await scene.move(session)
    assert isinstance(told, StillHere) and told.code == "unsettled"
    assert read_last_receipt(session) is None
    settled = await scene.move(session)
    assert isinstance(settled, Away), settled
    manifest = read_manifest(session.move(2) / "manifest.json")
    receipt = read_last_receipt(session)
    assert receipt is not None
    assert (receipt.files, receipt.size, receipt.tree_digest) == (manifest.files, manifest.size, manifest.digest)
    assert receipt.files > 5 and receipt.wire > 0 and receipt.parcel_digest and receipt.stays
    assert (settled.files, settled.size) == (receipt.files, receipt.size)
    steps = [timing.step for timing in receipt.timings]
    assert {"preflight", "capture", "send", "verify", "accept and prove"} <= set(steps)
    assert (receipt.epoch, read_lease(session).epoch, receipt.proof.epoch) == (2, 2, 2)
    assert not (session.path / "moves" / "0").exists()
