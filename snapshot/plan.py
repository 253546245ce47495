"""The plan of a pull: what will be placed here, what clashes, what is held back. Made before anything changes."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from snapshot.changes import Change, compare, count_losses, masked
from snapshot.errors import UndoDamaged, UnsafePaths
from snapshot.executable import Executable, find_executables
from snapshot.here import look_here
from snapshot.manifest import Entry, Frozen, Manifest
from snapshot.merge import Conflict, Placement, merge
from snapshot.names import Name
from snapshot.paths import check_paths
from snapshot.texts import Folders, ReadLeft, TextMerger

Why = Literal["executable", "deletion", "not-chosen"]


class Choice(Frozen):
    """What the user agreed to: executable configuration by path, a mass deletion, and which paths at all (all: empty).

    A path of ``only`` means everything below it as well.
    """

    accept: frozenset[str] = frozenset()
    deletions: bool = False
    only: tuple[str, ...] = ()


class Held(Frozen):
    """One change of the run that is not made here, and why; ``run`` is what it would be, None if it was deleted."""

    path: Name
    why: Why
    left: Entry | None
    run: Entry | None


class Plan(Frozen):
    """All of it. ``base`` and ``theirs`` are the digests of the manifests that it was made from."""

    base: str
    theirs: str
    placements: tuple[Placement, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    held: tuple[Held, ...] = ()


class Questions(Frozen):
    """What a human has to be asked: executable configuration, and (lost, had) of a mass deletion."""

    executable: tuple[Executable, ...] = ()
    mass_deletion: tuple[int, int] | None = None


def check_safe(base: Manifest, theirs: Manifest) -> None:
    """Raise `UnsafePaths` if ``theirs`` holds names or links that may not be created here."""
    problems = check_paths(theirs, base)
    if problems:
        raise UnsafePaths(problems)


def find_questions(
    base: Manifest, theirs: Manifest, folders: Folders, read_left: ReadLeft, *, obeyed: Collection[str] = frozenset()
) -> Questions:
    """What has to be asked about the run's tree, whose files are in ``folders.run``.

    ``obeyed`` are paths that git's settings here name (`snapshot.git_obeys`).
    """

    def read_run(entry: Entry) -> bytes | None:
        file = folders.run / entry.path
        return file.read_bytes() if file.is_file() and not file.is_symlink() else read_left(entry)

    losses = count_losses(base, theirs)
    paths = (entry.path.rpartition("/") for entry in theirs.tree_entries())
    repositories = {folder for folder, _, name in paths if name.casefold() == "head"}
    return Questions(
        executable=find_executables(
            compare(base, theirs), read_left, read_run, repositories=repositories, obeyed=obeyed
        ),
        mass_deletion=(losses.lost, losses.had) if losses.mass else None,
    )


def make_plan(
    tree: Path,
    base: Manifest,
    theirs: Manifest,
    folders: Folders,
    merger: TextMerger,
    questions: Questions,
    choice: Choice,
) -> Plan:
    """Merge what the run changed with what is in ``tree`` now; writes to ``folders`` only.

    Raises `UnsafePaths`, `TreeChanged` if somebody writes meanwhile, `OSError`.
    """
    check_safe(base, theirs)
    changes, held = hold_back(compare(base, theirs), questions, choice)
    folders.begin()
    left = {entry.path: entry for entry in base.tree_entries()}
    run = {entry.path: masked(entry, left.get(entry.path)) for entry in theirs.tree_entries()}
    outcome = merge(changes, left, run, look_here(tree, changes), merger.merge)
    for conflict in outcome.conflicts:
        merger.keep_versions(conflict)
    return Plan(
        base=base.digest, theirs=theirs.digest, placements=outcome.placements, conflicts=outcome.conflicts, held=held
    )


def hold_back(
    changes: Sequence[Change], questions: Questions, choice: Choice
) -> tuple[tuple[Change, ...], tuple[Held, ...]]:
    """Part ``changes`` in those that are agreed to and those that are not made here."""
    executable = {each.change.path for each in questions.executable}
    reasons: dict[str, Why] = {}
    for change in changes:
        if not _is_chosen(change, choice.only):
            reasons[change.path] = "not-chosen"
        elif change.path in executable and change.path not in choice.accept:
            reasons[change.path] = "executable"
        elif change.after is None and questions.mass_deletion is not None and not choice.deletions:
            reasons[change.path] = "deletion"
    # A folder that shall not become something else keeps what is in it.
    kept = tuple(
        f"{c.path}/" for c in changes if c.path in reasons and _is_folder(c.before) and not _is_folder(c.after)
    )
    for change in changes:
        if kept and change.path not in reasons and change.path.startswith(kept):
            reasons[change.path] = next(why for path, why in reasons.items() if change.path.startswith(f"{path}/"))
    held = tuple(
        Held(path=change.path, why=reasons[change.path], left=change.before, run=change.after)
        for change in changes
        if change.path in reasons
    )
    return tuple(change for change in changes if change.path not in reasons), held


def _is_chosen(change: Change, only: Sequence[str]) -> bool:
    """Whether ``change`` is at, below or (a folder) above one of ``only``."""
    if not only:
        return True
    path = change.path
    below = any(path == each or path.startswith(f"{each}/") for each in only)
    return below or (_is_folder(change.after) and any(each.startswith(f"{path}/") for each in only))


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.type == "dir"


def dump_plan(plan: Plan) -> bytes:
    """The plan as JSON."""
    return plan.model_dump_json().encode()


def load_plan(file: Path) -> Plan:
    """The plan in ``file``; raises `UndoDamaged`, also when there is none."""
    try:
        return Plan.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise UndoDamaged(f"There is no readable plan in {str(file)!r}.") from error
