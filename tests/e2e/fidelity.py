"""The states of the fidelity matrix and the page about it: ``python -m tests.e2e.fidelity > docs/fidelity.md``."""

from collections.abc import Callable
from pathlib import Path

from tests.snapshot.companion_states import COMPANIONS
from tests.snapshot.repos import STATES
from tests.snapshot.states import MORE

ALL: dict[str, Callable[[Path], None]] = STATES | MORE | COMPANIONS
PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"

_INTRODUCTION = """\
# What travels exactly

Written by `make docs`; do not edit. Each line is a test in `tests/e2e/test_fidelity.py`: the folder is handed off to a
real sshd, and the agent looks at it there, in its sandbox and at the same path: what git says (`status`, the index with
its flags, stashes, all refs, reflogs, `fsck`, settings, submodules, worktrees), all objects, and every file, those of
`.git` included, with its bytes, mode, time and link target. All of it is the same as here, but for what git ignores.
Then the agent makes a file, the run is pulled home, and everything is looked at here once more, ignored files too:
nothing is new but that file, and castoff's own refs.

| folder or repository | there | after return |
|---|---|---|
"""

_REFUSED_HEAD = """
## Refused, with its reason, before anything moves

| what | why | way out |
|---|---|---|
"""

_REFUSED = (
    (
        "sockets, pipes, devices that git does not ignore",
        "they belong to one machine",
        "remove or ignore them",
    ),
    (
        "files and folders that cannot be read",
        "they would be missing there",
        "change their mode, or ignore them",
    ),
    (
        "a git command at work (`*.lock`, `gc.pid`)",
        "the repository is between two states",
        "wait, or delete what a broken-off command left",
    ),
    (
        "a repository that git cannot read",
        "nothing of it can be compared",
        "repair it",
    ),
    (
        "what a repository needs outside the folder, where the host has no sandbox, or the system's own at that path",
        "nothing can be shown there at its path",
        "let bubblewrap work there, or open a clone of its own",
    ),
    (
        "a folder inside a larger repository that tracks it",
        "the repository would not travel",
        "open the root",
    ),
    (
        "links in `.git` out of the folder, hooks apart",
        "their target would not travel",
        "replace them by what they lead to",
    ),
    (
        "credentials in a work tree file that `.git/config` includes",
        "a copy would look like an edit",
        "move them to your settings",
    ),
    (
        "names like `.GIT`, which some systems take for `.git`",
        "changes in them could not come home",
        "rename or ignore them",
    ),
    (
        "tracked files that are chosen to stay (`exclude`)",
        "on the host they would look deleted",
        "take them out of `exclude`",
    ),
)
"""What is refused, why, and the way out."""

_STAYS = """
## Stays, and is listed

Ignored files, unless you include them; credentials in `.git/config` (a copy without them travels); extended attributes;
the second name of a hard link (each name travels as a file); hooks that are links out of the folder; other worktrees of
the repository, but for their `.git` file; settings that lead outside; your own `~/.gitconfig`. What a partial clone
never fetched is missing there as it is here. Of repositories that a run makes, the files come home, their history stays
on the host. Of Git LFS the files come home, and LFS makes their objects anew when you add them; versions that a run
committed in between are in the repository that the host keeps. What LFS has in hand (`.git/lfs/tmp`) stays unlisted: no
more than a command's scratch is in it.
"""


def render() -> str:
    """The whole page."""
    rows = [f"| {_title(build)} | equal | equal |\n" for build in ALL.values()]
    refused = [f"| {' | '.join(row)} |\n" for row in _REFUSED]
    return _INTRODUCTION + "".join(rows) + _REFUSED_HEAD + "".join(refused) + _STAYS


def _title(build: Callable[[Path], None]) -> str:
    text = (build.__doc__ or build.__name__).strip()
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 - this is what it is for
