"""When a confirmation may count: after what it confirms was drawn, and once input has been quiet for a moment."""

QUIET_SECONDS = 0.5


class Quiet:
    """Times are by `time.monotonic`. Every key makes the moment begin again, so held keys never confirm."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._drawn: float | None = None
        self.counts = False
        """Whether the latest key, if it was a confirming one, counts."""

    def drawn(self, now: float) -> None:
        """What is to be confirmed is on the screen."""
        self._drawn = now if self._drawn is None else self._drawn

    def hidden(self) -> None:
        """What was to be confirmed is not on the screen any more."""
        self._drawn = None

    def key(self, now: float) -> bool:
        """A key came: whether it would count as a confirmation."""
        self.counts = self._drawn is not None and now - max(self._since, self._drawn) >= QUIET_SECONDS
        self._since = now
        return self.counts
