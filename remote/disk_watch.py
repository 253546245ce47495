"""Whether a host's disk has room for a run to go on: what runs write is watched, because nothing limits it."""

import os
from pathlib import Path

LEAST_FREE = 100_000_000
"""Bytes, half of what a handoff leaves free: what journal, agent and a way home need comes out of it."""
LEAST_FILES = 1000


def find_shortage(where: Path) -> str:
    """Why a run with its tree at ``where`` should write no more, in a sentence with its way out; or ""."""
    try:
        disk = os.statvfs(where)
    except OSError as error:
        return f"The disk of the run cannot be looked at ({error.strerror}). Look at it there, then resume."
    free = disk.f_bavail * disk.f_frsize
    if free < LEAST_FREE:
        return f"The host's disk is nearly full, {free / 1e6:.0f} MB are free. Make room there, then resume."
    # Some file systems have no such number, and say that there are none at all.
    if disk.f_files and disk.f_favail < LEAST_FILES:
        return f"The host's disk has room for {disk.f_favail} more files only. Make room there, then resume."
    return ""
