"""Notifications from the host: a run that finished, failed, paused or needs an answer tells its user by Apprise.

At least once, with an id, retried, recorded in the journal. The runner neither waits nor fails for one.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from agent.clocks import Clock, passing
from agent.errors import RecordDamaged
from agent.events import AnyEvent, BudgetMarked, BudgetSet, Excused, Notified, PermissionAnswered, PolicySet, Prompted
from agent.journal import read_events
from agent.recorder import Recorder
from agent.sessions import SessionDir
from agent.state import SessionState
from remote.channels import Target, read_rules, read_targets
from remote.delivery import deliver
from remote.errors import RemoteError
from remote.lookout import disk_is_filling, is_silent
from remote.notification import NOTHING, About, Extra, compose, gather
from remote.outbox import Outbox, Pending, read_outbox, write_outbox
from remote.phone import Phone
from remote.rules import Rules
from remote.schedule import Choice, Waiting, choose

_PAUSES = (2.0, 8.0, 30.0, 120.0, 300.0, 900.0, *(1800.0,) * 22)
"""Seconds between the tries: half a day together, for a host may be offline for long."""
_QUICK = 2
"""After so many of the pauses a failure is told, while the tries go on."""
_CLOSE_SECONDS = 5.0
_LOOK_SECONDS = 20.0
_KEPT_TIMES = 200

_log = logging.getLogger(__name__)


class Notifier:
    """Watches one run's recorder and sends what is due; use it around the runner's whole life."""

    def __init__(
        self,
        session: SessionDir,
        *,
        pauses: tuple[float, ...] = _PAUSES,
        wall: Clock = time.time,
        look: float = _LOOK_SECONDS,
        phone: Phone | None = None,
    ) -> None:
        """``pauses`` are the seconds before each further try on a channel where sending failed, ``look`` those between
        looks at whether the run is silent or its host full. ``phone`` says what can be answered."""
        self._session = session
        self._pauses = pauses
        self._wall = wall
        self._look_seconds = look
        self._phone = phone
        if phone is not None:
            phone.locked = self._tell_locked
        self._outbox = Outbox()
        self._on_disk = self._outbox
        self._recorder: Recorder | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._carrying: dict[str, asyncio.Task[None]] = {}
        """By channel: what is being sent to it."""
        self._waiting: dict[tuple[str, str], tuple[float, int]] = {}
        """By notification and channel: when it is due, by the clock of `passing`, and how often it was tried."""
        self._sent: dict[str, deque[float]] = {}
        self._contact = 0.0
        self._heard = (0, passing())
        """The last event that is no notification's, and when it came."""

    async def __aenter__(self) -> Self:
        """Sending begins."""
        for part in (self._work(), self._look()):
            self._tasks.append(asyncio.create_task(part, name="notifier"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait a few seconds for what is being sent; the rest stays in the outbox for the next runner."""
        self._closing = True
        self._wake.set()
        await asyncio.wait(self._tasks[:1], timeout=_CLOSE_SECONDS)
        tasks = (*self._tasks, *self._carrying.values())
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def watch(self, recorder: Recorder) -> None:
        """Follow ``recorder`` from here on, after what an earlier runner left unsent or unseen."""
        self._recorder = recorder
        self._take_up(recorder)
        recorder.observe(self._notice)
        self._wake.set()

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
        self._outbox = self._on_disk = found
        for event in read_events(recorder.path, found.seen):
            self._notice(event, recorder.state)

    def _notice(self, event: AnyEvent, state: SessionState) -> None:
        if isinstance(event, Notified):
            return
        self._heard = (event.seq, passing())
        if _is_human(event):
            self._contact = event.at
            self._wake.set()
        try:
            self._outbox, about = self._outbox.judge(event)
            if about is not None:
                note = event.text if isinstance(event, BudgetMarked) else ""
                self._put(about, state, event.seq, event.at, note)
        except Exception:  # noqa: BLE001 - the recorder calls this in the middle of the runner's work
            _log.exception("A notification could not be written.")

    def _put(self, about: About, state: SessionState, seq: int, at: float, note: str = "") -> None:
        notification = compose(self._session.info, state, about, seq, at, details=_rules().details, note=note)
        question = self._ask(about, state)
        self._outbox = self._outbox.put(Pending(about=about, notification=notification, at=at, question=question))
        self._wake.set()

    def _ask(self, about: About, state: SessionState) -> str:
        """What can be answered of it; that nothing can, must not keep the user from hearing of it."""
        try:
            return self._phone.ask(about, state) if self._phone is not None else ""
        except (OSError, RemoteError) as error:
            _log.warning("Nothing can be answered by phone now (%s).", type(error).__name__)
            return ""

    def _tell_locked(self) -> None:
        if self._recorder is not None:
            state = self._recorder.state
            self._put("answers-locked", state, state.head_seq, self._wall())

    async def _look(self) -> None:
        """Look now and then for what no event tells."""
        while True:
            await asyncio.sleep(self._look_seconds)
            recorder = self._recorder
            if recorder is None or recorder.closed or recorder.fenced:
                continue
            state, (seq, heard) = recorder.state, self._heard
            minutes = _rules().silent_minutes
            if self._outbox.silent != seq and is_silent(state, passing() - heard, minutes):
                self._outbox = self._outbox.model_copy(update={"silent": seq})
                self._put("silent", state, seq, self._wall())
            full = await asyncio.to_thread(disk_is_filling, self._session.path, told=self._outbox.full)
            if full != self._outbox.full:
                self._outbox = self._outbox.model_copy(update={"full": full})
                if full:
                    self._put("host-full", state, state.head_seq, self._wall())

    async def _work(self) -> None:
        """Send what is due, channel by channel, until there is nothing more to do and all is to end."""
        while True:
            self._wake.clear()
            try:
                pause = await self._dispatch()
            except Exception:  # noqa: BLE001 - the runner goes on, and so do later notifications
                _log.exception("Notifications could not be sent.")
                pause = _LOOK_SECONDS
            if self._closing and not self._carrying and not self._wake.is_set():
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _dispatch(self) -> float | None:
        """Begin what can be begun; returns in how many seconds there is more, ``None``: when something comes."""
        await self._save()
        targets, rules = self._read_settings()
        self._outbox = self._outbox.keep_open(frozenset(target.id for target in targets))
        waits: list[float] = []
        for target in targets:
            if target.id in self._carrying:
                continue
            choice = self._choose(target, rules)
            if choice.now:
                self._carry(target, choice.now)
            elif choice.wait is not None:
                waits.append(choice.wait)
        self._outbox = self._outbox.keep_open(frozenset(target.id for target in targets))
        await self._save()
        return min(waits, default=None)

    def _read_settings(self) -> tuple[tuple[Target, ...], Rules]:
        if not self._outbox.pending:
            return (), Rules()
        try:
            return tuple(target for target in read_targets() if target.proven), read_rules()
        except RemoteError as error:
            for pending in self._outbox.pending:
                self._record(pending, "-", f"{error} {error.way_out}".rstrip())
            return (), Rules()

    def _choose(self, target: Target, rules: Rules) -> Choice:
        waiting = [
            Waiting(pending=pending, due=due, tries=tries)
            for pending in self._outbox.pending
            if target.id not in pending.settled
            for due, tries in (self._due(pending, target),)
            # At the end only what was never tried: the rest has a next runner.
            if not (self._closing and (tries or due > passing()))
        ]
        spared = [w.pending for w in waiting if target.after and w.pending.at < self._last_contact()]
        if spared:
            self._settle(spared, target)
            return self._choose(target, rules)
        choice = choose(waiting, self._sent.get(target.id, ()), rules, passing(), self._wall())
        return Choice() if self._closing and not choice.now else choice

    def _due(self, pending: Pending, target: Target) -> tuple[float, int]:
        key = (pending.notification.id, target.id)
        if key not in self._waiting:
            later = max(0.0, pending.at + target.after * 60 - self._wall()) if target.after else 0.0
            self._waiting[key] = (passing() + later, 0)
        return self._waiting[key]

    def _last_contact(self) -> float:
        """When a human was last there, by Unix time."""
        return max(self._contact, self._recorder.greeted_at if self._recorder is not None else 0.0)

    def _carry(self, target: Target, waiting: Sequence[Waiting]) -> None:
        task = asyncio.create_task(self._bring(target, waiting), name=f"notification to {target.id}")
        self._carrying[target.id] = task
        task.add_done_callback(lambda _: self._come_back(target))

    def _come_back(self, target: Target) -> None:
        del self._carrying[target.id]
        self._wake.set()

    async def _bring(self, target: Target, waiting: Sequence[Waiting]) -> None:
        pending = [each.pending for each in waiting]
        try:
            extra = await self._dress(target, pending)
            told = gather([each.notification for each in pending])
            detail = await deliver(target, told, click=_rules().click, extra=extra)
            if not detail:
                self._sent.setdefault(target.id, deque(maxlen=_KEPT_TIMES)).append(passing())
            done = [each for each in waiting if not detail or not self._postpone(each, target, detail)]
            self._settle([each.pending for each in done], target)
            for each in done:
                self._record(each.pending, target.label, detail)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next notification is still sent
            _log.error("A notification was not sent.", exc_info=error)
            self._settle(pending, target)
            for each in pending:
                self._record(each, "-", f"Sending failed with {type(error).__name__}.")

    async def _dress(self, target: Target, pending: Sequence[Pending]) -> Extra:
        """What the message can be answered by; one that tells of several things is for reading."""
        if self._phone is None or len(pending) != 1 or not pending[0].question:
            return NOTHING
        try:
            return await self._phone.dress(target, pending[0].question)
        except (RemoteError, OSError) as error:
            _log.warning("A message by %s cannot be answered (%s).", target.label, type(error).__name__)
            return NOTHING

    def _postpone(self, waiting: Waiting, target: Target, detail: str) -> bool:
        """Whether it is tried again, later."""
        tries = waiting.tries + 1
        if tries > len(self._pauses):
            return False
        self._waiting[waiting.pending.notification.id, target.id] = (passing() + self._pauses[tries - 1], tries)
        if tries == _QUICK + 1:
            self._record(waiting.pending, target.label, f"{detail} It is tried again for some hours.")
        return True

    def _settle(self, pending: Sequence[Pending], target: Target) -> None:
        ids = frozenset(each.notification.id for each in pending)
        self._outbox = self._outbox.settle(ids, target.id)
        for identity in ids:
            self._waiting.pop((identity, target.id), None)

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
        if self._outbox is not self._on_disk:
            await asyncio.to_thread(self._write)

    def _write(self) -> None:
        """Make the outbox durable; a full disk must not keep the user from hearing of it."""
        outbox = self._outbox
        try:
            write_outbox(self._session, outbox)
        except OSError as error:
            _log.warning("The outbox of notifications could not be written: %s.", error)
        self._on_disk = outbox


def _is_human(event: AnyEvent) -> bool:
    match event:
        case Prompted():
            return event.source == "user"
        case PermissionAnswered():
            return event.by == "user"
        case _:
            return isinstance(event, BudgetSet | PolicySet | Excused)


def _rules() -> Rules:
    """The rules, or those of a beginner where they cannot be read: that is said when something is sent."""
    try:
        return read_rules()
    except RemoteError:
        return Rules()
