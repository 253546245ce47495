"""What a run does with git comes home as docs/pulling.md says: commits, branches, tags and stashes under refs of our
own, whatever was under way; the user's own refs, index, stashes and unfinished work are as they were."""

import subprocess
from pathlib import Path

import pytest

from remote.pull import pull_back
from remote.steps import Home
from remote.terms import Wish
from tests.e2e.errands import Voyage
from tests.e2e.fidelity import ALL
from tests.e2e.journey import drive
from tests.snapshot.fingerprint import look

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
_WHO = "export GIT_AUTHOR_NAME=run GIT_AUTHOR_EMAIL=run@vm GIT_COMMITTER_NAME=run GIT_COMMITTER_EMAIL=run@vm; "
_COMMIT = "echo more >> made.txt; git add made.txt; git commit -qm 'by the run'"
_ON_MAIN = {"HEAD": "by the run", "heads/main": "by the run"}
_RESOLVE = "echo resolved > README; git add README; "
_CASES: dict[str, tuple[str, dict[str, str]]] = {
    "start": (
        f"{_COMMIT}; git checkout -qb side; echo s > s; git add s; git commit -qm 'on the side'; "
        "git tag light; git tag -am words annotated; git checkout -q main; "
        "echo 1 >> README; git stash push -qm one; echo 2 >> README; git stash push -qm two; "
        "git tag -am 'of what was there' early HEAD~1",
        _ON_MAIN
        | {"heads/side": "on the side", "tags/light": "on the side", "tags/annotated": "words"}
        | {"stash": "On main: two", "stashes/1": "On main: one", "tags/early": "of what was there"},
    ),
    "stashed": ("git stash drop -q; echo 3 > README; git stash push -qm three", {"stash": "On main: three"}),
    "detached": (_COMMIT, {"HEAD": "by the run"}),
    "unborn": (_COMMIT, _ON_MAIN),
    "orphan": (_COMMIT, {"HEAD": "by the run", "heads/fresh": "by the run"}),
    "shallow": (_COMMIT, _ON_MAIN),
    "sparse": ("echo 3 > src/app.py; git commit -qam 'by the run'", _ON_MAIN),
    "sparse_index": ("echo 3 > src/app.py; git commit -qam 'by the run'", _ON_MAIN),
    "partial": (_COMMIT, _ON_MAIN),
    "partial_sparse": ("echo new > docs/new.txt; git add docs; git commit -qm 'by the run'", _ON_MAIN),
    "sha256": (_COMMIT, _ON_MAIN),
    "large_files": ("echo by the run > kept.big; git commit -qm 'by the run' -- kept.big", _ON_MAIN),
    "odd_names": (_COMMIT, _ON_MAIN),
    "merging": (_RESOLVE + "git commit -qm 'by the run'", _ON_MAIN),
    "squashing": ("git commit -qm 'by the run'", _ON_MAIN),
    "rebasing": (_RESOLVE + "GIT_EDITOR=true git rebase --continue", {"HEAD": "ours", "heads/main": "ours"}),
    "rebasing_merges": (_COMMIT, {"HEAD": "by the run"}),
    "cherry_picking": (_RESOLVE + "git commit -qm 'by the run'", _ON_MAIN),
    "bisecting": (f"git bisect reset; {_COMMIT}", _ON_MAIN),
    "worktree_inside": (
        f"{_COMMIT}; cd trees/side; git checkout -q --detach; git commit -qam 'in the worktree'",
        _ON_MAIN | {"worktree-1/HEAD": "in the worktree"} | {"worktree-1/heads/main": "by the run"},
    ),
    "submodules": (f"{_COMMIT} -- made.txt; cd changed; git commit -qam 'in a submodule'", _ON_MAIN),
}
"""By state: what the run does, and which refs come home with which subjects."""


def git(tree: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=tree, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("state", _CASES)
async def test_what_the_run_committed_comes_home(state: str, voyage: Voyage) -> None:
    errand, expected = _CASES[state]
    tree = voyage.make_tree(state, ALL[state])
    before = look(tree)
    session = await voyage.send(tree, _WHO + errand)
    home, _ = await voyage.pull(session)
    assert (home.clashes, home.held, home.notes) == ((), (), ())
    assert read_refs(tree, f"refs/castoff/{session.id}/{home.epoch}/") == expected
    assert git(tree, "fsck", "--no-dangling") == before["git"][".: fsck"].decode()
    after = look(tree)
    for key, value in before["git"].items():
        if not key.endswith((": status", ": refs")):
            assert after["git"][key] == value, key
        elif key.endswith(": refs"):
            assert [line for line in after["git"][key].splitlines() if b"\trefs/castoff/" not in line] == (
                value.splitlines()
            )
    own = {path: what for path, what in before["files"].items() if ".git" in Path(path).parts}
    assert {path: what for path, what in after["files"].items() if ".git" in Path(path).parts} == own
    if state == "submodules":
        ref = f"refs/castoff/{session.id}/{home.epoch}/"
        assert set(read_refs(tree / "changed", ref).values()) == {"in a submodule"}


async def test_a_branch_of_a_run_in_a_partial_clone(voyage: Voyage) -> None:
    tree = voyage.make_tree("branch", ALL["partial_sparse"])
    session = await voyage.send(tree, _WHO + "echo new > docs/new.txt; git add docs; git commit -qm 'by the run'")
    home = (await drive(pull_back(voyage.links, "vm", session.id, wish=Wish(branch="run/x"))))[-1]
    assert isinstance(home, Home), home
    assert git(tree, "log", "-1", "--format=%s", "run/x~1") == "by the run\n"
    assert git(tree, "show", "run/x:docs/new.txt", "run/x:docs/1.txt", "run/x:docs/1.bin") == (
        "new\nchanged\nbinary 1\n"
    )


def read_refs(tree: Path, above: str) -> dict[str, str]:
    """The refs below ``above`` and their subjects."""
    lines = git(tree, "for-each-ref", "--format=%(refname) %(contents:subject)", above).splitlines()
    return {name.removeprefix(above): subject for name, _, subject in (line.partition(" ") for line in lines)}
