"""What a channel gets next, and when: a pure function of what waits, what it got lately, and the rules."""

from collections.abc import Sequence

from agent.events import Frozen
from remote.outbox import Pending
from remote.rules import Rules, quiet_until

_LOOK_AGAIN = 60.0
"""The clock on the wall may be set: what waits for it is looked at again this soon."""


class Waiting(Frozen):
    """A notification that one channel still has to get: not before ``due``, after ``tries`` that failed."""

    pending: Pending
    due: float
    tries: int = 0


class Choice(Frozen):
    """What is to be sent as one message now, or in how many seconds to look again (``None``: nothing waits)."""

    now: tuple[Waiting, ...] = ()
    wait: float | None = None


def choose(waiting: Sequence[Waiting], sent: Sequence[float], rules: Rules, now: float, wall: float) -> Choice:
    """``sent`` are the times of messages to the channel; they, ``now`` and each ``due`` by a clock that nobody sets,
    ``wall`` is Unix time."""
    if not waiting:
        return Choice()
    if (quiet := quiet_until(rules, wall)) is not None:
        return Choice(wait=min(_LOOK_AGAIN, quiet - wall))
    ready = sorted((w for w in waiting if w.due <= now), key=lambda w: w.tries)
    if not ready:
        return Choice(wait=min(w.due for w in waiting) - now)
    recent = [at for at in sent if now - at < rules.window]
    room = rules.burst - len(recent)
    if room <= 0 and now - max(recent) < rules.gap:
        return Choice(wait=rules.gap - (now - max(recent)))
    overslept = [w for w in ready if quiet_until(rules, w.pending.at) is not None]
    if len(overslept) > 1:
        return Choice(now=tuple(overslept))
    return Choice(now=tuple(ready) if len(ready) > max(room, 0) else tuple(ready[:1]))
