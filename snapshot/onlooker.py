"""GNU find, which looks at a tree for the second time while this process goes on, on another processor.

It says whether everything is as it was, of very many names in half the time. It never says what changed: whoever hears
no "yes", also where there is no GNU find, has to look for itself (`snapshot.second_look`).
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from snapshot.walk import Found

MANY = 10_000
"""From so many names on it gains more than its start costs."""
_PRUNED = 100
"""So many paths stay at most: find compares each name with all of them."""


@contextmanager
def looking_on(tree: Path, found: Collection[Found], staying: Collection[str]) -> Generator[Callable[[], bool]]:
    """While the block runs, find looks at ``tree``, if what was ``found`` is much: at all but what is in the folders
    among ``staying`` (paths).

    The function that the block gets waits for it: whether it saw what was found, and nothing else, each with the same
    inode and time of its last change. Whatever changes a file sets that time; what changes twice within one tick of the
    clock may keep it.
    """
    with ExitStack() as closing:
        look: _Look | None = None
        # What cannot be begun is not seen, which whoever asks is told.
        with suppress(OSError):
            if len(found) >= MANY and len(staying) <= _PRUNED:
                inodes = [(tree / path).lstat().st_ino for path in staying]
                # No pipe: find would stand still whenever nobody reads.
                look = _Look(tree, inodes, closing.enter_context(tempfile.TemporaryFile()))
                closing.callback(look.end)
        yield lambda: look is not None and look.saw(_lines(found))


class _Look:
    def __init__(self, tree: Path, pruned: Iterable[int], out: IO[bytes]) -> None:
        self._out = out
        self._process = subprocess.Popen(
            ["find", ".", "-mindepth", "1", *_prune(pruned), "-printf", r"%i %C@ \0%P\0"],
            cwd=tree,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )

    def saw(self, lines: set[str]) -> bool:
        """Wait for it: whether it saw just these."""
        self._process.wait()
        self._out.seek(0)
        texts = os.fsdecode(self._out.read()).split("\0")[:-1]
        # All times at once: the point is what stands between seconds and their fraction.
        numbers = "\0".join(texts[::2]).replace(".", "").split("\0")
        # No name comes twice.
        return len(numbers) == len(lines) and all(map(lines.__contains__, map(str.__add__, numbers, texts[1::2])))

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def _prune(inodes: Iterable[int]) -> list[str]:
    return [word for inode in inodes for word in ("-inum", str(inode), "-prune", "-o")]


def _lines(found: Iterable[Found]) -> set[str]:
    # As find writes it: of a time one digit more than there are nanoseconds.
    return {f"{own.st_ino} {own.st_ctime_ns}0 {path}" for path, own in found}
