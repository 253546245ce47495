"""What travels beside a tree, on its host: where it is gathered, compared and put, and what an earlier stay left."""

from pathlib import Path

import pytest

from agent.errors import NotOwner
from agent.lease import Lease
from remote.host_beside import compare_beside, place_beside, prepare_beside
from remote.host_lease import change_lease
from remote.host_protocol import PrepareBeside, WantedRoom
from remote.place import companions_path
from snapshot.capture import capture
from snapshot.manifest import Companion, Manifest, Pointer
from tests.snapshot.repos import rsync, run, start

_RUN = "k3v7q2m9x4ab"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.org")


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of a clone that borrows objects, with a worktree of another repository in it."""
    tree = tmp_path / "here/tree"
    start(tmp_path / "here/lender")
    start(tmp_path / "here/main")
    run(tmp_path / "here", "clone", "-q", "--shared", "lender", "tree")
    run(tmp_path / "here/main", "worktree", "add", "-q", "-b", "side", str(tree / "side"))
    run(tmp_path / "here/main", "worktree", "add", "-q", "-b", "other", str(tmp_path / "here/other"))
    return capture(tree)


async def prepare(manifest: Manifest, epoch: int = 2) -> dict[str, Path]:
    wanted = tuple(WantedRoom(key=each.key, inside=each.inside) for each in manifest.companions)
    room = await prepare_beside(PrepareBeside(run_id=_RUN, epoch=epoch, wanted=wanted))
    return {key: Path(folder) for key, folder in room.folders.items()}


async def fill(manifest: Manifest, epoch: int = 2) -> dict[str, Path]:
    folders = await prepare(manifest, epoch)
    for each in manifest.companions:
        rsync(Path(each.at), folders[each.key], b"")
    return folders


def named(manifest: Manifest, inside: str) -> Companion:
    return next(each for each in manifest.companions if each.inside == inside)


async def test_what_arrived_otherwise_is_told(manifest: Manifest) -> None:
    folders = await fill(manifest)
    assert compare_beside(_RUN, manifest) == ()
    shared = named(manifest, ".git")
    (folders[shared.key] / "HEAD").write_text("ref: refs/heads/lain\n")
    (told,) = compare_beside(_RUN, manifest)
    assert told.startswith(f"{shared.at}: .git/HEAD: ")


async def test_borrowed_objects_and_pointers_are_shown_read_only(manifest: Manifest) -> None:
    await fill(manifest)
    found = place_beside(_RUN, manifest)
    assert {(each.at, each.writable, each.needed) for each in found} == {
        (named(manifest, ".git").at, True, True),
        (named(manifest, ".git/objects").at, False, True),
        (manifest.pointers[0].at, False, False),
    }
    assert Path(found[-1].source).read_text() == manifest.pointers[0].text
    assert all(Path(each.source).exists() for each in found)


async def test_it_is_put_in_place_once_and_again_after_a_cut(manifest: Manifest) -> None:
    (companions_path(_RUN) / "of an earlier stay").mkdir(parents=True)
    await fill(manifest)
    (companions_path(_RUN) / "of an earlier stay").mkdir(parents=True, exist_ok=True)
    first = place_beside(_RUN, manifest)
    assert not (companions_path(_RUN) / "of an earlier stay").exists()
    pointers = tuple(Pointer(at=each.at, text=each.text) for each in manifest.pointers)
    assert place_beside(_RUN, manifest.model_copy(update={"pointers": pointers})) == first
    assert all(Path(each.source).exists() for each in first)


async def test_an_earlier_stay_is_not_sent_again_but_what_nobody_needs_goes(manifest: Manifest) -> None:
    folders = await fill(manifest)
    place_beside(_RUN, manifest)
    shared, borrowed = named(manifest, ".git"), named(manifest, ".git/objects")
    again = await prepare(manifest.model_copy(update={"companions": (shared,)}), epoch=4)
    assert again == {shared.key: folders[shared.key]}
    assert (again[shared.key] / "HEAD").exists()
    assert not (again[shared.key].parents[1] / borrowed.key).exists()
    assert not (again[shared.key].parents[1] / "pointers").exists()


async def test_what_is_here_already_is_kept_when_it_is_asked_for_again(manifest: Manifest) -> None:
    (companions_path(_RUN) / "of an earlier stay").mkdir(parents=True)
    folders = await fill(manifest)
    (companions_path(_RUN) / "of an earlier stay").mkdir(parents=True, exist_ok=True)
    assert await prepare(manifest) == folders
    assert compare_beside(_RUN, manifest) == ()


async def test_nothing_is_gathered_for_an_epoch_that_is_over(manifest: Manifest) -> None:
    change_lease(_RUN, lambda _: Lease(epoch=3))
    with pytest.raises(NotOwner):
        await prepare(manifest)
