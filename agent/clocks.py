"""The clock that what lasts is measured by: nobody sets it, and it goes on in sleep."""

import time
from collections.abc import Callable

Clock = Callable[[], float]


def passing() -> float:
    """Seconds since some moment, those asleep too, whatever becomes of the wall clock.

    `time.monotonic` stands still while the machine sleeps, on Linux and on macOS. There CLOCK_MONOTONIC goes on
    (clock_gettime(3)); on Linux CLOCK_BOOTTIME does.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
