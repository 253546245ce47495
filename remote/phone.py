"""Answers by phone for one run: what may be asked is kept, answers are fetched, weighed, and carried out.

Nothing listens: the host fetches. What is asked and how many bad answers came outlives the runner; what was answered
is on disk before it is carried out, so that no crash makes one answer count twice.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import Field

from agent.clocks import passing
from agent.durable import read_model, write_model
from agent.errors import AgentError, RecordDamaged
from agent.events import AnyEvent, Frozen, Noted, PermissionAnswered, PhaseChanged
from agent.messages import Answer, Command, Extend, Pause, Stop
from agent.policy import allow_once
from agent.reception import boot_id
from agent.recorder import Recorder
from agent.sessions import SessionDir
from agent.state import SessionState
from remote.answers import (
    Accepted,
    Asked,
    Book,
    Rejected,
    Word,
    name_question,
    show_digest,
    weigh_answer,
)
from remote.askable import PAUSED, deny_once, find_offer
from remote.channels import Target, read_rules, read_targets
from remote.errors import RemoteError
from remote.in_thread import in_thread
from remote.notification import NOTHING, About, Extra, redact_text
from remote.replies import Fetched, Ntfy, open_replies

_PAUSE = 10.0
"""Seconds between two looks for answers: a public ntfy server lets everybody ask once in 5 s."""
_FETCH_SECONDS = 20.0
_VALID_SECONDS = 12 * 3600.0
"""How long an answer counts, which is how long an ntfy server keeps a message."""
_MOST_EXTENDS = 3
"""How often a run's budget is granted again by phone."""
_MOST_ASKED = 50

Handle = Callable[[Command], Awaitable[None]]
_log = logging.getLogger(__name__)


class Ledger(Frozen):
    """What is kept, for a run's owner alone. ``secret`` ends the name of the topic that buttons publish to."""

    key: str
    secret: str
    boot: str = ""
    book: Book = Book()
    cursors: dict[str, str] = Field(default={})
    extended: int = 0
    locked_at: float = 0.0


class Phone:
    """Asks and hears for one run; use it around the runner's whole life."""

    def __init__(self, session: SessionDir, *, pause: float = _PAUSE) -> None:
        self._session = session
        self._pause = pause
        self._ledger = _read(session)
        self._recorder: Recorder | None = None
        self._handle: Handle | None = None
        self._task: asyncio.Task[None] | None = None
        self.locked: Callable[[], None] = lambda: None
        """Called when answers by phone are locked."""

    async def __aenter__(self) -> Self:
        """Looking for answers begins."""
        self._task = asyncio.create_task(self._listen(), name="answers by phone")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Looking ends."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait((self._task,))

    def watch(self, recorder: Recorder) -> None:
        """Close what is asked when it is settled elsewhere."""
        self._recorder = recorder
        recorder.observe(self._notice)

    def serve(self, handle: Handle) -> None:
        """Give what is answered to the runner by ``handle``."""
        self._handle = handle

    def ask(self, about: About, state: SessionState) -> str:
        """The name of a new question about what is told, or "" where nothing may be answered."""
        if self._recorder is None or self._ledger.book.locked or not _channels():
            return ""
        project, left = self._session.info.project, _MOST_EXTENDS - self._ledger.extended
        offer = find_offer(about, state, project, details=read_rules().details, extends=left)
        if offer is None:
            return ""
        asked = Asked(
            question=name_question(),
            run=self._session.info.id,
            epoch=self._recorder.epoch,
            digest=show_digest(offer.shown),
            words=offer.words,
            until=passing() + _VALID_SECONDS,
            matter=offer.matter,
            shown=offer.shown,
        )
        book = self._ledger.book.ask(asked)
        self._keep(book=book.model_copy(update={"asked": book.asked[-_MOST_ASKED:]}))
        return asked.question

    async def dress(self, target: Target, question: str) -> Extra:
        """What a message over ``target`` can be answered by; raises nothing but what shows that it cannot."""
        asked = next((each for each in self._ledger.book.asked if each.question == question), None)
        way = open_replies(target) if asked is not None else None
        if asked is None or way is None or self._ledger.book.locked:
            return NOTHING
        whole = await in_thread(lambda: redact_text(asked.shown) == asked.shown)
        words: tuple[Word, ...] = asked.words if whole else tuple(word for word in asked.words if word != "allow")
        shown = f"It asks for leave to\n{asked.shown}" if "allow" in words else ""
        key = bytes.fromhex(self._ledger.key)
        if isinstance(way, Ntfy):
            return Extra(shown=shown, actions=way.write_actions(key, asked, words, self._ledger.secret))
        if target.id not in self._ledger.cursors:
            # What was written before the first question is no answer.
            await self._fetch(target)
        return Extra(shown=shown, lines=way.write_lines(key, asked, words))

    def _notice(self, event: AnyEvent, _: SessionState) -> None:
        match event:
            case PermissionAnswered():
                self._close(event.request_id)
            case PhaseChanged(phase="working"):
                self._close(PAUSED)
            case _:
                return

    def _close(self, matter: str) -> None:
        book = self._ledger.book.close(matter)
        if book != self._ledger.book:
            self._keep(book=book)

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - the runner goes on, and so do later answers
                _log.warning("Looking for answers by phone failed with %s.", type(error).__name__)

    async def _look(self) -> None:
        self._unlock()
        if self._recorder is None or self._recorder.fenced or self._ledger.book.locked or not self._ledger.book.asked:
            return
        for target in _channels():
            try:
                found = await self._fetch(target)
            except (RemoteError, OSError) as error:
                _log.info("Answers over %s: %s", target.label, type(error).__name__)
                continue
            for line in found.lines:
                await self._take(line, target)

    async def _fetch(self, target: Target) -> Fetched:
        """What came over a channel; that it came is on disk when this returns. Raises `RemoteError`."""
        way, cursor, secret = open_replies(target), self._ledger.cursors.get(target.id, ""), self._ledger.secret
        if way is None:
            return Fetched(cursor=cursor)
        async with asyncio.timeout(_FETCH_SECONDS):
            found = await in_thread(lambda: way.fetch(cursor, secret) if isinstance(way, Ntfy) else way.fetch(cursor))
        if found.cursor != cursor:
            self._keep(cursors={**self._ledger.cursors, target.id: found.cursor})
        return found

    async def _take(self, line: bytes, target: Target) -> None:
        recorder = self._recorder
        if recorder is None or recorder.fenced or self._ledger.book.locked:
            return
        key, run = bytes.fromhex(self._ledger.key), self._session.info.id
        book, found = weigh_answer(self._ledger.book, key, line, run=run, epoch=recorder.epoch, now=passing())
        # On disk before it is carried out: an answer counts once.
        extended = isinstance(found, Accepted) and found.word == "extend"
        self._keep(book=book, extended=self._ledger.extended + extended, locked_at=time.time() if book.locked else 0.0)
        if isinstance(found, Rejected):
            self._tell("warning", f"{found.why} It came over {target.label}.")
            if book.locked:
                self._tell("error", "Answers by phone are locked: too many bad ones came.")
                self.locked()
            return
        self._tell("info", f"Answered by phone, over {target.label}: {found.word}.")
        await self._carry_out(found, recorder.state)

    async def _carry_out(self, found: Accepted, state: SessionState) -> None:
        command = _command(found, state)
        if command is None or self._handle is None:
            self._tell("warning", "What was answered by phone is settled already.")
            return
        try:
            await self._handle(command)
        except AgentError as error:
            self._tell("warning", f"What was answered by phone was not done: {error}")

    def _tell(self, level: str, text: str) -> None:
        if self._recorder is not None and not self._recorder.closed:
            self._recorder.record(Noted.model_validate({"level": level, "text": text}))

    def _unlock(self) -> None:
        """Bad answers are forgotten when the user says anew that answers may come; what was asked before is void."""
        at = max((target.replies.at for target in _channels() if target.replies), default=0.0)
        if self._ledger.book.locked and at > self._ledger.locked_at:
            self._keep(book=Book())

    def _keep(self, **changes: object) -> None:
        """Raises `OSError`: what cannot be kept is neither asked nor answered."""
        ledger = self._ledger.model_copy(update=changes)
        write_model(_path(self._session), ledger)
        self._ledger = ledger


def _command(found: Accepted, state: SessionState) -> Command | None:
    """What the runner is to do; ``None`` if the question is open no more."""
    name = f"phone-{found.asked.question}"
    match found.word:
        case "extend":
            return Extend(id=name)
        case "pause":
            return Pause(id=name)
        case "stop":
            return Stop(id=name)
        case "allow" | "deny":
            question = next((q for q in state.questions if q.request_id == found.asked.matter), None)
            if question is None:
                return None
            option = allow_once(question.options) if found.word == "allow" else deny_once(question)
            return Answer(id=name, request_id=question.request_id, option_id=option) if option else None


def _channels() -> tuple[Target, ...]:
    """Those by which answers may come."""
    try:
        return tuple(target for target in read_targets() if target.proven and target.replies is not None)
    except RemoteError:
        return ()


def _path(session: SessionDir) -> Path:
    return session.path / "answers.json"


def _read(session: SessionDir) -> Ledger:
    """What is on disk. Questions of an earlier boot are void: their time is told by a clock that began anew."""
    fresh = Ledger(key=secrets.token_hex(32), secret=name_question() + name_question()[:2], boot=boot_id())
    if not _path(session).exists():
        return fresh
    try:
        ledger = read_model(_path(session), Ledger)
    except RecordDamaged as error:
        _log.warning("%s Nothing asked before can be answered by phone.", error)
        return fresh
    if ledger.boot == fresh.boot and ledger.boot:
        return ledger
    return ledger.model_copy(update={"boot": fresh.boot, "book": ledger.book.model_copy(update={"asked": ()})})
