"""Notifications from the host: a run that finished, failed, paused or needs an answer tells its user by Apprise.

At least once, with an id, retried, recorded in the journal. The runner neither waits nor fails for one.
"""

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Self

from agent.errors import RecordDamaged
from agent.events import AnyEvent, Frozen, Noted, Notified, PhaseChanged, SetupEnded
from agent.journal import read_events
from agent.recorder import Recorder
from agent.sessions import SessionDir
from agent.state import SessionState
from remote.channels import Channel, Target, read_targets, unknown_channel
from remote.delivery import deliver
from remote.errors import RemoteError
from remote.notification import Notification, compose
from remote.outbox import Outbox, Pending, read_outbox, write_outbox

_PAUSES = (2.0, 8.0, 30.0, 120.0, 300.0, 900.0, *(1800.0,) * 22)
"""Seconds between the tries: half a day together, for a host may be offline for long."""
_QUICK = 2
"""After so many of the pauses a failure is told, while the tries go on."""
_CLOSE_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Delivery(Frozen):
    """What became of a test notification on one channel; ``detail`` says why it failed."""

    channel: Channel
    ok: bool
    detail: str = ""


async def send_test(channel_id: str | None = None) -> tuple[Delivery, ...]:
    """Send a test to one channel, or to all; raises `remote.errors.SettingsError`."""
    targets = [t for t in read_targets() if channel_id in (None, t.id)]
    if channel_id is not None and not targets:
        raise unknown_channel(channel_id)
    test = Notification(id="test", title="castoff: test", body="This channel works: castoff can reach you here.")
    details = await asyncio.gather(*(deliver(target, test) for target in targets))
    return tuple(Delivery(channel=t.channel, ok=not d, detail=d) for t, d in zip(targets, details, strict=True))


class Notifier:
    """Watches one run's recorder and sends what is due; use it around the runner's whole life."""

    def __init__(self, session: SessionDir, *, pauses: tuple[float, ...] = _PAUSES) -> None:
        """``pauses`` are the seconds before each further try on a channel where sending failed."""
        self._session = session
        self._pauses = pauses
        self._outbox = Outbox()
        self._recorder: Recorder | None = None
        self._queue: asyncio.Queue[Pending] = asyncio.Queue()
        self._saving = asyncio.Lock()
        self._closing = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._later: set[asyncio.Task[None]] = set()
        """Notifications that are tried again, each in its own time."""

    async def __aenter__(self) -> Self:
        """Sending begins."""
        self._worker = asyncio.create_task(self._work(), name="notifier")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait a few seconds for what is being sent; the rest stays in the outbox for the next runner."""
        assert self._worker is not None
        self._closing.set()
        done = asyncio.create_task(self._queue.join())
        await asyncio.wait((done, self._worker), timeout=_CLOSE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        tasks = (done, self._worker, *self._later)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def watch(self, recorder: Recorder) -> None:
        """Follow ``recorder`` from here on, after what an earlier runner left unsent or unseen."""
        self._recorder = recorder
        self._take_up(recorder)
        recorder.observe(self._notice)

    def _take_up(self, recorder: Recorder) -> None:
        try:
            found = read_outbox(self._session)
        except RecordDamaged as error:
            _log.warning("%s Notifications begin anew.", error)
            found = None
        if found is None or found.epoch != recorder.epoch:
            # What was written before the session came here is not this host's news.
            self._outbox = Outbox(epoch=recorder.epoch, seen=recorder.state.head_seq)
            self._write()
            return
        self._outbox = found
        for pending in found.pending:
            self._queue.put_nowait(pending)
        for event in read_events(recorder.path, found.seen):
            self._notice(event, recorder.state)

    def _notice(self, event: AnyEvent, state: SessionState) -> None:
        if not isinstance(event, PhaseChanged | SetupEnded | Noted):
            return
        try:
            self._outbox, about = self._outbox.judge(event)
            if about is not None:
                notification = compose(self._session.info, state, about, event.seq, event.at)
                pending = Pending(about=about, notification=notification)
                self._outbox = self._outbox.put(pending)
                self._queue.put_nowait(pending)
        except Exception:  # noqa: BLE001 - the recorder calls this in the middle of the runner's work
            _log.exception("A notification could not be written.")

    async def _work(self) -> None:
        while True:
            pending = await self._queue.get()
            try:
                failed = await self._send(pending)
            except Exception as error:  # noqa: BLE001 - whatever it was, the next notification is still sent
                self._stumble(pending, error)
            else:
                if failed:
                    later = asyncio.create_task(self._insist(pending, failed))
                    self._later.add(later)
                    later.add_done_callback(self._later.discard)
            finally:
                self._queue.task_done()

    async def _send(self, pending: Pending) -> list[Target]:
        """Try each channel that is due once; returns those where it failed."""
        await self._save()
        try:
            targets = read_targets()
        except RemoteError as error:
            self._record(pending, "-", f"{error} {error.way_out}".rstrip())
            targets = ()
        due = [target for target in targets if target.id not in pending.settled]
        sent = await asyncio.gather(*(self._try(pending, target) for target in due))
        failed = [target for target, went in zip(due, sent, strict=True) if not went]
        if not failed:
            await self._drop(pending)
        return failed

    async def _try(self, pending: Pending, target: Target) -> bool:
        detail = await deliver(target, pending.notification)
        if detail and self._pauses:
            return False
        await self._settle(pending, target, detail)
        return True

    async def _insist(self, pending: Pending, failed: list[Target]) -> None:
        try:
            if all(await asyncio.gather(*(self._try_again(pending, target) for target in failed))):
                await self._drop(pending)
        except Exception as error:  # noqa: BLE001 - the runner goes on, and so do the others
            self._stumble(pending, error)

    async def _try_again(self, pending: Pending, target: Target) -> bool:
        """Send to one channel, after each pause; ``False`` if it has to be left to the next runner."""
        detail = ""
        for number, pause in enumerate(self._pauses, 1):
            if await self._closes_within(pause):
                return False
            if _is_gone(target):
                return True
            detail = await deliver(target, pending.notification)
            if not detail:
                break
            if number == _QUICK and number < len(self._pauses):
                self._record(pending, target.label, f"{detail} It is tried again for some hours.")
        await self._settle(pending, target, detail)
        return True

    async def _settle(self, pending: Pending, target: Target, detail: str) -> None:
        self._outbox = self._outbox.settle(pending.notification.id, target.id)
        await self._save()
        self._record(pending, target.label, detail)

    async def _drop(self, pending: Pending) -> None:
        self._outbox = self._outbox.drop(pending.notification.id)
        await self._save()

    def _stumble(self, pending: Pending, error: Exception) -> None:
        _log.error("A notification was not sent.", exc_info=error)
        self._record(pending, "-", f"Sending failed with {type(error).__name__}.")

    async def _closes_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()

    def _record(self, pending: Pending, channel: str, detail: str) -> None:
        """Put the outcome into the journal while it is open; ``detail`` is empty if all went well."""
        if self._recorder is None or self._recorder.closed:
            return
        event = Notified(
            notification_id=pending.notification.id,
            about=pending.about,
            channel=channel,
            ok=not detail,
            detail=detail,
        )
        try:
            self._recorder.record(event)
        except OSError as error:
            _log.warning("What became of a notification could not be recorded: %s.", error)

    async def _save(self) -> None:
        async with self._saving:
            await asyncio.to_thread(self._write)

    def _write(self) -> None:
        """Make the outbox durable; a full disk must not keep the user from hearing of it."""
        try:
            write_outbox(self._session, self._outbox)
        except OSError as error:
            _log.warning("The outbox of notifications could not be written: %s.", error)


def _is_gone(target: Target) -> bool:
    """Whether the user removed the channel meanwhile; settings that cannot be read remove none."""
    try:
        return all(each.id != target.id for each in read_targets())
    except RemoteError:
        return False
