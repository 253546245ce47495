"""A plan as the user sees it: steps from what `snapshot.plan` found, names as they can be shown."""

from collections.abc import Iterable, Sequence

from remote.steps import Change, Clash, Executable, HeldBack, Planned, Way
from remote.terms import Agreed, Wish
from snapshot.changes import Change as TreeChange
from snapshot.executable import Executable as TreeExecutable
from snapshot.merge import Conflict
from snapshot.plan import Choice, Held, Plan, Questions
from snapshot.resolve import describe_conflict, find_ways, take_command
from snapshot.textdiff import unified
from snapshot.texts import Folders, ReadLeft
from snapshot.walk import show_path


def plan_step(
    changes: Sequence[TreeChange], plan: Plan, questions: Questions, wish: Wish, folders: Folders, read_left: ReadLeft
) -> Planned:
    """What is shown before anything changes, and asked if anything has to be asked that ``wish`` does not answer."""
    clashes = show_conflicts(plan.conflicts, folders)
    choice = choose(questions, wish, Agreed())
    open_paths = [each for each in questions.executable if each.change.path not in choice.accept]
    open_paths = [each for each in open_paths if _is_chosen(each.change.path, wish.only)]
    deletion = questions.mass_deletion if not choice.deletions else None
    return Planned(
        changes=tuple(Change(path=show_path(each.path), change=each.change) for each in changes if _is_file(each)),
        clashes=clashes,
        executable=tuple(_show_executable(each, folders, read_left) for each in open_paths),
        mass_deletion=deletion,
        asks=bool(clashes or open_paths or deletion),
    )


def choose(questions: Questions, wish: Wish, agreed: Agreed) -> Choice:
    """What the user agreed to, before and now; paths are named as they were shown."""
    shown = {*wish.agreed.accept, *agreed.accept}
    return Choice(
        accept=frozenset(
            each.change.path for each in questions.executable if wish.accept_all or show_path(each.change.path) in shown
        ),
        deletions=wish.agreed.deletions or agreed.deletions,
        only=wish.only,
    )


def show_conflicts(conflicts: Iterable[Conflict], folders: Folders) -> tuple[Clash, ...]:
    """Conflicts with the commands that settle them."""
    return tuple(
        Clash(
            path=show_path(each.path),
            kind=each.kind,
            sentence=describe_conflict(each),
            ways=tuple(Way(takes=way.takes, command=way.command) for way in find_ways(each, folders)),
        )
        for each in conflicts
    )


def show_held(held: Iterable[Held], folders: Folders) -> tuple[HeldBack, ...]:
    """What is held back, with the commands that make the changes after all."""
    return tuple(
        HeldBack(path=show_path(each.path), why=each.why, command=take_command(each.path, each.run, folders, each.left))
        for each in held
        if not _is_folder(each)
    )


def _show_executable(found: TreeExecutable, folders: Folders, read_left: ReadLeft) -> Executable:
    change = found.change
    before = read_left(change.before) if change.before is not None and change.before.type == "file" else b""
    file = folders.run / change.path
    after = file.read_bytes() if file.is_file() and not file.is_symlink() else before
    return Executable(
        path=show_path(change.path), change=change.change, why=found.why, text=unified(before or b"", after or b"")
    )


def _is_file(change: TreeChange) -> bool:
    entry = change.after or change.before
    return entry is not None and entry.type != "dir"


def _is_folder(held: Held) -> bool:
    entry = held.run or held.left
    return entry is not None and entry.type == "dir"


def _is_chosen(path: str, only: Sequence[str]) -> bool:
    return not only or any(path == each or path.startswith(f"{each}/") for each in only)
