"""How much of a tree a transfer is through with, from what rsync says of it. Pure.

rsync counts the bytes that it sends; what the host has already it passes over without a word. But it goes through
its list in a known order and says how far it is: so what was passed over is known too, and a bar is never a guess.
"""

import itertools
import os
from collections.abc import Iterable

from agent.events import Frozen
from remote.rsync_output import Progress
from snapshot.listed import Named


class Settled(Frozen):
    """Files and bytes that are there by now, sent or passed over."""

    files: int
    bytes: int


class Tally:
    """Follows one transfer of all ``entries``."""

    def __init__(self, entries: Iterable[Named]) -> None:
        ordered = sorted(entries, key=_place)
        # The tree's own directory is the first entry of rsync's list.
        self._files = [0, 0, *itertools.accumulate(int(entry.type != "dir") for entry in ordered)]
        self._bytes = [0, 0, *itertools.accumulate(entry.size for entry in ordered)]
        self._through = 0
        self._sent = 0

    def advance(self, progress: Progress) -> Settled:
        """What is settled at ``progress``. In the middle of a file rsync tells bytes only."""
        if progress.files_left is not None and progress.files_total is not None:
            self._through = min(progress.files_total - progress.files_left, len(self._bytes) - 1)
            self._sent = progress.bytes_done
        under_way = max(0, progress.bytes_done - self._sent)
        settled = min(self._bytes[self._through] + under_way, self._bytes[-1])
        return Settled(files=self._files[self._through], bytes=settled)


def _place(entry: Named) -> tuple[tuple[bool, bytes], ...]:
    """rsync's order (``f_name_cmp``): in each directory the files first, then the directories, each with its own."""
    *folders, name = os.fsencode(entry.path).split(b"/")
    last = (True, name + b"/") if entry.type == "dir" else (False, name)
    return (*((True, folder + b"/") for folder in folders), last)
