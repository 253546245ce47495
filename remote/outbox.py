"""The outbox of a run's notifications: on disk before anything is sent, so that a crash loses none.

What is due is decided by the journal's own events: a phase change that a crash kept from the outbox is found again.
"""

from agent.durable import read_model, write_model
from agent.events import Frozen, Noted, Phase, PhaseChanged, SetupEnded
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
    """A notification on its way. ``settled`` are the ids of channels that have it, or were tried often enough."""

    about: About
    notification: Notification
    settled: tuple[str, ...] = ()


class Outbox(Frozen):
    """``seen`` is the seq of the last event that was looked at, ``told`` what the user was last told without
    work since."""

    epoch: int = 0
    seen: int = 0
    told: About | None = None
    pending: tuple[Pending, ...] = ()

    def judge(self, event: PhaseChanged | SetupEnded | Noted) -> "tuple[Outbox, About | None]":
        """The outbox after an event that may be news, and what the user is to be told of it, if anything."""
        if isinstance(event, SetupEnded):
            failed = event.status != 0 and not event.stopped
            return self.model_copy(update={"seen": event.seq}), "setup-failed" if failed else None
        if isinstance(event, Noted):
            return self.model_copy(update={"seen": event.seq}), _RECOVERED.get(event.recovered)
        about = _ABOUT.get(event.phase)
        told = None if event.phase == "working" else about or self.told
        due = about if about != self.told else None
        return self.model_copy(update={"seen": event.seq, "told": told}), due

    def put(self, pending: Pending) -> "Outbox":
        """With one more on its way."""
        return self.model_copy(update={"pending": (*self.pending, pending)})

    def settle(self, notification_id: str, channel_id: str) -> "Outbox":
        """With one more channel settled."""
        pending = tuple(
            p.model_copy(update={"settled": (*p.settled, channel_id)}) if p.notification.id == notification_id else p
            for p in self.pending
        )
        return self.model_copy(update={"pending": pending})

    def drop(self, notification_id: str) -> "Outbox":
        """Without a notification that is done."""
        kept = tuple(p for p in self.pending if p.notification.id != notification_id)
        return self.model_copy(update={"pending": kept})


def read_outbox(session: SessionDir) -> Outbox | None:
    """What is on disk, or ``None`` if there is nothing; raises `agent.errors.RecordDamaged`."""
    path = session.path / "outbox.json"
    return read_model(path, Outbox) if path.exists() else None


def write_outbox(session: SessionDir, outbox: Outbox) -> None:
    """Make it durable."""
    write_model(session.path / "outbox.json", outbox)
