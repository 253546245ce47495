"""What a run's result becomes here: merged into the tree, a branch, or a patch. No host is asked any more."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypedDict

from agent.durable import read_model, write_record
from agent.sessions import SessionDir
from remote.findings import Problem
from remote.planning import choose, plan_step, show_conflicts, show_held
from remote.standing import look_at_standing
from remote.steps import Change, Clash, HeldBack, Planned
from remote.terms import Agreed, Wish
from remote.undo import BUNDLE, find_bundle
from snapshot import home, ways
from snapshot.changes import Change as TreeChange
from snapshot.changes import compare, wanted
from snapshot.commits import import_bundle, import_inner
from snapshot.errors import GitFailed, HostileObjects, TreeChanged, WayBlocked
from snapshot.git_obeys import find_obeyed
from snapshot.home import Applied, count
from snapshot.left import Left, read_left
from snapshot.manifest import Entry, Manifest
from snapshot.plan import Plan, Questions, check_safe, find_questions, hold_back, make_plan
from snapshot.repository import has_repository
from snapshot.texts import Folders, TextMerger
from snapshot.undo_bundle import keep_as_bundle
from snapshot.walk import show_path

_TRIES = 3


class Told(TypedDict):
    """What the end of a pull tells besides counts: fields of `remote.steps.Home`."""

    commits_ref: str
    clashes: tuple[Clash, ...]
    held: tuple[HeldBack, ...]
    notes: tuple[str, ...]
    branch: str
    patch: str


class Landing:
    """One run's result on its way into the tree. The order of the calls is that of `remote.pull.pull_back`."""

    def __init__(self, session: SessionDir, left_at: int, host: str, move: Path, wish: Wish) -> None:
        self.folders = Folders(move)
        self._session = session
        self._tree = Path(session.info.project)
        self._left_file = session.move(left_at) / "left.json"
        self._host = host
        self._move = move
        self._wish = wish
        self._base = Manifest(entries=())
        self._theirs = Manifest(entries=())
        self._questions = Questions()
        self._agreed = Agreed()
        self._plan: Plan | None = None
        self._commits_ref = ""
        self._head = ""
        """The run's newest commit, "" if it made none or left it."""
        self._notes: list[str] = []

    @property
    def has_begun(self) -> bool:
        """Whether the tree here may hold some of the run's changes: then only this very state of the run fits."""
        return home.has_begun(self.folders.keep)

    def look(self, paths: Sequence[str], base: Manifest) -> list[Problem]:
        """What is to be known of the tree here before a run that changed ``paths`` comes home."""
        if not self._tree.is_dir():
            sentence = f"The project {self._tree} is not there any more."
            return [Problem(code="no-project", sentence=sentence, way_out="Restore the folder first.")]
        if self.has_begun:
            sentence = "A pull of this run was cut in the middle."
            return [Problem(code="unfinished", sentence=sentence, way_out="This one finishes it.", blocking=False)]
        return look_at_standing(self._tree, base, paths, merges=self._merges)

    @property
    def _merges(self) -> bool:
        return not (self._wish.branch or self._wish.patch)

    def expect(self, base: Manifest, theirs: Manifest) -> tuple[str, ...]:
        """The files whose bytes are needed of the run's tree; raises `UnsafePaths` before one of its names is used."""
        check_safe(base, theirs)
        self._base, self._theirs = base, theirs
        changes = compare(base, theirs)
        gone = [change.path for change in changes if not (self._tree / change.path).exists()]
        names = wanted(changes, gone)
        if not self.has_begun:
            # A pull before that was given up left the files of another state of the run.
            self._drop_received(frozenset(names))
        return names

    def plan(self) -> Planned:
        """What will happen here, if everything is agreed to. Raises `snapshot.errors.SnapshotError`, `OSError`."""
        self.folders.run.mkdir(mode=0o700, exist_ok=True)
        if not self._merges:
            self._check_name()
            return Planned(changes=tuple(_show(each) for each in self._changes()))
        if (recorded := self._recorded()) is not None:
            self._plan = recorded
            return Planned(changes=tuple(_show_placement(each.path) for each in recorded.placements))
        self._questions = find_questions(
            self._base, self._theirs, self.folders, self._read_left, obeyed=find_obeyed(self._tree)
        )
        every = Agreed(accept=tuple(show_path(e.change.path) for e in self._questions.executable), deletions=True)
        plan = self._make(every)
        return plan_step(
            compare(self._base, self._theirs), plan, self._questions, self._wish, self.folders, self._read_left
        )

    def _recorded(self) -> Plan | None:
        """The plan that a pull which was cut has begun to carry out, if it is one of this very state of the run."""
        if not self.has_begun:
            return None
        plan = home.read_state(self.folders.keep).plan
        if plan.theirs == self._theirs.digest:
            return plan
        home.take_back(self._tree, self.folders.keep)
        return None

    def prepare(self, agreed: Agreed, bundle: Path, ref: str) -> None:
        """Everything that may fail: commits, the final plan, branch or patch. The tree is not changed.

        Raises `snapshot.errors.SnapshotError`, `OSError`.
        """
        self._agreed = agreed
        self._bring_commits(bundle, ref)
        if self._wish.branch:
            self._make_branch()
        elif self._wish.patch:
            ways.make_patch(self._changes(), self._shelf(), Path(self._wish.patch))
        elif not self.has_begun:
            self._plan = self._make(agreed)

    def apply(self) -> Applied:
        """Carry the plan out. If the tree changes before it has begun, the plan is made anew."""
        if not self._merges:
            return Applied(changed=0, deleted=0)
        assert self._plan is not None, "there is a plan before it is carried out"
        if not self._plan.placements:
            return count(self._plan)
        for attempt in range(_TRIES):
            try:
                if not self.has_begun:
                    self._keep_as_bundle()
                return home.apply(self._tree, self._plan, self.folders)
            except TreeChanged:
                if self.has_begun or attempt == _TRIES - 1:
                    raise
                self._plan = self._make(self._agreed)
        raise AssertionError("the last attempt returns or raises")

    @property
    def bundle(self) -> str:
        """The bundle that holds the tree as it was before as a commit, "" if there is none."""
        return find_bundle(self._move)

    def told(self) -> Told:
        """What the user is told at the end."""
        plan = self._plan
        return Told(
            commits_ref=self._commits_ref,
            clashes=show_conflicts(plan.conflicts, self.folders) if plan else (),
            held=show_held(plan.held, self.folders) if plan else (),
            notes=tuple(self._notes),
            branch=self._wish.branch,
            patch=self._wish.patch,
        )

    def write_open(self) -> str:
        """Write down what is left to the user, with the commands; a sentence on it, "" if nothing is."""
        told = self.told()
        clashes, held = told["clashes"], told["held"]
        if not clashes and not held:
            return ""
        lines = [f"# In {self._tree}"]
        for clash in clashes:
            lines += [f"# {clash.path!r} {clash.sentence}", *(f"#   for {w.takes}:\n{w.command}" for w in clash.ways)]
        lines += [f"# {each.path!r} was held back\n{each.command}" for each in held]
        file = self._move / "open.txt"
        write_record(file, "\n".join([*lines, ""]).encode())
        return f"Left to settle: {len(clashes)} clashing, {len(held)} held back; the commands are in {file}."

    def tidy(self) -> None:
        """Remove what no conflict and nothing held back needs any more."""
        shutil.rmtree(self.folders.merged, ignore_errors=True)
        plan = self._plan
        self._drop_received({each.path for each in (*plan.conflicts, *plan.held)} if plan is not None else set())

    def _drop_received(self, needed: Collection[str]) -> None:
        """Remove what was received and is neither one of ``needed`` nor below one."""
        for file in sorted(self.folders.run.rglob("*"), reverse=True):
            path = file.relative_to(self.folders.run)
            if file.is_dir() and not file.is_symlink():
                if not any(file.iterdir()):
                    file.rmdir()
            elif not any(each.as_posix() in needed for each in (path, *path.parents)):
                file.unlink()

    def _make(self, agreed: Agreed) -> Plan:
        merger = TextMerger(self._tree, self.folders, self._read_left, self._host)
        choice = choose(self._questions, self._wish, agreed)
        for attempt in range(_TRIES):
            try:
                return make_plan(self._tree, self._base, self._theirs, self.folders, merger, self._questions, choice)
            except TreeChanged:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _read_left(self, entry: Entry) -> bytes | None:
        left = self._left()
        return read_left(self._store, left, entry) if left is not None else None

    @property
    def _store(self) -> Path:
        return self._session.path / "left"

    def _left(self) -> Left | None:
        return read_model(self._left_file, Left) if self._left_file.exists() else None

    def _changes(self) -> tuple[TreeChange, ...]:
        choice = choose(self._questions, self._wish, Agreed())
        return hold_back(compare(self._base, self._theirs), Questions(), choice)[0]

    def _shelf(self) -> ways.Shelf:
        left = self._left()
        if left is None:
            raise WayBlocked("What left was not kept when this session was handed off.", "Pull into the tree.")
        return ways.Shelf(self._store, left, self.folders.run)

    def _check_name(self) -> None:
        self._shelf()
        if self._wish.branch:
            ways.check_branch(self._tree, self._wish.branch)

    def _make_branch(self) -> None:
        git = self._base.git
        left = git.head or "" if git is not None else ""
        message = f"Work of the run {self._session.id} on {self._host}\n\n{self._session.info.title}"
        ways.make_branch(self._tree, self._wish.branch, self._changes(), self._shelf(), self._head or left, message)

    def _bring_commits(self, bundle: Path, ref: str) -> None:
        """The run's commits come as objects; if they cannot, its files come all the same, and the bundle is kept."""
        try:
            if bundle.exists():
                came = import_bundle(self._tree, bundle, ref)
                self._commits_ref = ref
                # Where the run's HEAD is at a commit that was here before, only other names come.
                self._head = next((commit for name, commit in came.refs if name == f"{ref}/HEAD"), "")
            import_inner(self._tree, self._base, bundle.parent, ref)
        except (HostileObjects, GitFailed) as error:
            kept = self._move / "commits"
            kept.mkdir(mode=0o700, exist_ok=True)
            for file in bundle.parent.glob("*.bundle"):
                shutil.copyfile(file, kept / file.name)
            self._notes.append(f"{error} They are kept, unchecked, in {kept}.")

    def _keep_as_bundle(self) -> None:
        if not has_repository(self._tree):
            return
        message = f"Before the run {self._session.id} came home from {self._host}"
        try:
            keep_as_bundle(self._tree, self._move / BUNDLE, message)
        except (GitFailed, OSError) as error:
            # A convenience: what an undo needs is kept without git.
            self._notes.append(f"The tree as it was before is not kept as a commit: {error}")


def _show(change: TreeChange) -> Change:
    return Change(path=show_path(change.path), change=change.change)


def _show_placement(path: str) -> Change:
    return Change(path=show_path(path), change="modified")
