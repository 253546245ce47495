"""Secrets and a real host: nothing leaves undecided, and what was left or masked comes home unhurt."""

import subprocess
from contextlib import aclosing
from pathlib import Path

import pytest

from agent.lease import read_lease
from agent.sessions import SessionDir
from remote.findings import Problem
from remote.handoff import hand_off
from remote.local import open_local
from remote.pull import pull_back
from remote.steps import Away, HandoffStep, Home, Preflighted, StillHere
from remote.terms import Terms, Wish
from tests.e2e.journey import drive, fill_project, follow
from tests.e2e.scene import Scene
from tests.snapshot.plants import plants

PLANT = next(plant for plant in plants(seed=21, rounds=1) if plant.kind == "password-env")


async def try_it(scene: Scene, session: SessionDir, terms: Terms) -> tuple[list[Problem], HandoffStep]:
    """Hand off and go on whatever is said: the problems of the preflight, and where it ended."""
    steps = await drive(hand_off(session, scene.links.host("vm"), terms, scene.links))
    problems = [problem for step in steps if isinstance(step, Preflighted) for problem in step.problems]
    assert PLANT.secret not in repr(steps)
    return [problem for problem in problems if problem.blocking], steps[-1]


def there(scene: Scene, session: SessionDir) -> Path:
    return scene.host.home / ".local/state/castoff/trees" / session.id


def project_with_secret(scene: Scene) -> Path:
    fill_project(scene.place)
    file = scene.place.project / ".env"
    file.write_bytes(PLANT.data + b"OTHER=1\n")
    return file


async def test_an_undecided_secret_stops_the_handoff(scene: Scene) -> None:
    project_with_secret(scene)
    session = scene.session()
    (problem,), end = await try_it(scene, session, Terms())
    assert isinstance(end, StillHere) and end.code == "secret"
    assert ".env: " in problem.sentence and "line 3" in problem.sentence
    assert all(option in problem.way_out for option in ("--leave .env", "--mask .env", "--allow-secret "))
    assert read_lease(session).state == "held"


async def test_an_allowed_secret_travels_and_is_not_asked_about_again(scene: Scene) -> None:
    file = project_with_secret(scene)
    session = scene.session()
    (problem,), _ = await try_it(scene, session, Terms())
    digits = problem.way_out.split()[-1]
    _, end = await try_it(scene, session, Terms(allow_secrets=(digits,)))
    assert isinstance(end, Away)
    assert isinstance((await drive(pull_back(scene.links, "vm", session.id)))[-1], Home)
    (scene.place.project / "copy.env").write_bytes(file.read_bytes())
    problems, end = await try_it(scene, session, Terms())
    assert (problems, end.step) == ([], "away")


async def test_a_secret_in_a_commit_is_no_news(scene: Scene) -> None:
    project_with_secret(scene)
    scene.place.git("add", ".env")
    scene.place.git("commit", "-qm", "published")
    _, end = await try_it(scene, scene.session(), Terms())
    assert isinstance(end, Away)


async def test_a_staged_secret_is_the_repositorys_own(scene: Scene) -> None:
    project_with_secret(scene)
    scene.place.git("add", ".env")
    (problem,), _ = await try_it(scene, scene.session(), Terms())
    assert "git restore --staged" in problem.way_out and "--mask" not in problem.way_out


async def test_a_staged_version_is_searched_also_when_the_file_says_something_else(scene: Scene) -> None:
    file = project_with_secret(scene)
    scene.place.git("add", ".env")
    file.write_text("OTHER=1\n")
    (problem,), end = await try_it(scene, scene.session(), Terms())
    assert ".env (staged)" in problem.sentence and "git restore --staged -- .env" in problem.way_out
    assert isinstance(end, StillHere) and end.code == "secret"


async def test_what_is_staged_after_the_look_moves_nothing(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    async with aclosing(hand_off(session, scene.links.host("vm"), Terms(), scene.links)) as steps:
        step = await anext(steps)
        while not isinstance(step, Preflighted):
            step = await steps.asend(None)
        late = scene.place.project / "late.env"
        late.write_bytes(PLANT.data)
        scene.place.git("add", "late.env")
        late.write_text("OTHER=1\n")
        while not isinstance(step, StillHere):
            step = await steps.asend("go")
    assert step.code == "secret" and "late.env (staged)" in step.reason and PLANT.secret not in step.reason
    assert read_lease(session).state == "held"


async def test_a_file_of_which_git_holds_the_secret_is_not_masked(scene: Scene) -> None:
    project_with_secret(scene)
    scene.place.git("add", ".env")
    (problem,), end = await try_it(scene, scene.session(), Terms(mask=(".env",)))
    assert isinstance(end, StillHere) and end.code == problem.code == "mask-held"
    assert "git restore --staged -- .env" in problem.way_out
    scene.place.git("reset", "-q", "--", ".env")
    problems, _ = await try_it(scene, scene.session(), Terms(mask=(".env",)))
    assert [problem.code for problem in problems] == ["secret", "mask-held"]
    assert "git gc --prune=now" in problems[0].way_out and "git prune" in problems[1].way_out
    scene.place.git("prune")
    _, end = await try_it(scene, scene.session(), Terms(mask=(".env",)))
    assert isinstance(end, Away)


async def test_a_secret_in_the_conversation_can_only_be_allowed(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    viewer = await open_local(session)
    await viewer.prompt(f"Remember this: {PLANT.data.decode()}")
    await follow(viewer, lambda state: PLANT.secret in repr(state.blocks))
    await viewer.close()
    problems, end = await try_it(scene, session, Terms())
    assert isinstance(end, StillHere) and end.code == "secret"
    problem = next(problem for problem in problems if "session/journal.jsonl" in problem.sentence)
    assert "--allow-secret" in problem.way_out and "--leave" not in problem.way_out
    _, end = await try_it(scene, session, Terms(allow_secrets=problem.secrets))
    assert isinstance(end, Away)


async def test_a_secret_that_comes_up_after_the_look_moves_nothing(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    async with aclosing(hand_off(session, scene.links.host("vm"), Terms(), scene.links)) as steps:
        step = await anext(steps)
        while not isinstance(step, Preflighted):
            step = await steps.asend(None)
        (scene.place.project / "late.env").write_bytes(PLANT.data)
        while not isinstance(step, StillHere):
            step = await steps.asend("go")
    assert step.code == "secret" and PLANT.secret not in step.reason
    assert read_lease(session).state == "held"


async def test_a_left_file_stays_and_is_not_deleted_by_coming_home(scene: Scene) -> None:
    file = project_with_secret(scene)
    before = file.read_bytes()
    session = scene.session()
    steps = await drive(hand_off(session, scene.links.host("vm"), Terms(leave=(".env",)), scene.links))
    assert isinstance(steps[-1], Away)
    seen = next(step for step in steps if isinstance(step, Preflighted))
    assert any(stays.what == ".env" and "choice" in stays.why for stays in seen.stays)
    assert not (there(scene, session) / ".env").exists()
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home) and home.deleted == 0
    assert file.read_bytes() == before


async def test_a_masked_file_arrives_without_its_secrets(scene: Scene) -> None:
    file = project_with_secret(scene)
    before = file.read_bytes()
    session = scene.session()
    _, end = await try_it(scene, session, Terms(mask=(".env",)))
    assert isinstance(end, Away)
    assert (there(scene, session) / ".env").read_bytes() == before.replace(
        PLANT.secret.encode(), b"*" * len(PLANT.secret)
    )
    assert file.read_bytes() == before


async def test_a_masked_file_comes_home_with_its_secrets(scene: Scene) -> None:
    file = project_with_secret(scene)
    before = file.read_bytes()
    session = scene.session()
    assert (await try_it(scene, session, Terms(mask=(".env",))))[1].step == "away"
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home) and (home.changed, home.clashes) == (0, ())
    assert file.read_bytes() == before


async def test_what_the_run_changed_in_a_masked_file_is_merged_around_its_secrets(scene: Scene) -> None:
    file = project_with_secret(scene)
    file.write_bytes(PLANT.data + b"\n" * 8 + b"OTHER=1\n")
    before = file.read_bytes()
    session = scene.session()
    assert (await try_it(scene, session, Terms(mask=(".env",))))[1].step == "away"
    far = there(scene, session) / ".env"
    far.write_bytes(far.read_bytes().replace(b"OTHER=1", b"OTHER=2"))
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home) and (home.changed, home.clashes) == (1, ())
    assert file.read_bytes() == before.replace(b"OTHER=1", b"OTHER=2")


async def test_only_a_file_that_travels_can_be_masked(scene: Scene) -> None:
    fill_project(scene.place)
    (problem,), end = await try_it(scene, scene.session(), Terms(mask=("nothing.env",)))
    assert isinstance(end, StillHere) and end.code == problem.code == "mask-unknown"


def objects_there(scene: Scene, session: SessionDir) -> str:
    """Every content that the repository on the host holds, whatever refers to it."""
    run = ("git", "-c", "safe.directory=*", "-C", str(there(scene, session)), "cat-file", "--batch-all-objects")
    return subprocess.run([*run, "--batch"], check=True, capture_output=True).stdout.decode(errors="replace")


async def work_and_come_home(scene: Scene, session: SessionDir, wish: Wish | None = None) -> None:
    (there(scene, session) / "made there.txt").write_text("the run's\n")
    home = (await drive(pull_back(scene.links, "vm", session.id, wish=wish)))[-1]
    assert isinstance(home, Home), home


@pytest.mark.parametrize("how", ["leave", "mask"])
async def test_what_stayed_once_does_not_follow_in_an_undo(scene: Scene, how: str) -> None:
    file = project_with_secret(scene)
    if how == "leave":
        file.write_text("what only this machine may know, which no rule recognises\n")
    session = scene.session()
    terms = Terms(leave=(".env",)) if how == "leave" else Terms(mask=(".env",))
    assert (await try_it(scene, session, terms))[1].step == "away"
    await work_and_come_home(scene, session)
    assert (await try_it(scene, session, terms))[1].step == "away"
    held = objects_there(scene, session)
    assert (file.read_text() if how == "leave" else PLANT.secret) not in held


async def test_what_git_holds_is_not_left(scene: Scene) -> None:
    fill_project(scene.place)
    folder = scene.place.project / "own"
    folder.mkdir()
    (folder / "notes").write_text("what only this machine may know, which no rule recognises\n")
    scene.place.git("add", "own/notes")
    scene.place.git("reset", "-q", "--", "own/notes")
    for leave in ("own", "own/notes"):
        (problem,), end = await try_it(scene, scene.session(), Terms(leave=(leave,)))
        assert isinstance(end, StillHere) and end.code == problem.code == "leave-held"
        assert "'own/notes'" in problem.sentence and "git gc --prune=now" in problem.way_out
    scene.place.git("gc", "-q", "--prune=now")
    session = scene.session()
    assert (await try_it(scene, session, Terms(leave=("own",))))[1].step == "away"
    assert "only this machine" not in objects_there(scene, session)


async def test_a_branch_made_of_a_run_holds_no_masked_secret(scene: Scene) -> None:
    project_with_secret(scene)
    session = scene.session()
    assert (await try_it(scene, session, Terms(mask=(".env",))))[1].step == "away"
    await work_and_come_home(scene, session, Wish(branch="made"))
    assert (await try_it(scene, session, Terms(mask=(".env",))))[1].step == "away"
    assert PLANT.secret not in objects_there(scene, session)
