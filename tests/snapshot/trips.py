"""A tree here, the run's tree there, and what left: bringing the one onto the other as a pull does."""

import os
import shutil
from pathlib import Path

from snapshot.capture import capture
from snapshot.changes import compare, wanted
from snapshot.home import Applied, apply, has_begun, read_state, take_back
from snapshot.manifest import Entry, Manifest
from snapshot.plan import Choice, Plan, find_questions, make_plan
from snapshot.texts import Folders, TextMerger
from tests.snapshot.repos import start, write


class Trip:
    """A tree here, the run's tree there, and what left."""

    def __init__(self, root: Path, *, make: bool = True) -> None:
        self.here, self.there, self.left = root / "here", root / "there", root / "left"
        self.folders = Folders(root / "move")
        self.keep = self.folders.keep
        if make:
            start(self.here)
            for number in range(3):
                write(self.here, f"data/{number}", f"{number}")
            self.leave()

    def leave(self) -> None:
        for folder in (self.there, self.left):
            shutil.copytree(self.here, folder, symlinks=True)
        self.base = capture(self.here)

    def theirs(self) -> Manifest:
        return capture(self.there)

    def receive(self, theirs: Manifest) -> None:
        """What rsync does: the wanted files, into quarantine."""
        shutil.rmtree(self.folders.run, ignore_errors=True)
        self.folders.run.mkdir(parents=True)
        changes = compare(self.base, theirs)
        gone = [change.path for change in changes if not os.path.lexists(f"{self.here}/{change.path}")]
        for path in wanted(changes, gone):
            if os.path.lexists(f"{self.there}/{path}"):
                write(self.folders.run, path, Path(f"{self.there}/{path}").read_bytes())

    def read_left(self, entry: Entry) -> bytes | None:
        return Path(f"{self.left}/{entry.path}").read_bytes()

    def plan(self, choice: Choice | None = None, theirs: Manifest | None = None) -> Plan:
        theirs = theirs or self.theirs()
        self.receive(theirs)
        return self.merge(theirs, choice)

    def merge(self, theirs: Manifest, choice: Choice | None = None) -> Plan:
        merger = TextMerger(self.here, self.folders, self.read_left, "vm")
        asked = find_questions(self.base, theirs, self.folders, self.read_left)
        accept = frozenset(each.change.path for each in asked.executable)
        choice = choice or Choice(accept=accept, deletions=True)
        return make_plan(self.here, self.base, theirs, self.folders, merger, asked, choice)

    def apply(self, choice: Choice | None = None) -> Applied:
        """What a pull does, also one that is done again."""
        theirs = self.theirs()
        if has_begun(self.keep):
            plan = read_state(self.keep).plan
            if plan.theirs == theirs.digest:
                return apply(self.here, plan, self.folders)
            take_back(self.here, self.keep)
        return apply(self.here, self.plan(choice, theirs), self.folders)
