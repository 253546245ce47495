"""A simulated agent process that spends: it speaks ACP, and takes cancels and signals as its habits have it."""

import asyncio
import json
import random
import signal
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.events import Budget

Kind = Literal["honest", "silent", "hanging", "deaf", "wrong", "untold"]
KINDS: tuple[Kind, ...] = ("honest", "silent", "hanging", "deaf", "wrong", "untold")


@dataclass(frozen=True)
class Habits:
    """``hears`` is when it ends its turn after a cancel; ``told`` what share of the truth its usage is, or 0: never."""

    kind: Kind
    hears: Literal["at once", "after the call", "never"]
    takes_term: bool
    reads: bool
    call_seconds: tuple[float, float]
    dollars: tuple[float, float]
    budget: Budget


def draw_habits(kind: Kind, draw: random.Random) -> Habits:
    """Habits of an agent of ``kind``, with a budget that can hold for what it tells."""
    minutes = Budget(max_minutes=draw.uniform(0.5, 8))
    budgets = {"usd": Budget(max_usd=draw.uniform(0.05, 1.0)), "calls": Budget(max_tool_calls=draw.randint(1, 8))}
    choice = {"silent": [], "hanging": [], "untold": ["calls"]}.get(kind, ["usd", "calls"])
    budget = draw.choice([minutes, *(budgets[name] for name in choice)])
    if kind == "wrong":
        budget = Budget(max_usd=draw.uniform(0.05, 1.0), max_minutes=draw.uniform(0.5, 8))
    stubborn = kind in ("silent", "hanging", "deaf")
    slowest = draw.uniform(3, 90)
    return Habits(
        kind=kind,
        hears="never" if stubborn else draw.choice(["at once", "after the call"]),
        takes_term=not stubborn or draw.random() < 0.5,
        reads=not stubborn or draw.random() < 0.5,
        call_seconds=(2.0, slowest),
        dollars=(0.001, draw.uniform(0.01, 0.3)),
        budget=budget,
    )


@dataclass
class Spending:
    """What was spent in a session, by whichever processes: when each model call ended, and what was told of it."""

    habits: Habits
    draw: random.Random
    began: float = 0.0
    told: float = 0.0
    tools: int = 0
    reached: float | None = None
    calls: list[float] = field(default_factory=list[float])
    loaded: list[str] = field(default_factory=list[str])

    def look(self, now: float) -> None:
        """Note when the limit is reached, by what was told."""
        limits, minutes = self.habits.budget, (now - self.began) / 60
        used = ((limits.max_usd, self.told), (limits.max_tool_calls, self.tools), (limits.max_minutes, minutes))
        if self.reached is None and any(most is not None and amount >= most for most, amount in used):
            self.reached = now


class Spender:
    """One process; it has of `agent.children.Child` what the runner needs."""

    def __init__(self, pid: int, spending: Spending) -> None:
        loop = asyncio.get_running_loop()
        self.pid = pid
        self.returncode: int | None = None
        self.exited = asyncio.Event()
        self.stdout = asyncio.StreamReader(limit=1 << 20)
        self._flow = asyncio.streams.FlowControlMixin(loop)
        self.stdin = asyncio.StreamWriter(_Pipe(self), self._flow, None, loop)
        self.working: asyncio.Task[None] | None = None
        self._spending = spending
        self._habits = spending.habits
        self._cancelled = asyncio.Event()

    def hear(self, line: bytes) -> None:
        """Take one message of the client."""
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                self._answer(message, {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}})
            case "session/new":
                self._answer(message, {"sessionId": "s"})
            case "session/load":
                self._spending.loaded.append(message["params"]["sessionId"])
                self._answer(message, {})
            case "session/prompt":
                self._cancelled.clear()
                self.working = asyncio.create_task(self._work(message))
                if not self._habits.reads:
                    self._flow.pause_writing()
            case "session/cancel":
                self._cancelled.set()
            case _:
                self._answer(message, {})

    def signal(self, sign: int) -> None:
        """Take a signal to its group."""
        if self.returncode is None and (sign == signal.SIGKILL or self._habits.takes_term):
            self.end(-sign)

    def end(self, code: int) -> None:
        """End: nothing is said or spent any more."""
        if self.returncode is not None:
            return
        self.returncode = code
        if self.working is not None:
            self.working.cancel()
        self.stdout.feed_eof()
        self._flow.connection_lost(None)
        self.exited.set()

    def eof(self) -> None:
        """The end of its input."""
        if self._habits.hears != "never":
            self.end(0)

    def _answer(self, message: dict[str, Any], result: dict[str, object]) -> None:
        self._say(id=message["id"], result=result)

    def _say(self, **message: object) -> None:
        self.stdout.feed_data(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def _update(self, **fields: object) -> None:
        self._say(method="session/update", params={"sessionId": "s", "update": fields})

    async def _work(self, prompt: dict[str, Any]) -> None:
        habits, draw, number = self._habits, self._spending.draw, 0
        hangs_after = {"silent": 0, "hanging": draw.randint(0, 5)}.get(habits.kind)
        while not self._is_cancelled:
            if number == hangs_after:
                await self._hang()
            number += 1
            if not await self._call():
                break
            await self._use_tool(f"{prompt['id']}-{number}")
        self._answer(prompt, {"stopReason": "cancelled"})

    @property
    def _is_cancelled(self) -> bool:
        return self._cancelled.is_set() and self._habits.hears != "never"

    async def _hang(self) -> None:
        if self._habits.kind == "hanging":
            self._update(sessionUpdate="tool_call", toolCallId="sub", title="Subagent", status="in_progress")
        await asyncio.Event().wait()

    async def _call(self) -> bool:
        """Call the model; returns whether that came to its end."""
        seconds = self._spending.draw.uniform(*self._habits.call_seconds)
        if self._habits.hears == "at once":
            await asyncio.wait((asyncio.create_task(self._cancelled.wait()),), timeout=seconds)
            if self._cancelled.is_set():
                return False
        else:
            await asyncio.sleep(seconds)
        now = asyncio.get_running_loop().time()
        self._spending.look(now)  # minutes pass without a word
        self._spending.calls.append(now)
        self._tell(now)
        return True

    def _tell(self, now: float) -> None:
        spending, draw = self._spending, self._spending.draw
        cost = spending.told + draw.uniform(*self._habits.dollars)
        if self._habits.kind == "untold":
            return
        said = draw.choice([0.0, cost / 2, cost, cost * 2]) if self._habits.kind == "wrong" else cost
        spending.told = max(spending.told, said)
        spending.look(now)
        money = {"amount": said, "currency": "USD"}
        self._update(sessionUpdate="usage_update", used=100, size=1000, cost=money)

    async def _use_tool(self, name: str) -> None:
        self._update(sessionUpdate="tool_call", toolCallId=name, title="Look", kind="read", status="in_progress")
        await asyncio.sleep(self._spending.draw.uniform(0, 3))
        self._spending.tools += 1
        self._spending.look(asyncio.get_running_loop().time())
        self._update(sessionUpdate="tool_call_update", toolCallId=name, status="completed")


class _Pipe(asyncio.Transport):
    """The runner's end of the process's input."""

    def __init__(self, spender: Spender) -> None:
        super().__init__()
        self._spender = spender

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._spender.returncode is None:
            self._spender.hear(bytes(data))

    def close(self) -> None:
        self._spender.eof()

    def is_closing(self) -> bool:
        return self._spender.returncode is not None
