"""What all runs of a machine have spent today, in dollars, and the most that they may spend a day.

Each runner keeps a sheet of its own session, in a folder of the day, and adds up the others'. A day is the machine's
local one. Beside the sheets lies what was told of the limit: of all runners one alone tells of a mark.
"""

import shutil
import time
from pathlib import Path

from agent.budget import MARKS, Share
from agent.clocks import Clock, passing
from agent.durable import make_private, read_model, remove_record, write_model
from agent.errors import RecordDamaged
from agent.frozen import Frozen
from agent.paths import state_dir

DAILY = "daily_usd"
"""What the shares of this limit are called."""
_LIMIT = "limit.json"
_ANEW_SECONDS = 1.0
"""How long what the others have spent is believed."""


class Daily(Frozen):
    """The most that all runs of a machine may spend in a day."""

    max_usd: float


class Sheet(Frozen):
    """What one session has spent on one day."""

    usd: float


def spending_dir() -> Path:
    """Where this machine keeps it."""
    return state_dir() / "spending"


def today(at: float) -> str:
    """The local day of a Unix time, as ``2026-01-31``."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def set_daily(folder: Path, max_usd: float | None) -> None:
    """Limit what all runs may spend a day, or no longer; raises `OSError`."""
    path = make_private(folder) / _LIMIT
    if max_usd is None:
        remove_record(path)
    else:
        write_model(path, Daily(max_usd=max_usd))


def read_daily(folder: Path) -> float | None:
    """What all runs may spend a day; raises `RecordDamaged`."""
    path = folder / _LIMIT
    return read_model(path, Daily).max_usd if path.exists() else None


def add_up(folder: Path, day: str) -> float:
    """What all sessions have spent on a day; raises `RecordDamaged`."""
    return sum(read_model(path, Sheet).usd for path in (folder / day).glob("*.json"))


class Daybook:
    """The sheet of the session ``session_id``, which had cost ``total`` dollars before, and the sum of all."""

    def __init__(
        self, folder: Path, session_id: str, total: float | None, wall: Clock = time.time, steady: Clock = passing
    ) -> None:
        self._folder = folder
        self._name = f"{session_id}.json"
        self._total = total or 0.0
        self._wall = wall
        self._steady = steady
        self._asked = float("-inf")
        self._share: Share | None = None
        self._lost = False
        """Whether something that was spent could not be written down."""
        self._claimed: set[Path] = set()
        """What this runner tried to tell of, with whatever success."""

    def enter(self, total: float | None) -> None:
        """Note what the session has cost in all by now."""
        more, self._total = (total or 0.0) - self._total, max(self._total, total or 0.0)
        if more <= 0:
            return
        try:
            self._add(more)
        except (OSError, RecordDamaged):
            self._lost = True
        self._asked = float("-inf")

    def _add(self, usd: float) -> None:
        day = today(self._wall())
        if not (self._folder / day).exists():
            _forget_before(self._folder, day)
        path = make_private(self._folder / day) / self._name
        before = read_model(path, Sheet).usd if path.exists() else 0.0
        write_model(path, Sheet(usd=before + usd))

    def share(self) -> Share | None:
        """What is used of the day's limit, as of a moment ago; ``None`` where there is none.

        Where that is not known, all of it counts as used, and more.
        """
        now = self._steady()
        if now - self._asked >= _ANEW_SECONDS:
            self._asked, self._share = now, self._look()
        return self._share

    def claim_mark(self) -> int | None:
        """The highest of `agent.budget.MARKS` that is passed, if it is this runner that has to tell of it.

        Who makes its file tells of it: no other runner of this machine does that day, nor a later one of this session,
        unless the limit is set to something else.
        """
        share = self.share()
        if share is None or share.reached:
            return None
        passed = max((mark for mark in MARKS if share.percent >= mark), default=None)
        if passed is None or any(self._mark(share, mark).exists() for mark in MARKS if mark >= passed):
            return None
        return passed if self._claim(self._mark(share, passed)) else None

    def _mark(self, share: Share, mark: int) -> Path:
        return self._folder / today(self._wall()) / f"{mark}-of-{share.most!r}.told"

    def _claim(self, path: Path) -> bool:
        if path in self._claimed:
            return False
        self._claimed.add(path)
        try:
            path.touch(0o600, exist_ok=False)
        except FileExistsError:
            return False
        except OSError:
            pass  # rather told by each runner than by none
        return True

    def _look(self) -> Share | None:
        try:
            most = read_daily(self._folder)
            if most is None:
                return None
            return Share(DAILY, float("inf") if self._lost else add_up(self._folder, today(self._wall())), most)
        except RecordDamaged:
            return Share(DAILY, float("inf"), 0.0)


def _forget_before(folder: Path, day: str) -> None:
    """Remove the sheets of earlier days."""
    for old in folder.glob("????-??-??"):
        if old.name < day:
            shutil.rmtree(old, ignore_errors=True)


def tell(share: Share) -> str:
    """A sentence for a day's limit that is reached."""
    if share.used == float("inf"):
        return "What the runs on this machine have spent today is not known: it may be more than they may spend a day."
    return f"All runs on this machine have spent ${share.used:.2f} of the ${share.most:.2f} that they may spend a day."


def tell_mark(share: Share, mark: int) -> str:
    """A sentence for a mark of a day's limit."""
    return f"{mark} % of the ${share.most:.2f} that all runs on this machine may spend a day are used."
