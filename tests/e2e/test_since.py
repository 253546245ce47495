"""A run's diff counts from its last handoff, or from the start of the session, after any number of hops."""

import pytest

from remote.errors import RemoteError
from remote.local import open_local
from remote.pull import pull_back
from remote.runs import fetch_diff
from remote.start import START_ID, Since
from remote.steps import Away, Home
from snapshot import start
from tests.e2e.journey import drive, fill_project
from tests.e2e.scene import Scene


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
    assert isinstance((await drive(pull_back(scene.links, "vm", session.id)))[-1], Home)

    (project / "unstaged.txt").write_text("changed at home\n")
    assert isinstance(await scene.move(session), Away)
    assert await changed("handoff") == set()
    assert await changed("start") == here | {"there.txt", "unstaged.txt"}


async def test_where_the_start_did_not_travel_that_is_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    session = scene.session()
    viewer = await open_local(session)
    await viewer.stop()
    await viewer.close()
    (session.path / START_ID).write_text("of an earlier handoff\n")
    monkeypatch.setattr(start, "LARGEST", 1)
    assert isinstance(await scene.move(session), Away)
    assert (await fetch_diff(scene.links, "vm", session.id)).files == ()
    with pytest.raises(RemoteError, match="not known on the host") as told:
        await fetch_diff(scene.links, "vm", session.id, "start")
    assert "--since handoff" in told.value.way_out
