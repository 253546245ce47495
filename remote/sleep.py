"""Whether this machine slept: what its links were before tells nothing of what they are after."""

import time

from agent.clocks import Clock, passing

LONG_SECONDS = 10.0
"""A shorter sleep is none: links outlive it."""


class Sleep:
    """Compares a clock that goes on in sleep with one that stands still; nobody sets either."""

    def __init__(self, passing: Clock = passing, awake: Clock = time.monotonic) -> None:
        self._passing = passing
        self._awake = awake
        self._slept = passing() - awake()

    def ended(self) -> bool:
        """Whether the machine slept since this was last asked."""
        before, self._slept = self._slept, self._passing() - self._awake()
        return self._slept - before > LONG_SECONDS
