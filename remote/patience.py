"""How long to wait before a host is asked again: a link that is away is looked for often, what was refused seldom."""

from agent.errors import LinkCut
from remote.errors import ConnectionLost, HostTimeout, HostUnreachable, UnknownHost

BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each further attempt, where it costs something there; the last one repeats."""
LINK_BACK_OFF = (0.2, 0.5, 1.0)
"""The same where only the link is away: whoever is back on the net is attached within two seconds."""

LINK_FAILURES = (LinkCut, ConnectionLost, HostTimeout, HostUnreachable, UnknownHost)
"""The link alone is away, as far as can be told."""


class Patience:
    """Counts the attempts that failed in a row; it waits for nothing itself."""

    def __init__(self) -> None:
        self._failures = {LINK_BACK_OFF: 0, BACK_OFF: 0}

    def fail(self, error: Exception) -> float:
        """The seconds to wait after an attempt that ended with ``error``."""
        steps = LINK_BACK_OFF if isinstance(error, LINK_FAILURES) else BACK_OFF
        self._failures[steps] += 1
        return steps[min(self._failures[steps], len(steps)) - 1]

    def succeed(self) -> None:
        """An attempt got somewhere: the next failure is the first again."""
        self._failures = dict.fromkeys(self._failures, 0)
