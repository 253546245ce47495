"""Taking back what a pull did to the tree here, and taking that back in turn. No host is asked."""

from pathlib import Path
from typing import Literal

from agent.events import Frozen
from agent.paths import state_dir
from agent.runner_lock import hold_move
from agent.sessions import SessionDir, find_session, list_sessions
from remote.errors import RemoteError
from snapshot import home
from snapshot.home import Applied
from snapshot.walk import show_path

BUNDLE = "before.bundle"
"""In the folder of a move: the tree before the pull (`snapshot.undo_bundle`)."""


class Pull(Frozen):
    """One pull of a session: ``at`` is Unix time; ``bundle`` holds the tree as it was before as a commit,
    for ``git fetch``; "" if there is none."""

    epoch: int
    at: float
    changed: int
    deleted: int
    state: Literal["placed", "cut", "undone"]
    bundle: str
    keep: str


class Undone(Frozen):
    """What an undo (or a redo) did, or would do; ``in_the_way`` are paths that were changed since."""

    pull: Pull
    in_the_way: tuple[str, ...] = ()


def find_bundle(move: Path) -> str:
    """The bundle in the folder of a move, "" if there is none."""
    return str(move / BUNDLE) if (move / BUNDLE).is_file() else ""


def find_pulled(prefix: str | None, project: Path) -> SessionDir:
    """The session whose id begins with ``prefix``; without one, that of ``project`` which was pulled last, or else the
    only session there is. Raises `agent.errors.SessionUnknown`."""
    if prefix is None:
        here = [each for each in list_sessions(state_dir()) if each.info.project == str(project) and list_pulls(each)]
        if here:
            return max(here, key=lambda session: list_pulls(session)[0].at)
    return find_session(state_dir(), prefix)


def list_pulls(session: SessionDir) -> tuple[Pull, ...]:
    """The pulls that changed the tree, the newest first; raises `snapshot.errors.UndoDamaged`."""
    moves = session.path / "moves"
    keeps = [folder / "keep" for folder in moves.iterdir()] if moves.is_dir() else []
    found = [_describe(keep) for keep in keeps if home.has_begun(keep)]
    return tuple(sorted(found, key=lambda pull: pull.epoch, reverse=True))


def check_undo(session: SessionDir, *, again: bool = False) -> Undone:
    """What `undo` (or, ``again``, `redo`) would do; changes nothing. Raises `RemoteError` if there is nothing to do."""
    pull = _choose(session, again=again)
    paths = home.check_undo(Path(session.info.project), Path(pull.keep), again=again)
    return Undone(pull=pull, in_the_way=tuple(show_path(path) for path in paths))


def undo(session: SessionDir, *, again: bool = False) -> Undone:
    """Put the tree back to what it was before the last pull; ``again`` takes the last undo back.

    Raises `snapshot.errors.TreeChanged` naming what was changed since, and nothing is touched then; `UndoDamaged`,
    `PlacingFailed`; `RemoteError` if there is nothing to do; `agent.errors.RunnerBusy` while the session moves.
    """
    with hold_move(session):
        pull = _choose(session, again=again)
        tree, keep = Path(session.info.project), Path(pull.keep)
        _carry_out(tree, keep, again=again)
        return Undone(pull=_describe(keep) if home.has_begun(keep) else pull)


def _carry_out(tree: Path, keep: Path, *, again: bool) -> Applied:
    return home.redo(tree, keep) if again else home.undo(tree, keep)


def _choose(session: SessionDir, *, again: bool) -> Pull:
    """The newest pull that stands, or the oldest of those that were undone: what the next step back or forth is."""
    pulls = list_pulls(session)
    fits = [pull for pull in pulls if (pull.state == "undone") == again]
    if not fits:
        what = "No undo of this session can be taken back." if again else "No pull of this session changed the tree."
        raise RemoteError(what, "castoff undo --list shows all.", code="nothing-to-undo")
    return fits[-1] if again else fits[0]


def _describe(keep: Path) -> Pull:
    state = home.read_state(keep)
    applied = home.count(state.plan)
    return Pull(
        epoch=int(keep.parent.name),
        at=(keep / "undo.json").stat().st_mtime,
        changed=applied.changed,
        deleted=applied.deleted,
        state="undone" if state.undone else "placed" if state.done else "cut",
        bundle=find_bundle(keep.parent),
        keep=str(keep),
    )
