"""A viewer's side of the control protocol, over any pair of streams: what the TUI and the CLI hold of a runner."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from pydantic import ValidationError

from agent.deeds import Rules
from agent.errors import CommandRefused, LinkCut, ViewerGone
from agent.events import AnyEvent, Budget, Policy
from agent.messages import (
    OLDEST,
    SERVER_MESSAGE,
    VERSION,
    Answer,
    Choose,
    Command,
    Done,
    Drain,
    Excuse,
    Extend,
    Hello,
    Interrupt,
    Occurred,
    Pause,
    Prompt,
    Refused,
    Resume,
    SetBudget,
    SetPolicy,
    Stop,
    TakeBack,
    Welcome,
)

_WELCOME_SECONDS = 15.0
_COMMAND_SECONDS = 60.0
"""A runner may need 22 s to cancel a turn (`agent.driver`) and then 20 s to end the agent (`agent.agent_process`)."""


class Reader(Protocol):
    """Where lines come from; ``b""`` at the end."""

    async def readline(self) -> bytes:
        """The next line with its newline."""
        ...


class Writer(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> None:
        """Queue bytes."""
        ...

    async def drain(self) -> None:
        """Wait until there is room."""
        ...

    def close(self) -> None:
        """End the stream."""
        ...


class Viewer:
    """One attachment to a runner. Make it with `attach`; use `batches` in one task, commands from any."""

    def __init__(
        self, reader: Reader, writer: Writer, welcome: Welcome, after_seq: int, release: Callable[[], Awaitable[None]]
    ) -> None:
        self.welcome = welcome
        self._seq = after_seq
        self.last_heard = time.monotonic()
        """When the last message came, by `time.monotonic`."""
        self._reader = reader
        self._writer = writer
        self._release = release
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._events: list[AnyEvent] = []
        self._gone: ViewerGone | None = None
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._read(), name="viewer")

    async def batches(self) -> AsyncIterator[tuple[AnyEvent, ...]]:
        """Events as they come, all that are there at once; ends by raising `ViewerGone`."""
        while True:
            if self._events:
                events, self._events = tuple(self._events), []
                yield events
            elif self._gone is not None:
                raise _again(self._gone)
            else:
                self._news.clear()
                await self._news.wait()

    async def prompt(self, text: str) -> None:
        """Queue a prompt."""
        await self._command(Prompt(id=self._next_id(), text=text))

    async def take_back(self, prompt_id: str) -> None:
        """Take a prompt out of the queue again."""
        await self._command(TakeBack(id=self._next_id(), prompt_id=prompt_id))

    async def interrupt(self) -> None:
        """Cancel the turn in progress."""
        await self._command(Interrupt(id=self._next_id()))

    async def answer(self, request_id: str, option_id: str) -> None:
        """Answer a permission question."""
        await self._command(Answer(id=self._next_id(), request_id=request_id, option_id=option_id))

    async def set_policy(self, policy: Policy, rules: Rules | None = None) -> None:
        """Change the permission policy, and the rules by classes of action unless they are ``None``."""
        await self._command(SetPolicy(id=self._next_id(), policy=policy, rules=rules))

    async def choose(self, knob: str, value: str) -> None:
        """Turn one of the agent's knobs, e.g. ``model``, to a value."""
        await self._command(Choose(id=self._next_id(), knob=knob, value=value))

    async def set_budget(self, budget: Budget) -> None:
        """Change the budget; it counts anew from here."""
        await self._command(SetBudget(id=self._next_id(), budget=budget))

    async def extend(self) -> None:
        """Grant the budget once more and let the session go on."""
        await self._command(Extend(id=self._next_id()))

    async def excuse(self, rule: str, key: str) -> None:
        """Say that a verdict's matter is fine, from now on, and let the session go on."""
        await self._command(Excuse(id=self._next_id(), rule=rule, key=key))

    async def pause(self) -> None:
        """End the turn in progress, and wait for the user."""
        await self._command(Pause(id=self._next_id()))

    async def resume(self, *, brief: bool = False) -> None:
        """Go on after a pause or a failure; ``brief``: by a brief, where the agent cannot take its session up."""
        await self._command(Resume(id=self._next_id(), brief=brief))

    async def drain(self, deadline: float) -> None:
        """Stop at a safe tool boundary, or after ``deadline`` seconds; the runner then ends."""
        await self._command(Drain(id=self._next_id(), deadline=deadline), limit=deadline + _COMMAND_SECONDS)

    async def stop(self) -> None:
        """End agent and runner."""
        await self._command(Stop(id=self._next_id()))

    async def close(self) -> None:
        """Detach; the runner goes on."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        await self._release()

    def _next_id(self) -> str:
        return str(next(self._ids))

    async def _command(self, command: Command, *, limit: float = _COMMAND_SECONDS) -> None:
        if self._gone is not None:
            raise _again(self._gone)
        answer = self._waiting[command.id] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(command.model_dump_json().encode() + b"\n")
            await self._writer.drain()
            # Not `wait_for`: before Python 3.12 it loses a cancel that comes together with the answer.
            async with asyncio.timeout(limit):
                await answer
        except TimeoutError as error:
            raise ViewerGone(f"The runner did not answer within {limit:.0f} seconds.") from error
        except (ConnectionError, BrokenPipeError) as error:
            raise LinkCut("The link to the runner is cut.") from error
        finally:
            self._waiting.pop(command.id, None)

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(line)
            self._end(ViewerGone("The runner has ended."))
        except ViewerGone as error:
            self._end(error)
        except OSError as error:
            self._end(LinkCut(f"The link to the runner is cut: {_sentence(error)}"))
        except EOFError as error:
            self._end(ViewerGone(_sentence(error)))
        except ValidationError as error:
            said = error.errors()[0]["msg"]
            self._end(ViewerGone(f"The runner said something that is not the control protocol: {said}."))
        except ValueError:
            self._end(ViewerGone("The runner said something that is too long for the control protocol."))

    def _take(self, line: bytes) -> None:
        message = SERVER_MESSAGE.validate_json(line)
        self.last_heard = time.monotonic()
        match message:
            case Occurred():
                if message.event.seq != self._seq + 1:
                    raise ViewerGone(f"The runner sent event {message.event.seq} where {self._seq + 1} belongs.")
                self._seq += 1
                self._events.append(message.event)
                self._news.set()
            case Done():
                self._settle(message.id, None)
            case Refused():
                self._settle(message.id, CommandRefused(message.reason, code=message.code))
            case _:
                pass

    def _settle(self, command_id: str, error: CommandRefused | None) -> None:
        answer = self._waiting.get(command_id)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    def _end(self, why: ViewerGone) -> None:
        self._gone = why
        self._news.set()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_again(why))


def _again(error: ViewerGone) -> ViewerGone:
    """The same error for one more who hears of it: an exception that is raised twice grows."""
    return type(error)(str(error), error.way_out)


def _sentence(error: Exception) -> str:
    return f"{str(error).rstrip('.') or type(error).__name__}."


async def _nothing() -> None:
    return


async def attach(
    reader: Reader, writer: Writer, after_seq: int = 0, release: Callable[[], Awaitable[None]] = _nothing
) -> Viewer:
    """Say hello and return a viewer that will get every event after ``after_seq``.

    ``release`` is awaited when the viewer closes. Raises `LinkCut` when the link breaks, `ViewerGone` when there is no
    answer or ``reader`` raises `EOFError` with what was said instead of one,
    `CommandRefused` when the runner refuses, e.g. another protocol version.
    """
    writer.write(Hello(after_seq=after_seq).model_dump_json().encode() + b"\n")
    try:
        async with asyncio.timeout(_WELCOME_SECONDS):
            await writer.drain()
            line = await reader.readline()
    except TimeoutError as error:
        raise ViewerGone("The runner does not answer.", "castoff doctor tells more.") from error
    except ConnectionError as error:
        raise LinkCut(f"The link to the runner is cut: {_sentence(error)}") from error
    except EOFError as error:
        raise ViewerGone(_sentence(error)) from error
    if not line:
        raise ViewerGone("The runner ended before it answered.")
    try:
        message = SERVER_MESSAGE.validate_json(line)
    except ValidationError as error:
        raise ViewerGone("What answered is not a castoff runner.") from error
    if isinstance(message, Refused):
        raise CommandRefused(message.reason, code=message.code)
    if not isinstance(message, Welcome) or not OLDEST <= message.version <= VERSION:
        raise ViewerGone("What answered is not a castoff runner.")
    return Viewer(reader, writer, message, after_seq, release)
