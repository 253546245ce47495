"""Bringing a plan onto the tree here, and undoing it.

The plan is on disk before the first change and everything that is replaced or deleted is kept first: cut anywhere,
the same call finishes it, and `undo` puts back every byte.
"""

import shutil
from pathlib import Path

from snapshot.durable import sync_directory, write_durably
from snapshot.errors import PlacingFailed, TreeChanged, UndoDamaged
from snapshot.manifest import Entry, Frozen
from snapshot.place import Source
from snapshot.plan import Plan, dump_plan, load_plan
from snapshot.texts import Folders
from snapshot.transition import Step, change_tree

_RECORD = "undo.json"
_DONE = "done"
_UNDONE = "undone"
_ASIDE = "Move your version of it aside, then do it again."


class Applied(Frozen):
    """How many files and links were added or modified, and deleted."""

    changed: int
    deleted: int


class State(Frozen):
    """How far a pull came here: its plan, whether all of it was placed, and whether it was undone since."""

    plan: Plan
    done: bool
    undone: bool


def has_begun(keep: Path) -> bool:
    """Whether the tree may hold some of a plan's changes."""
    return (keep / _RECORD).exists()


def read_state(keep: Path) -> State:
    """The state of the pull whose originals are in ``keep``; raises `UndoDamaged`, also when there is none."""
    return State(plan=load_plan(keep / _RECORD), done=(keep / _DONE).exists(), undone=(keep / _UNDONE).exists())


def apply(tree: Path, plan: Plan, folders: Folders) -> Applied:
    """Make in ``tree`` what ``plan`` says, with the bytes in ``folders``.

    Everything replaced or deleted is kept under ``folders.keep`` first (made if missing, 0700), for `undo`. Run again
    after a crash with the plan of `read_state` it finishes. Raises `TreeChanged` before anything is touched, and
    before `has_begun`, if some path is not as the plan has it; `TreeChanged`, `IncomingDamaged` or `PlacingFailed`
    in the middle leave the rest untouched. `UndoDamaged` if ``keep`` belongs to something else.
    """
    keep = folders.keep
    if has_begun(keep):
        state = read_state(keep)
        if (state.plan.base, state.plan.placements) != (plan.base, plan.placements):
            raise UndoDamaged(f"{str(keep)!r} holds the undo of another pull.", "Use an empty folder.")
        if state.done and not state.undone:
            return count(plan)
    merged = frozenset(placement.path for placement in plan.placements if placement.source == "merged")
    source = Source(folders.run, merged=folders.merged, merged_paths=merged)
    change_tree(tree, _steps(plan), source, keep=keep, begin=lambda: _begin(keep, plan))
    _mark(keep, done=True, undone=False)
    return count(plan)


def undo(tree: Path, keep: Path) -> Applied:
    """Put back what `apply` replaced or deleted and remove what it added, bit for bit, times and modes included.

    What it removes is kept in turn, for `redo`. Of a pull that was cut nothing remains then. Raises `TreeChanged`
    naming every one of those paths that was changed since, before anything is touched; `UndoDamaged`, `PlacingFailed`.
    """
    state = read_state(keep)
    if not state.done:
        take_back(tree, keep)
        return count(state.plan)
    _make_keep(keep / "redo")
    _change(tree, _reversed(state.plan), Source(keep, numbered=True), keep / "redo")
    _mark(keep, done=True, undone=True)
    return count(state.plan)


def redo(tree: Path, keep: Path) -> Applied:
    """Take back an `undo`; raises as it does, `UndoDamaged` too if there was none."""
    state = read_state(keep)
    if not state.undone:
        raise UndoDamaged("This pull was not undone.")
    _change(tree, _steps(state.plan), Source(keep / "redo", numbered=True), keep)
    _mark(keep, done=True, undone=False)
    return count(state.plan)


def take_back(tree: Path, keep: Path) -> None:
    """Undo what was placed by a pull that was cut, and forget its plan; raises as `undo` does."""
    plan = read_state(keep).plan
    _change(tree, _reversed(plan), Source(keep, numbered=True), None)
    # Cut here, doing it again finds nothing to do.
    shutil.rmtree(keep)


def check_undo(tree: Path, keep: Path, *, again: bool = False) -> tuple[str, ...]:
    """The paths that stand in the way of an `undo`, or of a `redo` if ``again``; changes nothing."""
    plan = read_state(keep).plan
    steps = _steps(plan) if again else _reversed(plan)
    try:
        change_tree(tree, steps, Source(keep, numbered=True), begin=_stop)
    except TreeChanged as error:
        return error.paths
    except _Stop:
        pass
    return ()


def count(plan: Plan) -> Applied:
    """What ``plan`` does to files and links."""
    placed = [p for p in plan.placements if _is_file(p.after or p.before)]
    deleted = sum(placement.after is None for placement in placed)
    return Applied(changed=len(placed) - deleted, deleted=deleted)


class _Stop(Exception):
    """Everything is as expected, and nothing shall be touched."""


def _stop() -> None:
    raise _Stop


def _steps(plan: Plan) -> list[Step]:
    return [Step(p.path, p.before, p.after) for p in plan.placements]


def _reversed(plan: Plan) -> list[Step]:
    return [Step(p.path, p.after, p.before) for p in plan.placements]


def _change(tree: Path, steps: list[Step], source: Source, keep: Path | None) -> None:
    try:
        change_tree(tree, steps, source, keep=keep)
    except TreeChanged as error:
        raise TreeChanged(str(error), error.paths, _ASIDE) from error


def _begin(keep: Path, plan: Plan) -> None:
    if has_begun(keep):
        return
    _make_keep(keep)
    _write(keep / _RECORD, dump_plan(plan))
    sync_directory(keep.parent)


def _make_keep(keep: Path) -> None:
    try:
        (keep / "files").mkdir(mode=0o700, parents=True, exist_ok=True)
        keep.chmod(0o700)
    except OSError as error:
        raise _failed(keep, error) from error


def _mark(keep: Path, *, done: bool, undone: bool) -> None:
    for name, holds in ((_DONE, done), (_UNDONE, undone)):
        if holds:
            _write(keep / name, b"")
        else:
            (keep / name).unlink(missing_ok=True)
            sync_directory(keep)


def _write(file: Path, data: bytes) -> None:
    try:
        write_durably(file, data)
    except OSError as error:
        raise _failed(file, error) from error


def _failed(path: Path, error: OSError) -> PlacingFailed:
    return PlacingFailed(
        f"{str(path)!r} could not be written: {error.strerror}.", "Make room or permission, then run it again."
    )


def _is_file(entry: Entry | None) -> bool:
    return entry is not None and entry.type != "dir"
