"""Places of their own for tests of sessions and runners."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.recorder import Recorder
from agent.sessions import SessionDir, create_session


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME, and castoff's directories in it; returns the state directory."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CASTOFF_AGENT_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "state"


@pytest.fixture
def own_session(isolated: Path, tmp_path: Path) -> SessionDir:
    """A session of the built-in agent in the tree ``tmp_path/tree``."""
    tree = tmp_path / "tree"
    tree.mkdir(exist_ok=True)
    (tree / "hello.py").write_text('print("hello")\n')
    return create_session(isolated, tree, "builtin")


@pytest.fixture
def own_recorder(own_session: SessionDir) -> Iterator[Recorder]:
    """The record of `own_session`, as a runner holds it."""
    recorder = Recorder(own_session.journal, 1)
    yield recorder
    recorder.close()
