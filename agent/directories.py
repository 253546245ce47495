"""Directories that survive a crash. Nothing but the standard library is imported: the first paint waits for this."""

import os
from pathlib import Path


def make_private(path: Path) -> Path:
    """Make a directory and its missing parents, durably, readable by the owner alone (0700), and return it.

    Raises `OSError`, also where something that is no directory stands in the way.
    """
    if path.is_dir():
        return path
    # `Path.mkdir(parents=True)` gives the mode to the last one only.
    for missing in (*reversed([each for each in path.parents if not each.exists()]), path):
        missing.mkdir(mode=0o700, exist_ok=True)
        sync_directory(missing.parent)
    return path


def sync_directory(path: Path) -> None:
    """Make renames and new names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
