"""Files that lie in a repository's directory and are not git's: somebody put them there, and nobody has published them.

Only where the directory is one that people see, a bare repository's: in a ``.git`` nobody keeps files of their own.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_OWN = frozenset(
    """config config.worktree description index packed-refs shallow gitdir commondir HEAD COMMIT_EDITMSG MERGE_MSG
    MERGE_MODE MERGE_RR SQUASH_MSG AUTO_MERGE gc.log gc.pid branches hooks info logs objects refs reftable remotes
    modules worktrees lfs annex rr-cache svn rebase-merge rebase-apply sequencer NOTES_MERGE_WORKTREE""".split()  # noqa: SIM905 - read more easily as text
)
"""https://git-scm.com/docs/gitrepository-layout, and what git's commands and git-lfs, git-annex and git-svn keep."""
_OWN_PATTERN = re.compile(r"([A-Z_]+_HEAD|BISECT_[A-Z_]+|sharedindex\.[0-9a-f]+)$")


def find_strangers(at: str, paths: Iterable[str]) -> list[str]:
    """Those of ``paths`` in the repository directory ``at`` that are not git's."""
    if ".git" in PurePosixPath(at).parts:
        return []
    return [path for path in paths if path and not _is_own(path.partition("/")[0])]


def _is_own(name: str) -> bool:
    return name in _OWN or _OWN_PATTERN.match(name) is not None
