"""How the tree here stands against what left, told before a run comes home: nothing of it stops the merge."""

from collections.abc import Sequence
from pathlib import Path

from remote.findings import Problem
from snapshot.changes import Change
from snapshot.errors import GitFailed
from snapshot.here import look_here
from snapshot.manifest import GitSummary, Manifest
from snapshot.place import same
from snapshot.repository import git_path, has_repository, read_summary

_SHOWN = 3
_IN_PROGRESS = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}


def look_at_standing(tree: Path, base: Manifest, paths: Sequence[str], *, merges: bool) -> list[Problem]:
    """Sentences on what changed here meanwhile; ``paths`` are those that the run changed. Raises `OSError`."""
    notes = _find_git_notes(tree, base.git)
    if merges and (edited := find_edited(tree, base, paths)):
        shown = ", ".join(edited[:_SHOWN])
        more = f" and {len(edited) - _SHOWN} more" if len(edited) > _SHOWN else ""
        sentence = f"Changed here as well since the handoff: {shown}{more}."
        way_out = "Both sides are merged; where they clash, you keep both versions."
        notes.append(Problem(code="merges", sentence=sentence, way_out=way_out, blocking=False))
    return notes


def find_edited(tree: Path, base: Manifest, paths: Sequence[str]) -> list[str]:
    """Those of ``paths`` that are not as they left. They come from a host: only plain relative ones are looked at."""
    plain = [path for path in paths if not {"", ".", ".."} & set(path.split("/")) and "\0" not in path]
    known = base.by_path
    asked = [Change(path=path, change="modified", before=known.get(path), after=None) for path in plain]
    here = look_here(tree, asked)
    return [path for path in plain if path in here.special or not same(here.entries.get(path), known.get(path))]


def _find_git_notes(tree: Path, left: GitSummary | None) -> list[Problem]:
    if left is None or not has_repository(tree):
        return []
    try:
        now, own = read_summary(tree), git_path(tree, "HEAD").parent
    except GitFailed as error:
        return [
            Problem(code="git-failed", sentence=str(error), way_out="Files are merged all the same.", blocking=False)
        ]
    told: list[str] = []
    if now.branch != left.branch:
        told.append(f"You are on {_name(now)} now; the session left on {_name(left)}.")
    elif now.head != left.head:
        told.append("There are other commits here than when the session left.")
    elif now.index != left.index:
        told.append("Other changes are staged here than when the session left.")
    told += [f"You are in the middle of {what}." for name, what in _IN_PROGRESS.items() if (own / name).exists()]
    way_out = "The files are merged as they are; branch, commits and index stay as you have them."
    return [Problem(code="git-moved", sentence=text, way_out=way_out, blocking=False) for text in dict.fromkeys(told)]


def _name(summary: GitSummary) -> str:
    return summary.branch or f"the commit {(summary.head or '')[:10]}"
