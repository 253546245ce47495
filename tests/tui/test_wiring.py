"""The world as it is, as far as the app needs no host for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import watchfiles

from agent.paths import state_dir
from agent.sessions import create_session
from tui.backend import Place
from tui.errors import WatchFailed
from tui.wiring import World


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees, or leaves, anything of the user's."""
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))


@pytest.mark.parametrize("record", ["session.json", "lease.json"])
def test_a_damaged_session_does_not_keep_the_app_from_the_others(tmp_path: Path, record: str) -> None:
    whole, damaged = (create_session(state_dir(), tmp_path, "builtin") for _ in range(2))
    (damaged.path / record).write_text("nonsense")
    world = World(tmp_path)
    found = world.current()
    assert isinstance(found, Place) and found.session_id == whole.id
    assert [damaged.id in sentence for sentence in world.damaged()] == [True]


async def test_a_tree_that_cannot_be_watched_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def awatch(*_: object, **__: object) -> AsyncIterator[None]:
        raise OSError("OS file watch limit reached")
        yield

    monkeypatch.setattr(watchfiles, "awatch", awatch)
    place = Place(session_id="s", title="", project=str(tmp_path), agent="builtin", host="")
    with pytest.raises(WatchFailed, match=r"limit reached\): the diff follows each turn"):
        await anext(World(tmp_path).watch(place))
