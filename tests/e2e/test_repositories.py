"""Handoffs of repositories that are more than a plain clone: there they are the same, and what stays, stays."""

import os

from remote.pull import pull_back
from remote.steps import Away, Home
from tests.e2e.journey import drive, fill_project
from tests.e2e.scene import Scene

_SECRET = "s3cret-token"


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
