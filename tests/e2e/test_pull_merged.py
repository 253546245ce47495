"""A run comes home onto a tree that has moved on: both sides' work is there afterwards, and undo takes it all back."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from agent.arrival import Arrival, arrival_path
from agent.durable import read_model
from agent.sessions import SessionDir
from remote.pull import pull_back
from remote.steps import Away, Home, Planned, PullStep, Reviewed, StillHere
from remote.terms import Agreed, Decision, Wish
from remote.undo import check_undo, list_pulls, undo
from snapshot.capture import capture
from tests.e2e.journey import Place, drive
from tests.e2e.laptop import Record, contents
from tests.e2e.scene import Scene
from tui.cli.root import main

_LINES = "".join(f"line {number}\n" for number in range(20))


def fill(place: Place) -> None:
    project = place.project
    (project / ".gitignore").write_text("*.log\nbuild/\n")
    for name in ("clean.txt", "clash.txt", "ours gone.txt", "theirs gone.txt", "only ours.txt", "crlf.txt"):
        (project / name).write_text(_LINES)
    (project / "crlf.txt").write_bytes(_LINES.replace("\n", "\r\n").encode())
    (project / ".gitattributes").write_text("crlf.txt text\n")
    (project / "image.bin").write_bytes(bytes(range(256)))
    (project / "tool.sh").write_text("#!/bin/sh\necho one\n")
    (project / "dir").mkdir()
    (project / "dir" / "inner.txt").write_text(_LINES)
    place.git("init", "-q")
    place.git("add", "-A")
    place.git("commit", "-qm", "first")
    (project / "staged.txt").write_text("staged\n")
    place.git("add", "staged.txt")
    (project / "untracked.txt").write_text(_LINES)


def replace(file: Path, old: str, new: str) -> None:
    file.write_bytes(file.read_bytes().replace(old.encode(), new.encode()))


def work_there(tree: Path) -> None:
    replace(tree / "clean.txt", "line 2\n", "line 2, the run's\n")
    replace(tree / "clash.txt", "line 5\n", "line 5, the run's\n")
    replace(tree / "ours gone.txt", "line 5\n", "line 5, the run's\n")
    (tree / "theirs gone.txt").unlink()
    replace(tree / "crlf.txt", "line 2\r\n", "line 2, the run's\r\n")
    replace(tree / "untracked.txt", "line 2\n", "line 2, the run's\n")
    (tree / "image.bin").write_bytes(b"\0the run's")
    (tree / "tool.sh").chmod(0o755)
    (tree / "Makefile").write_text("all:\n\techo hello\n")
    (tree / "new.txt").write_text("the run's\n")
    (tree / "both.txt").write_text("the run's\n")
    (tree / "debug.log").write_text("ignored there\n")
    (tree / ".gitignore").write_text("build/\n")
    subprocess.run(["rm", "-r", str(tree / "dir")], check=True)
    (tree / "dir").write_text("the run made a file of it\n")


def work_here(place: Place) -> None:
    project = place.project
    replace(project / "clean.txt", "line 15\n", "line 15, mine\n")
    replace(project / "clash.txt", "line 5\n", "line 5, mine\n")
    (project / "ours gone.txt").unlink()
    replace(project / "theirs gone.txt", "line 5\n", "line 5, mine\n")
    replace(project / "only ours.txt", "line 5\n", "line 5, mine\n")
    replace(project / "crlf.txt", "line 15\r\n", "line 15, mine\r\n")
    replace(project / "untracked.txt", "line 15\n", "line 15, mine\n")
    (project / "image.bin").write_bytes(b"\0mine")
    replace(project / "tool.sh", "one", "mine")
    (project / "both.txt").write_text("mine\n")
    (project / "debug.log").write_text("mine, ignored\n")
    replace(project / "dir" / "inner.txt", "line 5\n", "line 5, mine\n")
    place.git("checkout", "-qb", "other")
    place.git("add", "only ours.txt")
    place.git("commit", "-qm", "mine")
    (project / "staged here.txt").write_text("staged\n")
    place.git("add", "staged here.txt")


def tree_there(scene: Scene, session: SessionDir) -> Path:
    return scene.host.home / ".local/state/castoff/trees" / session.id


async def go_home(
    steps: AsyncGenerator[PullStep, Decision | None], answer: Decision
) -> tuple[Planned, PullStep, list[PullStep]]:
    """Drive a pull and answer what it asks about its plan; the plan, the end, and all steps."""
    taken = [await anext(steps)]
    try:
        while True:
            taken.append(await steps.asend(answer if isinstance(taken[-1], Planned) else "go"))
    except StopAsyncIteration:
        planned = next(step for step in taken if isinstance(step, Planned))
        return planned, taken[-1], taken


async def away_and_apart(scene: Scene) -> SessionDir:
    """A session on its host, with work done on both sides since."""
    fill(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    work_there(tree_there(scene, session))
    work_here(scene.place)
    return session


async def test_both_sides_work_is_there_and_undo_takes_it_back(scene: Scene) -> None:
    session, project = await away_and_apart(scene), scene.place.project
    before, status = state_of(project), scene.place.git("status", "--porcelain=v2", "--ignored")
    index, refs = scene.place.git("ls-files", "-s"), scene.place.git("show-ref", "--heads")
    pulling = pull_back(scene.links, "vm", session.id)
    planned, home, taken = await go_home(pulling, Agreed(accept=("Makefile",)))
    assert isinstance(home, Home), home

    review = next(step for step in taken if isinstance(step, Reviewed))
    assert {problem.code for problem in review.problems} == {"merges", "git-moved"}
    assert planned.asks and [each.path for each in planned.executable] == [".gitignore", "Makefile", "tool.sh"]
    assert "+\techo hello" in planned.executable[1].text
    kinds = {clash.path: clash.kind for clash in home.clashes}
    assert kinds == {
        "both.txt": "added",
        "clash.txt": "text",
        "debug.log": "added",
        "dir": "type",
        "image.bin": "binary",
        "ours gone.txt": "deleted-here",
        "theirs gone.txt": "deleted-there",
    }
    assert [clash.path for clash in planned.clashes] == sorted(kinds)
    assert {held.path for held in home.held} == {".gitignore", "tool.sh"}
    told = read_model(arrival_path(session, home.epoch), Arrival).tell
    assert "(not accepted by the user" in told and ".gitignore, tool.sh." in told and "both.txt, clash.txt" in told

    names = [file.name for file in project.iterdir() if file.suffix == ".txt"]
    text = {name: (project / name).read_bytes().decode() for name in names}
    for name in ("clean.txt", "crlf.txt", "untracked.txt"):
        assert "line 2, the run's" in text[name] and "line 15, mine" in text[name] and "<<<<" not in text[name]
    assert text["crlf.txt"].count("\r\n") == 20
    clash = text["clash.txt"]
    assert clash.index("<<<<<<< here\nline 5, mine\n||||||| when it left\nline 5\n=======\nline 5, the run's\n") > 0
    assert ">>>>>>> run on vm\n" in clash
    assert "the run's" in text["ours gone.txt"] and "mine" in text["theirs gone.txt"]
    assert text["both.txt"] == "mine\n" and text["new.txt"] == "the run's\n"
    assert (project / "image.bin").read_bytes() == b"\0mine"
    assert (project / "debug.log").read_text() == "mine, ignored\n"
    assert "mine" in (project / "dir" / "inner.txt").read_text()
    assert (project / "Makefile").exists() and not os.access(project / "tool.sh", os.X_OK)
    assert scene.place.git("ls-files", "-s") == index and scene.place.git("show-ref", "--heads") == refs
    assert scene.place.git("branch", "--show-current").strip() == "other"

    check_commands(home, project)
    assert verify_undo(session, project) == ()
    assert state_of(project) == before
    assert scene.place.git("status", "--porcelain=v2", "--ignored") == status


def check_commands(home: Home, project: Path) -> None:
    """Every command works, one way after the other, and does what it says."""
    copy = project.parent / "a copy"
    subprocess.run(["cp", "-a", str(project), str(copy)], check=True)
    try:
        for clash in home.clashes:
            for way in clash.ways:
                subprocess.run(["sh", "-c", way.command], cwd=copy, check=True)
        for held in home.held:
            subprocess.run(["sh", "-c", held.command], cwd=copy, check=True)
        assert "<<<" not in (copy / "clash.txt").read_text() and "the run's" in (copy / "clash.txt").read_text()
        assert (copy / "both.txt").read_text() == "the run's\n"
        assert (copy / "image.bin").read_bytes() == b"\0the run's"
        assert (copy / "dir").read_text() == "the run made a file of it\n"
        assert (copy / "dir.here" / "inner.txt").exists()
        assert not (copy / "theirs gone.txt").exists() and not (copy / "ours gone.txt").exists()
        assert os.access(copy / "tool.sh", os.X_OK)
    finally:
        subprocess.run(["rm", "-r", str(copy)], check=True)


def verify_undo(session: SessionDir, project: Path) -> tuple[str, ...]:
    (pull,) = list_pulls(session)
    assert pull.state == "placed" and git_in(project, "for-each-ref", "refs/castoff/undo") == ""
    git_in(project, "fetch", "-q", "--no-write-fetch-head", pull.bundle, "HEAD:refs/before")
    kept = git_in(project, "show", "refs/before:clash.txt")
    assert "line 5, mine" in kept and "run" not in kept
    assert check_undo(session).in_the_way == ()
    assert undo(session).pull.state == "undone"
    assert undo(session, again=True).pull.state == "placed"
    return undo(session).in_the_way


async def test_a_no_to_the_plan_leaves_everything_and_the_run_goes_on(scene: Scene) -> None:
    session, project = await away_and_apart(scene), scene.place.project
    before = state_of(project)
    _, end, _ = await go_home(pull_back(scene.links, "vm", session.id), "cancel")
    assert isinstance(end, StillHere) and end.code == "cancelled", end
    assert state_of(project) == before
    viewer = await scene.links.attach("vm", session.id)
    await viewer.close()
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home


async def test_only_what_was_chosen_is_merged(scene: Scene) -> None:
    session, project = await away_and_apart(scene), scene.place.project
    wish = Wish(only=("clean.txt", "new.txt"))
    planned, home, _ = await go_home(pull_back(scene.links, "vm", session.id, wish=wish), "go")
    assert isinstance(home, Home) and not planned.asks and home.clashes == ()
    assert "the run's" in (project / "clean.txt").read_text() and (project / "new.txt").exists()
    assert (project / "theirs gone.txt").exists() and not (project / "Makefile").exists()
    held = {each.path: each.command for each in home.held}
    assert {"clash.txt", "Makefile", "theirs gone.txt"} <= held.keys()
    run_in(project, "sh", "-c", held["Makefile"])
    assert "echo hello" in (project / "Makefile").read_text()


async def test_a_branch_holds_the_runs_files_and_the_tree_stays(scene: Scene) -> None:
    session, project = await away_and_apart(scene), scene.place.project
    before, there = state_of(project), capture(tree_there(scene, session))
    wish = Wish(branch="run/one")
    home = (await drive(pull_back(scene.links, "vm", session.id, wish=wish)))[-1]
    assert isinstance(home, Home) and home.branch == "run/one" and home.changed == 0, home
    assert state_of(project) == before
    copy = project.parent / "a copy"
    scene.place.git("clone", "-q", "--branch", "run/one", str(project), str(copy))
    made = {entry.path: entry for entry in capture(copy).tree_entries()}
    # Git's own blob of a file that did not change has its own line ends.
    for entry in there.tree_entries():
        if entry.type == "file" and entry.path != "debug.log":
            assert made[entry.path].digest == entry.digest, entry.path
    assert (
        scene.place.git("log", "-1", "--format=%P", "run/one").strip() == scene.place.git("rev-parse", "main").strip()
    )
    assert scene.place.git("fsck", "--strict").strip() in {"", "notice: No default references"}


async def test_a_patch_holds_what_the_run_changed(scene: Scene, tmp_path: Path) -> None:
    session, project = await away_and_apart(scene), scene.place.project
    left, there = tmp_path / "left", capture(tree_there(scene, session))
    target = tmp_path / "run.patch"
    home = (await drive(pull_back(scene.links, "vm", session.id, wish=Wish(patch=str(target)))))[-1]
    assert isinstance(home, Home) and home.patch == str(target), home
    fill(Place(root=left, home=left, project=make(left)))
    run_in(left, "git", "apply", str(target))
    made = {entry.path: entry for entry in capture(left).tree_entries()}
    for entry in there.tree_entries():
        if entry.type == "file" and entry.path != "debug.log":
            assert made[entry.path].digest == entry.digest, entry.path
    assert not (left / "theirs gone.txt").exists()
    assert "the run's" not in (project / "clean.txt").read_text()


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def run_in(folder: Path, *words: str) -> None:
    subprocess.run(words, cwd=folder, check=True)


def state_of(tree: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time and bytes of every file, ignored ones too."""
    times = {name: (tree / name).stat().st_mtime_ns for name in contents(tree)}
    return {name: (mode, times[name], data) for name, (mode, data) in contents(tree).items()}


async def test_a_name_that_is_taken_leaves_the_run_where_it_is(scene: Scene, tmp_path: Path) -> None:
    session = await away_and_apart(scene)
    (tmp_path / "taken").write_text("mine\n")
    for wish in (Wish(branch="main"), Wish(branch="-x"), Wish(patch=str(tmp_path / "taken"))):
        end = (await drive(pull_back(scene.links, "vm", session.id, wish=wish)))[-1]
        assert isinstance(end, StillHere) and end.code == "way-blocked" and end.way_out, end
    assert (tmp_path / "taken").read_text() == "mine\n"
    viewer = await scene.links.attach("vm", session.id)
    await viewer.close()


async def test_a_cut_pull_is_finished_by_the_plan_it_began(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    session, project = await away_and_apart(scene), scene.place.project
    before = state_of(project)
    real, left = os.rename, 4

    def rename(source: str, target: str, **named: int) -> None:
        nonlocal left
        if "dst_dir_fd" in named and source.startswith(".castoff-"):
            left -= 1
            if left < 0:
                raise OSError(28, "No space left on device")
        real(source, target, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        _, end, _ = await go_home(pull_back(scene.links, "vm", session.id), Agreed(accept=("Makefile",)))
    assert isinstance(end, StillHere) and end.code == "placing-failed" and end.way_out, end
    assert [pull.state for pull in list_pulls(session)] == ["cut"]
    # What was not touched by the plan may be edited meanwhile; the plan is not made anew on a half-changed tree.
    (project / "only ours.txt").write_text("later\n")
    planned, home, _ = await go_home(pull_back(scene.links, "vm", session.id), "cancel")
    assert isinstance(home, Home) and not planned.asks, home
    assert (project / "Makefile").exists() and not os.access(project / "tool.sh", os.X_OK)
    assert {clash.path for clash in home.clashes} >= {"clash.txt", "dir", "both.txt"}
    assert (project / "clash.txt").read_text().count("<<<<<<< here") == 1
    assert undo(session).pull.state == "undone"
    after = state_of(project)
    assert after.pop("only ours.txt")[2] == b"later\n"
    before.pop("only ours.txt")
    assert after == before


async def test_commits_that_are_refused_stay_and_the_files_come(scene: Scene) -> None:
    session, project = await away_and_apart(scene), scene.place.project
    there = tree_there(scene, session)
    blob = git_in(there, "hash-object", "-w", "clean.txt")
    tree = git_in(there, "mktree", given=f"100644 blob {blob}\t.git\n")
    commit = git_in(there, "commit-tree", tree, "-p", "HEAD", "-m", "hostile")
    git_in(there, "update-ref", "refs/heads/main", commit)
    _, home, _ = await go_home(pull_back(scene.links, "vm", session.id), "go")
    assert isinstance(home, Home) and home.commits_ref == "", home
    (note,) = home.notes
    assert "refused" in note and "They are kept" in note
    assert "the run's" in (project / "clean.txt").read_text()
    assert list((session.path / "moves").glob("*/commits/commits.bundle"))
    assert "refs/castoff/" + session.id not in scene.place.git("for-each-ref")


def git_in(tree: Path, *words: str, given: str = "") -> str:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "safe.directory=*")
    done = subprocess.run(["git", *who, *words], cwd=tree, input=given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def test_the_commands_say_what_is_held_back_and_take_it_back(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    session, project = await away_and_apart(scene), scene.place.project
    before = state_of(project)
    status, records = await command(capsys, "pull", session.id, "--yes", "--accept", "tool.sh", "--json")
    assert status == 0 and records[-1]["ok"] and records[-1]["clashes"] == 7, records[-1]
    home = next(record for record in records if record.get("step") == "home")
    assert {held["path"] for held in home["held"]} == {".gitignore", "Makefile"}
    assert os.access(project / "tool.sh", os.X_OK) and not (project / "Makefile").exists()
    status, records = await command(capsys, "undo", session.id, "--list", "--json")
    assert status == 0 and records[0]["state"] == "placed" and Path(records[0]["bundle"]).is_file()
    mine = (project / "clean.txt").read_bytes()
    (project / "clean.txt").write_text("edited since\n")
    status, records = await command(capsys, "undo", session.id, "--json")
    assert status == 1 and records[-1]["code"] == "tree-changed" and "clean.txt" in records[-1]["reason"]
    (project / "clean.txt").write_bytes(mine)
    (project / "clean.txt").chmod(0o644)
    status, records = await command(capsys, "undo", session.id, "--dry-run", "--json")
    assert status == 0 and state_of(project) != before
    status, records = await command(capsys, "undo", session.id, "--json")
    assert status == 0 and state_of(project) == before
    status, records = await command(capsys, "undo", session.id, "--json")
    assert status == 1 and records[-1]["code"] == "nothing-to-undo"


async def test_a_mass_deletion_stops_a_pull_that_asks_nobody(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    fill(scene.place)
    session, project = scene.session(), scene.place.project
    assert isinstance(await scene.move(session), Away)
    for file in tree_there(scene, session).iterdir():
        if file.is_file():
            file.unlink()
    run_in(tree_there(scene, session), "rm", "-r", "dir")
    status, records = await command(capsys, "pull", session.id, "--yes", "--json")
    assert status == 1 and records[-1]["code"] == "mass-deletion" and records[-1]["way_out"], records[-1]
    assert (project / "clean.txt").exists()
    planned, home, _ = await go_home(pull_back(scene.links, "vm", session.id), Agreed(deletions=False))
    assert isinstance(home, Home) and planned.mass_deletion is not None and home.deleted == 0
    assert (project / "clean.txt").exists() and {held.why for held in home.held} == {"deletion"}


async def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[Record]]:
    """Run a castoff command; its status and records."""
    capsys.readouterr()
    status = await asyncio.to_thread(main, list(words))
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]
