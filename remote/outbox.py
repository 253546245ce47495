"""The outbox of a run's notifications: on disk, so that a crash loses none.

What is due is decided by the journal's own events: a phase change that a crash kept from the outbox is found again.
"""

from agent.durable import read_model, write_model
from agent.events import AnyEvent, BudgetMarked, Frozen, Judged, Noted, Phase, PhaseChanged, SetupEnded
from agent.sessions import SessionDir
from remote.notification import About, Notification

_ABOUT: dict[Phase, About] = {
    "finished": "finished",
    "failed": "failed",
    "needs-input": "needs-input",
    "paused": "paused",
}
_RECOVERED: dict[str, About] = {"agent": "crashed", "runner": "crashed", "reboot": "rebooted"}


class Pending(Frozen):
    """A notification on its way, of what happened at the Unix time ``at``. ``settled`` are the ids of channels that
    have it, need it no more, or were tried often enough."""

    about: About
    notification: Notification
    at: float = 0.0
    settled: tuple[str, ...] = ()
    question: str = ""
    """What may be answered by phone, as `remote.phone` names it."""


class Outbox(Frozen):
    """``seen`` is the seq of the last event that was looked at, ``told`` what the user was last told without
    work since."""

    epoch: int = 0
    seen: int = 0
    told: About | None = None
    silent: int = 0
    """The seq of the event after which nothing was heard for long, and that was told."""
    full: bool = False
    """Whether it was told that the host is about to be full."""
    pending: tuple[Pending, ...] = ()

    def judge(self, event: AnyEvent) -> "tuple[Outbox, About | None]":
        """The outbox after an event, and what the user is to be told of it, if anything."""
        match event:
            case SetupEnded():
                failed = event.status != 0 and not event.stopped
                return self._at(event.seq), "setup-failed" if failed else None
            case Noted():
                return self._at(event.seq), _RECOVERED.get(event.recovered)
            case BudgetMarked():
                return self._at(event.seq), "budget"
            case Judged():
                # One that pauses the run is told as a pause.
                return self._at(event.seq), "drift" if event.level != "pause" else None
            case PhaseChanged():
                about = _ABOUT.get(event.phase)
                told = None if event.phase == "working" else about or self.told
                due = about if about != self.told else None
                return self.model_copy(update={"seen": event.seq, "told": told}), due
            case _:
                return self, None

    def _at(self, seq: int) -> "Outbox":
        return self.model_copy(update={"seen": seq})

    def put(self, pending: Pending) -> "Outbox":
        """With one more on its way."""
        return self.model_copy(update={"pending": (*self.pending, pending)})

    def settle(self, notification_ids: frozenset[str], channel_id: str) -> "Outbox":
        """With one more channel settled for those notifications."""
        pending = tuple(
            p.model_copy(update={"settled": (*p.settled, channel_id)}) if p.notification.id in notification_ids else p
            for p in self.pending
        )
        return self.model_copy(update={"pending": pending})

    def keep_open(self, channel_ids: frozenset[str]) -> "Outbox":
        """Without what is settled with all of these channels."""
        kept = tuple(p for p in self.pending if not channel_ids <= set(p.settled))
        return self if len(kept) == len(self.pending) else self.model_copy(update={"pending": kept})


def read_outbox(session: SessionDir) -> Outbox | None:
    """What is on disk, or ``None`` if there is nothing; raises `agent.errors.RecordDamaged`."""
    path = session.path / "outbox.json"
    return read_model(path, Outbox) if path.exists() else None


def write_outbox(session: SessionDir, outbox: Outbox) -> None:
    """Make it durable."""
    write_model(session.path / "outbox.json", outbox)
