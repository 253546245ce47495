"""Pressing a key twice to mean it."""


class Again:
    """Waits for the second press about the same thing, within ``seconds``; times are by `time.monotonic`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = 0.0
        self.about: object = None
        """What the first press was about; ``None``: none is waited for."""

    def press(self, now: float, about: object = True) -> bool:
        """A press about ``about``: whether it is the second one."""
        self.lapse(now)
        second = self.about == about
        self.about, self._at = (None if second else about), now
        return second

    def lapse(self, now: float) -> bool:
        """Forget a first press that is too long ago; whether there was one."""
        over = self.about is not None and now - self._at > self._seconds
        if over:
            self.about = None
        return over
