"""The runner's record: journal, state and everybody who waits for news, in one place.

Streamed text is held back for a moment and written as one event, so that a token stream does not become
a journal of tokens.
"""

import asyncio
import contextlib
from collections.abc import Callable, Generator
from pathlib import Path

from agent.events import (
    AgentStarted,
    AnyEvent,
    BriefAgreed,
    Briefed,
    BudgetSet,
    Chosen,
    Event,
    Excused,
    Judged,
    Moved,
    PermissionAnswered,
    PhaseChanged,
    PolicySet,
    Prompted,
    SetupEnded,
    Text,
    Thought,
    TurnEnded,
    TurnStarted,
    WatchSet,
)
from agent.fold import advance
from agent.journal import Journal, read_events
from agent.state import SessionState

_HOLD_SECONDS = 0.05
_RELIED_ON = (
    AgentStarted,
    BriefAgreed,
    Briefed,
    BudgetSet,
    Chosen,
    Excused,
    Judged,
    Moved,
    PermissionAnswered,
    PhaseChanged,
    PolicySet,
    Prompted,
    SetupEnded,
    TurnEnded,
    TurnStarted,
    WatchSet,
)
"""What others act on - an agent, a host, a phone: on disk before anybody hears of it, also for a power cut."""

Observer = Callable[[AnyEvent, SessionState], None]


class Recorder:
    """Appends events, folds them and wakes those who follow; only the owner of the session may have one."""

    def __init__(self, journal: Path, epoch: int, holds: Callable[[], bool] = lambda: True) -> None:
        """Open the journal, repair its end, fold its history; raises `agent.errors.JournalDamaged`, `OSError`.

        ``holds`` says, before each event is written, whether the session is still held at ``epoch``.
        """
        # Read first: a journal that is damaged is not opened for writing.
        self.state = advance(SessionState(), read_events(journal))
        self._journal = Journal(journal, epoch)
        self.epoch = epoch
        self.path = journal
        self._holds = holds
        self.greeted_at = 0.0
        """When a viewer last came, by Unix time: somebody looks."""
        self.closed = False
        self.fenced = False
        self.failure: OSError | None = None
        """Why the journal could not be written, once it could not; nothing is recorded after."""
        self._held: Text | Thought | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self._observers: list[Observer] = []

    def observe(self, observer: Observer) -> None:
        """Call ``observer`` after each event with the event and the state after it."""
        self._observers.append(observer)

    def record(self, event: Event) -> None:
        """Take an event; text may be held back until more comes, `_HOLD_SECONDS` at most. Raises `OSError`."""
        if self.fenced:
            return
        if not isinstance(event, Text | Thought):
            self.flush()
            self._write(event)
        elif self._held is not None and type(self._held) is type(event):
            self._held = self._held.model_copy(update={"text": self._held.text + event.text})
        else:
            self.flush()
            self._held = event
            self._timer = asyncio.get_running_loop().call_later(_HOLD_SECONDS, self.flush)

    def fence(self) -> None:
        """Drop everything from here on: the session is not ours any more, so nothing may be written."""
        self._held = None
        self.fenced = True
        self._news.set()

    def flush(self) -> None:
        """Write text that is held back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held is not None:
            held, self._held = self._held, None
            self._write(held)

    def sync(self) -> None:
        """Make everything recorded survive a power cut. Raises `OSError`."""
        self.flush()
        with self._failing():
            self._journal.sync()

    def _write(self, event: Event) -> None:
        if not self._still_held():
            return
        with self._failing():
            stamped: AnyEvent = self._journal.append(event)  # type: ignore[assignment]  # each event class is in AnyEvent
            if isinstance(event, _RELIED_ON):
                self._journal.sync()
        self.state = advance(self.state, (stamped,))
        news, self._news = self._news, asyncio.Event()
        news.set()
        for observer in self._observers:
            observer(stamped, self.state)

    def _still_held(self) -> bool:
        """Whether the session is ours; once it is not, nothing is written any more. Raises `RecordDamaged`."""
        held = False
        try:
            held = self._holds()
        finally:
            if not held:
                self.fence()
        return held

    @contextlib.contextmanager
    def _failing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error
            self.fence()
            raise

    async def wait_news(self, after_seq: int) -> bool:
        """Return ``True`` once the journal goes beyond ``after_seq``, ``False`` if it never will."""
        while self.state.head_seq <= after_seq:
            if self.fenced:
                return False
            await self._news.wait()
        return True

    def close(self) -> None:
        """Write what is held back and close the journal; nothing can be recorded after."""
        if self.closed:
            return
        if not self.fenced:
            self.flush()
        self.fence()
        self.closed = True
        self._journal.close()
