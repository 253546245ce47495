"""A run's diff counts from its last handoff, or from the start of the session, after any number of hops."""

import pytest

from remote.errors import RemoteError
from remote.local import open_local
from remote.pull import pull_back
from remote.receipt import read_last_receipt
from remote.runs import fetch_diff
from remote.start import START_ID, START_PACK, Since
from remote.steps import Away, Home
from snapshot import start
from tests.e2e.journey import drive, fill_project
from tests.e2e.scene import Scene

_NO_TREE = "0123456789" * 4


def said_to_be_held(*_: object) -> start.Start:
    """As if the host had said that it holds what it does not."""
    return start.Start(_NO_TREE, None)


async def test_a_diff_counts_from_the_handoff_or_from_the_start(scene: Scene) -> None:
    fill_project(scene.place)
    session, project = scene.session(), scene.place.project
    viewer = await open_local(session)
    await viewer.stop()
    await viewer.close()
    there = scene.host.home / ".local/state/castoff/trees" / session.id

    async def changed(since: Since) -> set[str]:
        diff = await fetch_diff(scene.links, "vm", session.id, since)
        return {file.path for file in diff.files}

    (project / "kept.txt").write_text("changed here\n")
    (project / "untracked 'quoted'\nname.txt").unlink()
    here = {"kept.txt", "untracked 'quoted'\nname.txt"}
    assert isinstance(await scene.move(session), Away)
    (there / "there.txt").write_text("made there\n")
    assert await changed("handoff") == {"there.txt"}
    assert await changed("start") == here | {"there.txt"}
    assert (session.path / START_PACK).exists()
    assert isinstance((await drive(pull_back(scene.links, "vm", session.id)))[-1], Home)

    (project / "unstaged.txt").write_text("changed at home\n")
    assert isinstance(await scene.move(session), Away)
    assert await changed("handoff") == set()
    assert await changed("start") == here | {"there.txt", "unstaged.txt"}
    assert not (session.path / START_PACK).exists(), "the host has it"
    receipt = read_last_receipt(session)
    assert receipt is not None and receipt.notes == ()


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("much", "too much to send along"),
        ("never kept", "was not kept."),
        ("lost", "could not be read when it left: git "),
        ("not whole there", "is not whole on the host"),
    ],
)
async def test_where_the_start_did_not_travel_that_is_said(
    state: str, why: str, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_project(scene.place)
    session = scene.session()
    viewer = await open_local(session)
    await viewer.stop()
    await viewer.close()
    (session.path / START_ID).write_text("of an earlier handoff\n")
    match state:
        case "much":
            monkeypatch.setattr(start, "LARGEST", 1)
        case "never kept":
            (session.path / "base.id").unlink()
        case "lost":
            (session.path / "base.id").write_text(f"{_NO_TREE}\n")
        case _:
            monkeypatch.setattr(start, "pack_start", said_to_be_held)
    away, receipt = await scene.move(session), read_last_receipt(session)
    assert isinstance(away, Away) and receipt is not None
    (note,) = away.notes
    assert receipt.notes == (note,) and why in note and note.endswith("On vm, castoff diff counts from the handoff.")
    assert (await fetch_diff(scene.links, "vm", session.id)).files == ()
    with pytest.raises(RemoteError, match=why) as told:
        await fetch_diff(scene.links, "vm", session.id, "start")
    assert "--since handoff" in told.value.way_out
