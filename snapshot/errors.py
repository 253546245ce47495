"""Errors of the snapshot.

SnapshotError
├── GitFailed          git is missing, ran out of time, or ended with an error
├── SnapshotRefused    the tree holds what cannot travel exactly; ``refusals`` says what
├── TreeChanged        files changed under our hands; ``paths`` names them
├── ManifestDamaged    a manifest on disk is not what was written
├── BaseLost           the base of a diff is gone
├── StartStays         what a session began with does not travel
├── UnsafePaths        names from a host that may not be created here; ``problems`` says why
├── IncomingDamaged    a received file is missing or not what the manifest says
├── PlacingFailed      the file system refused to take a change; running it again goes on
├── WayBlocked         a branch or a patch cannot be made under that name
├── HostileObjects     commits from a host that git's strict check refuses
├── SecretsUnread      a file that travels could not be searched for secrets
├── AllowListDamaged   the record of allowed secrets is unreadable
└── UndoDamaged        what was kept for an undo is incomplete
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapshot.paths import PathProblem
    from snapshot.refusal import Refusal


class SnapshotError(Exception):
    """Base of all: ``str(error)`` is a sentence for the user, ``way_out`` what to do about it."""

    code = "snapshot"

    def __init__(self, sentence: str, way_out: str = "") -> None:
        super().__init__(sentence)
        self.way_out = way_out


class GitFailed(SnapshotError):
    """Git could not do what was asked; the sentence ends with the first line of what it said."""

    code = "git-failed"


class SnapshotRefused(SnapshotError):
    """The tree holds something that would not arrive as it is here."""

    code = "snapshot-refused"

    def __init__(self, refusals: Sequence["Refusal"]) -> None:
        first = refusals[0]
        more = f" And {len(refusals) - 1} more." if len(refusals) > 1 else ""
        super().__init__(first.sentence + more, first.way_out)
        self.refusals = tuple(refusals)


class TreeChanged(SnapshotError):
    """Files are not what they were a moment ago, or not what left; nothing more was touched."""

    code = "tree-changed"

    def __init__(self, sentence: str, paths: Sequence[str] = (), way_out: str = "") -> None:
        super().__init__(sentence, way_out)
        self.paths = tuple(paths)


class ManifestDamaged(SnapshotError):
    """A manifest file cannot be read, or is not the one that was written."""

    code = "manifest-damaged"


class BaseLost(SnapshotError):
    """The tree that diffs are made against is not in the object store any more."""

    code = "base-lost"


class StartStays(SnapshotError):
    """What a session began with may not travel."""

    code = "start-stays"


class UnsafePaths(SnapshotError):
    """A host sent names or links that may not be created on this machine."""

    code = "unsafe-paths"

    def __init__(self, problems: Sequence["PathProblem"]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"The run made a path that is not safe to create here: {first.path!r} {first.sentence}{more}.",
            "Rename or remove it in the run, then pull again.",
        )
        self.problems = tuple(problems)


class IncomingDamaged(SnapshotError):
    """A received file is not what the run's manifest says."""

    code = "incoming-damaged"


class PlacingFailed(SnapshotError):
    """A change could not be written here; what was done so far stays and counts when it is run again."""

    code = "placing-failed"


class WayBlocked(SnapshotError):
    """A run cannot come home under the name that was chosen for its branch or patch."""

    code = "way-blocked"


class HostileObjects(SnapshotError):
    """Commits from a host did not pass git's strict check; nothing of them was kept."""

    code = "hostile-objects"


class SecretsUnread(SnapshotError):
    """A file could not be searched for secrets, so it is not known whether it may travel."""

    code = "secrets-unread"


class AllowListDamaged(SnapshotError):
    """The record of what the user allowed to travel cannot be read; nothing is allowed then."""

    code = "allow-list-damaged"


class UndoDamaged(SnapshotError):
    """What was kept for an undo is missing or changed."""

    code = "undo-damaged"
