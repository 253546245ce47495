"""The repositories in a tree: its own, submodules, and others that lie in it, found while the tree is walked."""

from collections.abc import Collection, Iterable
from pathlib import Path

from snapshot.companions import Need
from snapshot.errors import GitFailed
from snapshot.manifest import GitSummary
from snapshot.refusal import Refusal
from snapshot.repository import Status, find_tracked, ignored_among, is_readable, own_directories, read_status
from snapshot.selection import Selection, choose, is_under
from snapshot.walk import Found, show_path


class Roots:
    """The repositories found so far, by the path of their work tree; the tree's own is ``""``.

    ``ignored`` and ``included`` are paths of the tree, as `snapshot.selection.choose` tells them apart. ``needs`` are
    the directories that belong to the repositories, in the tree or not.
    A ``.git`` inside the tree that git cannot read is no repository, here and there: its files travel like others.
    """

    def __init__(self, tree: Path, selection: Selection, *, copied: bool = False) -> None:
        self._tree = tree
        self._selection = selection
        self._copied = copied
        self.statuses: dict[str, Status] = {}
        self.refusals: list[Refusal] = []
        self.needs: list[Need] = []
        self.ignored: set[str] = set()
        self.included: list[Found] = []

    def enter(self, folder: str) -> Collection[str]:
        """For `snapshot.walk.walk`: take the repository of ``folder`` in; the paths that stay."""
        where = self._tree / folder
        if folder and not is_readable(where):
            return ()
        try:
            directories = own_directories(where)
            status = read_status(where, copied=self._copied)
        except (GitFailed, OSError) as error:
            self.refusals.append(_refuse_broken(f"{folder}.git", error))
            return ()
        self.needs += [Need(f"{folder}.git", directory) for directory in directories]
        self.statuses[folder.rstrip("/")] = status
        # A submodule that is ignored stays itself: nobody looks into it.
        ignored = frozenset(folder + path for path in status.ignored)
        chosen = choose(self._tree, ignored, self._selection)
        self.ignored |= chosen.ignored
        self.included += chosen.included
        return chosen.ignored

    def forget(self, left: frozenset[str]) -> None:
        """Leave out the repositories that lie in the paths ``left``, which stay by choice."""
        self.statuses = {path: status for path, status in self.statuses.items() if not path or not is_under(path, left)}
        self.needs = [need for need in self.needs if not is_under(need.dot_git, left)]
        self.refusals = [refusal for refusal in self.refusals if not is_under(refusal.path, left)]

    def tracked(self) -> list[str]:
        """The paths in the indexes of all repositories. Raises `GitFailed`."""
        return [
            f"{root}/{path}" if root else path for root in self.statuses for path in find_tracked(self._tree / root)
        ]

    @property
    def inner(self) -> dict[str, GitSummary]:
        """How the repositories inside the tree stand, by path."""
        return {path: status.summary for path, status in sorted(self.statuses.items()) if path}

    @property
    def own(self) -> GitSummary | None:
        """How the tree's own repository stands; None without one."""
        return self.statuses[""].summary if "" in self.statuses else None


def ignored_in(tree: Path, roots: Collection[str], paths: Iterable[str]) -> set[str]:
    """Those of ``paths`` that an ignore rule matches, each by the rules of the repository that it lies in."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        root = root_of(path, roots)
        if root is not None:
            groups.setdefault(root, []).append(path)
    ignored: set[str] = set()
    for root, inside in groups.items():
        above = f"{root}/" if root else ""
        ignored |= {above + path for path in ignored_among(tree / root, [path.removeprefix(above) for path in inside])}
    return ignored


def root_of(path: str, roots: Collection[str]) -> str | None:
    """Which of ``roots`` the path lies in, the innermost; None if in none."""
    while path:
        path = path.rpartition("/")[0]
        if path in roots:
            return path
    return None


def _refuse_broken(path: str, error: GitFailed | OSError) -> Refusal:
    shown = show_path(path)
    sentence = f"The repository {shown!r} cannot be read: {error}"
    return Refusal(code="git-broken", path=shown, sentence=sentence, way_out="Repair it, then try again.")
