"""What is looked up on this machine for the loss report; real files, programs and variables."""

import os
from pathlib import Path
from typing import Any

import pytest

from agent.blocks import ToolBlock
from agent.events import Location
from agent.paths import state_dir
from agent.profiles import load_profile
from agent.sessions import SessionDir, create_session
from remote.stock import LARGEST_CARRIED, Stock, take_stock


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionDir:
    home = tmp_path / "home"
    (home / "shop").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(home / "castoff" / name.lower()))
    return create_session(state_dir(), home / "shop", "codex")


def stock_of(session: SessionDir, *commands: str, **call: Any) -> Stock:
    runs = [ToolBlock(seq=1, at=0.0, call_id="c", tool_kind="execute", raw_input={"command": c}) for c in commands]
    blocks = [*runs, ToolBlock(seq=2, at=0.0, call_id="d", tool_kind="read", **call)]
    return take_stock(session, load_profile("codex"), blocks)


def program(path: Path, text: str = "#!/bin/sh\necho 1.0\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_programs_by_where_they_are(session: SessionDir, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(session.info.home)
    program(home / "shop/.venv/bin/tool")
    program(home / "bin/mine")
    program(home / "tools/found")
    (home / "shop/not-executable").write_text("")
    monkeypatch.setenv("PATH", f"{home}/tools:{os.environ['PATH']}")
    stock = stock_of(
        session, f"./.venv/bin/tool; {home}/shop/.venv/bin/tool; ~/bin/mine; found; gone; ./not-executable"
    )
    assert [p.name for p in stock.programs] == [f"{home}/bin/mine", "found"]
    assert stock.own_programs == (".venv/bin/tool",)


def test_variables_are_names_of_those_that_are_set_here(session: SessionDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    monkeypatch.delenv("SHOP_OTHER", raising=False)
    stock = stock_of(session, "echo $SHOP_TOKEN $SHOP_OTHER $HOME")
    assert stock.variables == ("SHOP_TOKEN",)
    assert "s3cret" not in stock.model_dump_json()


def test_files_outside_and_which_of_them_can_be_carried(session: SessionDir, tmp_path: Path) -> None:
    home = Path(session.info.home)
    (tmp_path / "data.csv").write_text("1,2\n")
    for name in ("notes.md", ".ssh/config", ".config/gh/hosts.yml", ".codex/config.toml", "dir/in", "castoff/state/x"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("n\n")
    (home / "big").write_bytes(b"\0" * (LARGEST_CARRIED + 1))
    (home / "link").symlink_to(tmp_path / "data.csv")
    (home / "linked").symlink_to(tmp_path)
    names = ["notes.md", ".ssh/config", ".config/gh/hosts.yml", ".codex/config.toml", "dir", "big", "link", "gone"]
    paths = [
        *(home / name for name in names),
        home / "linked/data.csv",
        home / "castoff/state/x",
        home,
        home / "shop/in",
    ]
    locations = tuple(Location(path=str(path)) for path in [*paths, tmp_path / "data.csv", tmp_path])
    outside = {each.path: each for each in stock_of(session, locations=locations).outside}
    relative = {str(Path(path).relative_to(home)) for path in outside if path.startswith(f"{home}/")}
    assert relative == {*names, "linked/data.csv"} - {"link", "gone"}
    assert set(outside) - {str(home / name) for name in relative} == {str(tmp_path / "data.csv")}
    assert [path for path, each in outside.items() if each.carriable] == [str(home / "notes.md")]
    assert outside[str(home / "dir")].folder and outside[str(home / "notes.md")].size == 2


def test_mcp_servers_of_the_agent(session: SessionDir) -> None:
    settings = Path(session.info.home) / ".codex/config.toml"
    settings.parent.mkdir()
    settings.write_text('[mcp_servers.docs]\ncommand = "x"\nenv = { TOKEN = "s3cret" }\n')
    stock = stock_of(session)
    assert stock.mcp.names == ("docs",)
    assert "s3cret" not in stock.model_dump_json()
