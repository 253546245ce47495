"""Handoffs of repositories that are more than a plain clone: there they are the same, and what stays, stays."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from remote import cargo
from remote.processes import find_by_environment
from remote.pull import pull_back
from remote.runs import fetch_diff
from remote.steps import Away, Home
from snapshot.draft import Draft
from tests.e2e.journey import drive, fill_project
from tests.e2e.scene import Scene, start_task
from tests.snapshot.fingerprint import fingerprint
from tests.snapshot.repos import start, submodules, unborn

_SECRET = "s3cret-token"


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.org")


async def test_credentials_of_the_repository_stay(scene: Scene) -> None:
    fill_project(scene.place)
    scene.place.git("remote", "add", "origin", f"https://ann:{_SECRET}@example.org/x")
    session = scene.session()
    before = scene.place.git("config", "--local", "--list")
    moved = await scene.move(session)
    assert isinstance(moved, Away), moved
    there = scene.host.home / ".local/state/castoff"
    assert 'url = "https://example.org/x"' in (there / "trees" / session.id / ".git/config").read_text()
    leaked = [path for path in there.rglob("*") if path.is_file() and _SECRET.encode() in path.read_bytes()]
    assert leaked == []
    assert not list((session.path / "moves").glob("*/overlay"))
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert scene.place.git("config", "--local", "--list") == before


async def test_names_that_are_not_utf8_go_out_and_come_home(scene: Scene) -> None:
    fill_project(scene.place)
    odd = scene.place.project / os.fsdecode(b"caf\xe9/\xff\n")
    odd.parent.mkdir()
    odd.write_text("one\n")
    (scene.place.project / "to odd").symlink_to(os.fsdecode(b"caf\xe9/\xff\n"))
    scene.place.git("add", "-A")
    session = scene.session()
    moved = await scene.move(session)
    assert isinstance(moved, Away), moved
    there = scene.host.home / ".local/state/castoff/trees" / session.id
    assert (there / "to odd").read_text() == "one\n"
    (there / os.fsdecode(b"caf\xe9/\xff\n")).write_text("changed there\n")
    (there / os.fsdecode(b"new \xfe")).write_text("new\n")
    (there / "new link").symlink_to(os.fsdecode(b"new \xfe"))
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert odd.read_text() == "changed there\n"
    assert (scene.place.project / "new link").read_text() == "new\n"


async def test_work_in_submodules_and_inner_repositories_comes_home(scene: Scene) -> None:
    project = scene.place.project
    project.rmdir()
    submodules(project)
    start(project / "vendor/lib")
    unborn(project / "fresh")
    before = fingerprint(project)
    session = scene.session()
    moved = await scene.move(session)
    assert isinstance(moved, Away), moved
    there = scene.host.home / ".local/state/castoff/trees" / session.id
    for name in ("changed", "vendor/lib", "fresh", "."):
        (there / name / "README").write_text("by the run\n")
        git(there / name, "commit", "-qm", "by the run", "--", "README" if name != "fresh" else "first")
    (there / "vendor/lib/.git/hooks/pre-commit").write_text("#!/bin/sh\ntouch /tmp/never\n")
    (there / ".git/modules/changed/config").write_text("[core]\n\tfsmonitor = touch /tmp/never\n")
    (there / "clean/new").write_text("new\n")
    shutil.rmtree(there / "libs/moved")
    diff = {file.path: file.change for file in (await fetch_diff(scene.links, "vm", session.id)).files}
    assert diff["clean/new"] == "added" and diff["changed/README"] == diff["vendor/lib/README"] == "modified"
    assert not any(path.endswith("/.git") or "/.git/" in path for path in diff)
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    for name in ("changed", "vendor/lib", "fresh", "."):
        (ref,) = git(project / name, "for-each-ref", "--format=%(refname)", "refs/castoff/*/*/HEAD").split()
        assert git(project / name, "log", "-1", "--format=%s", ref) == "by the run\n"
        assert (project / name / "README").read_text() == "by the run\n"
    assert (project / "clean/new").read_text() == "new\n"
    assert (project / "libs/moved/.git").is_file()
    after = fingerprint(project)
    for key, value in before.items():
        if not key.endswith((": status", ": refs")):
            assert after[key] == value, key
    assert not (project / "vendor/lib/.git/hooks/pre-commit").exists()


def _agents(scene: Scene) -> list[str]:
    """The command lines of what was started for the session, but for the runner itself, which changes no file."""
    found = find_by_environment("HOME", scene.place.home)
    lines = [Path(f"/proc/{each.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for each in found]
    return [line for line in lines if "remote.runner_cli" not in line]


def git(tree: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=tree, check=True, capture_output=True, text=True).stdout


async def test_nothing_of_the_agent_is_alive_when_the_tree_is_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    assert _agents(scene)
    seen: list[list[str]] = []
    real = cargo.make_draft

    def look(*given: Any, **named: Any) -> Draft:
        seen.append(_agents(scene))
        return real(*given, **named)

    monkeypatch.setattr(cargo, "make_draft", look)
    moved = await scene.move(session)
    assert isinstance(moved, Away), moved
    assert seen == [[]]
