"""Programs asked for their versions: found, compared, and no program can hold it up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from remote import probe
from remote.tools import Differing, Program, by_name, find_differing, find_here, find_missing, is_versioned


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_found_and_asked(bin_dir: Path) -> None:
    program(bin_dir, "node", 'echo; echo "warning: odd"; echo "v22.4.1 $*"; echo more')
    program(bin_dir, "go", 'echo "go version go1.22.3 $1"')
    program(bin_dir, "deploy", f"touch {bin_dir}/deployed; echo 1.0")
    found = by_name(find_here(["node", "deploy", "go", "no-such-program", str(bin_dir / "node")], str(bin_dir)))
    assert found["node"] == Program(name="node", path=f"{bin_dir}/node", version="v22.4.1 --version")
    assert found["go"].version == "go version go1.22.3 version"
    assert found["deploy"].version == ""
    assert not (bin_dir / "deployed").exists()  # only programs known to do nothing else are asked
    assert found[str(bin_dir / "node")].version == "v22.4.1 --version"
    assert set(found) == {"node", "go", "deploy", str(bin_dir / "node")}


def test_a_program_that_never_ends_or_never_stops_talking(bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.3)
    program(bin_dir, "node", "sleep 600 & wait")
    program(bin_dir, "npm", "echo 10.1.0; sleep 600")
    program(bin_dir, "yarn", "while :; do echo 1.2.3 and on; done")
    program(bin_dir, "ruby", "read x; echo 3.3.0 ${x:-no input}")
    program(bin_dir, "perl", "kill -9 $$")
    (bin_dir / "php").write_text("no program")
    (bin_dir / "php").chmod(0o755)
    versions = {p.name: p.version for p in find_here(["node", "npm", "yarn", "ruby", "perl", "php"], str(bin_dir))}
    assert versions == {
        "node": "",
        "npm": "10.1.0",
        "yarn": "1.2.3 and on",
        "ruby": "3.3.0 no input",
        "perl": "",
        "php": "",
    }


def test_asked_by_a_process_of_its_own() -> None:
    asked = json.dumps({"names": ["git", "no-such-program"], "versions": ["git"]})
    argv = [sys.executable, "-I", "-m", "remote.probe"]
    done = subprocess.run(argv, input=asked, capture_output=True, text=True, check=True, cwd="/")
    git, none = json.loads(done.stdout)
    assert git["version"].startswith("git version") and none == {"name": "no-such-program", "path": "", "version": ""}


def test_the_probe_imports_nothing_that_a_sandbox_might_lack() -> None:
    code = "import sys, remote.probe; print([m for m in ('pydantic', 'agent', 'asyncssh') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_comparing() -> None:
    here = [
        Program(name="node", path="/n", version="v22.4.1"),
        Program(name="go", path="/g", version="go version go1.22.3 linux/amd64"),
        Program(name="git", path="/g", version="git version 2.43.0"),
        Program(name="jq", path="/j", version="jq-1.7"),
        Program(name="ls", path="/ls"),
        Program(name="unasked", path="/u"),
    ]
    there = by_name(
        [
            Program(name="node"),
            Program(name="go", path="/usr/bin/go", version="go version go1.22.3 linux/arm64"),
            Program(name="git", path="/usr/bin/git", version="git version 2.39.5"),
            Program(name="jq", path="/usr/bin/jq", version="says nothing"),
            Program(name="ls", path="/bin/ls"),
        ]
    )
    assert find_missing(here, there) == ("node",)
    assert find_differing(here, there) == (Differing(name="git", here="2.43.0", there="2.39.5"),)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("python3.12", True), ("/usr/bin/node", True), ("clang-17", True), ("g++", True), ("ls", False), ("sync", False),
     ("x3", False), ("pip3", True)],
)  # fmt: skip
def test_who_is_asked(name: str, expected: bool) -> None:
    assert is_versioned(name) is expected
