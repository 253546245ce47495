"""What no event tells: a run that says nothing for long, and a disk that is about to be full."""

import shutil
from pathlib import Path

from agent.state import SessionState

_LEAST = 256 << 20
_SHARE = 0.02
_MOST = 2 << 30


def is_silent(state: SessionState, seconds: float, minutes: float) -> bool:
    """Whether a run at work has said nothing for ``seconds``, and ``minutes`` (0: never) are too many."""
    return minutes > 0 and state.phase == "working" and seconds >= minutes * 60


def disk_is_filling(path: Path, *, told: bool) -> bool:
    """Whether the disk that holds ``path`` is about to be full; once ``told``, until there is twice that room."""
    usage = shutil.disk_usage(path)
    return is_low(usage.free, usage.total, told=told)


def is_low(free: int, total: int, *, told: bool) -> bool:
    """Whether so many bytes free of so many are few: 2 % of the disk, 256 MB at least, 2 GB at most."""
    few = min(max(_LEAST, int(total * _SHARE)), _MOST)
    return free < few * (2 if told else 1)
