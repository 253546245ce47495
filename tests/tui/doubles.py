"""Doubles for the app's tests: a backend fed with recorded events and steps. Nothing here talks to anything."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import ViewerGone
from agent.events import AnyEvent, Budget, Policy
from remote.run import Recovered, Runs
from remote.settings_protocol import Variable
from remote.steps import HandoffStep, PullStep, awaits_decision
from remote.terms import Decision, Terms
from tui.archive import Archive
from tui.backend import (
    Defaults,
    Glance,
    HostCard,
    HostLook,
    Lend,
    Passphrase,
    Place,
    Settings,
    Signpost,
    Trust,
)
from tui.drafts import Draft
from tui.hunks import Hunk
from tui.memory import Remembered

PLACE = Place(session_id="k3v7q2m9x4ab", title="parser", project="/home/ada/parser", agent="castoff")


@dataclass(frozen=True)
class DoubleFile:
    path: str
    change: str = "modified"
    added: int | None = 1
    removed: int | None = 1
    text: str = ""
    note: str = ""


@dataclass(frozen=True)
class DoubleDiff:
    files: tuple[DoubleFile, ...] = ()


class DoubleViewer:
    """Plays events; records commands."""

    def __init__(self, events: list[AnyEvent], after_seq: int) -> None:
        self.last_heard = time.monotonic()
        self.sent: list[tuple[Any, ...]] = []
        self.closed = False
        self.refuse: Exception | None = None
        self._events = [e for e in events if e.seq > after_seq]
        self._more = asyncio.Event()
        self._gone = ""

    def add(self, *events: AnyEvent) -> None:
        self._events.extend(events)
        self.last_heard = time.monotonic()
        self._more.set()

    def vanish(self, reason: str = "The runner went away.") -> None:
        self._gone = reason
        self._more.set()

    async def batches(self) -> AsyncIterator[tuple[AnyEvent, ...]]:
        while True:
            self._more.clear()
            batch, self._events = tuple(self._events), []
            if batch:
                yield batch
            if self._gone:
                raise ViewerGone(self._gone)
            await self._more.wait()

    def _command(self, *what: Any) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.sent.append(what)

    async def prompt(self, text: str) -> None:
        self._command("prompt", text)

    async def take_back(self, prompt_id: str) -> None:
        self._command("take_back", prompt_id)

    async def interrupt(self) -> None:
        self._command("interrupt")

    async def answer(self, request_id: str, option_id: str) -> None:
        self._command("answer", request_id, option_id)

    async def set_policy(self, policy: Policy) -> None:
        self._command("policy", policy)

    async def choose(self, knob: str, value: str) -> None:
        self._command("choose", knob, value)

    async def set_budget(self, budget: Budget) -> None:
        self._command("budget", budget)

    async def extend(self) -> None:
        self._command("extend")

    async def excuse(self, rule: str, key: str) -> None:
        self._command("excuse", rule, key)

    async def pause(self) -> None:
        self._command("pause")

    async def resume(self, *, brief: bool = False) -> None:
        self._command("resume", *(["brief"] if brief else []))

    async def stop(self) -> None:
        self._command("stop")

    async def close(self) -> None:
        self.closed = True


@dataclass
class DoubleMove:
    """A scripted move: the steps, at which of them to wait, and what was decided."""

    steps: list[Any]
    gates: dict[int, asyncio.Event] = field(default_factory=dict[int, asyncio.Event])
    decisions: list[Any] = field(default_factory=list[Any])
    terms: list[Terms] = field(default_factory=list[Terms])
    cancelled: bool = False

    async def play(self) -> AsyncGenerator[Any, Decision | None]:
        try:
            for index, step in enumerate(self.steps):
                if index in self.gates:
                    await self.gates[index].wait()
                if isinstance(step, Exception):
                    raise step
                decision = yield step
                if awaits_decision(step):
                    self.decisions.append(decision)
                    if decision is None or decision == "cancel":
                        return
        except asyncio.CancelledError:
            self.cancelled = True
            raise


@dataclass
class DoubleDelay:
    """A sleep that waits."""

    held: bool = True

    async def release(self) -> None:
        self.held = False


class DoubleDraft:
    """A draft that is kept in memory."""

    def __init__(self, kept: dict[str, Draft], key: str) -> None:
        self._kept, self._key = kept, key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DoubleDraft) and other._key == self._key

    def read(self) -> Draft:
        return self._kept.get(self._key, Draft())

    def keep(self, draft: Draft) -> None:
        self._kept[self._key] = draft


class DoubleBackend:
    """A backend that knows what it was told."""

    def __init__(self, events: Sequence[AnyEvent] = (), place: Place | Signpost | None = PLACE) -> None:
        self.project = "/home/ada/parser"
        self.agents = ("castoff", "codex")
        self.command = "castoff /home/ada/parser"
        self.events = list(events)
        self.place = place
        self.viewers: list[DoubleViewer] = []
        self.asked: list[str] = []
        """Whose runs were asked for: a host's, or all hosts' ("")."""
        self.attached: list[Place] = []
        self.attach_errors: list[Exception] = []
        self.host_cards: tuple[HostCard, ...] = (HostCard(name="vm", destination="ada@vm.example"),)
        self.looks: dict[str, HostLook | Exception] = {}
        self.looked: list[tuple[str, bool]] = []
        self.keys_kept: list[tuple[str, str, str]] = []
        self.kept_variables: tuple[Variable, ...] = ()
        self.logged_in: list[tuple[str, str]] = []
        self.away: tuple[Place, ...] = ()
        self.kept = Settings()
        self.others: tuple[Place | Signpost, ...] = ()
        self.themes_folder = Path("/nonexistent/themes")
        self.said: Defaults | Exception = Defaults()
        self.diffs: dict[str, Any] = {"": DoubleDiff()}
        self.diff_reads = 0
        self.parts: Sequence[Runs | Exception | asyncio.Event] = ()
        self.out = DoubleMove([])
        self.home = DoubleMove([])
        self.stopped: list[tuple[str, str]] = []
        self.shown: list[Place] = []
        self.turned: list[tuple[str, int, bool]] = []
        self.unturned: Exception | None = None
        self.drafts: dict[str, Draft] = {}
        self.put_aside = Archive()
        self.warnings: asyncio.Queue[DoubleDelay | Exception] = asyncio.Queue()
        self.memory = Remembered()
        self.glances = {"vm": Glance(rtt=0.031, load=0.4, processors=4, sandbox="open", free=41_200_000_000)}
        self.names: Sequence[str] = ("README.md", "src/rows.py", "tests/test_rows.py")
        self.no_terminal: Exception | None = None
        self.changes: asyncio.Queue[Exception | None] = asyncio.Queue()
        self.trust: Trust | None = None
        self.passphrase: Passphrase | None = None
        self.watching: Callable[[], None] | None = None
        self.closed = False
        self.unreadable: tuple[str, ...] = ()
        self.offers: dict[str, str] = {}
        self.installed: list[str] = []
        self.refuse_install: Exception | None = None
        self.recovered: Sequence[Recovered | Exception | asyncio.Event] = ()

    @property
    def viewer(self) -> DoubleViewer:
        return self.viewers[-1]

    def set_trust(self, trust: Trust) -> None:
        self.trust = trust

    def themes(self) -> Path:
        return self.themes_folder

    def set_passphrase(self, passphrase: Passphrase) -> None:
        self.passphrase = passphrase

    def settings(self) -> Settings:
        return self.kept

    def remember(self, settings: Settings) -> None:
        self.kept = settings

    def keep_key(self, binding_id: str, keys: str) -> None:
        others = {i: k for i, k in self.kept.keys.items() if i != binding_id}
        self.kept = self.kept.model_copy(update={"keys": others | ({binding_id: keys} if keys else {})})

    def current(self) -> Place | Signpost | None:
        return self.place

    def sessions(self) -> tuple[Place | Signpost, ...]:
        return self.others

    def damaged(self) -> tuple[str, ...]:
        return self.unreadable

    def agent_offer(self, agent: str) -> str:
        return self.offers.get(agent, "")

    async def install_agent(self, agent: str) -> None:
        if self.refuse_install is not None:
            raise self.refuse_install
        self.installed.append(agent)
        self.offers.pop(agent, None)

    def create(self, agent: str) -> Place:
        return PLACE.model_copy(update={"agent": agent})

    async def attach(self, place: Place, after_seq: int) -> DoubleViewer:
        self.attached.append(place)
        if self.attach_errors:
            raise self.attach_errors.pop(0)
        self.viewers.append(DoubleViewer(self.events, after_seq))
        return self.viewer

    def draft(self, place: Place | None) -> DoubleDraft:
        return DoubleDraft(self.drafts, place.session_id if place else "")

    async def files(self) -> Sequence[str]:
        return self.names

    def hosts(self) -> tuple[HostCard, ...]:
        return self.host_cards

    async def add_host(self, name: str, destination: str, port: int | None) -> None:
        if name in self.looks and isinstance(look := self.looks[name], Exception):
            raise look
        self.host_cards += (HostCard(name=name, destination=f"{destination}:{port}"),)

    async def keep_variable(self, host: str, name: str, value: str) -> None:
        self.keys_kept.append((host, name, value))

    async def variables(self, host: str) -> tuple[Variable, ...]:
        return self.kept_variables

    def logins(self) -> tuple[str, ...]:
        return ("claude", "codex")

    async def log_in(self, host: str, agent: str, lend: Lend) -> None:
        self.logged_in.append((host, agent))
        if self.no_terminal is not None:
            raise self.no_terminal

    def sessions_on(self, host: str) -> tuple[Place, ...]:
        return tuple(place for place in self.away if place.host == host)

    async def remove_host(self, host: str) -> None:
        self.host_cards = tuple(card for card in self.host_cards if card.name != host)

    async def glance(self, host: str) -> Glance:
        return self.glances.get(host, Glance(fault=f"{host} does not answer."))

    def remembered(self) -> Remembered:
        return self.memory

    def keep_remembered(self, remembered: Remembered) -> None:
        self.memory = remembered

    async def look_over(self, host: str, *, set_up: bool = False) -> HostLook:
        self.looked.append((host, set_up))
        look = self.looks[host]
        if isinstance(look, Exception):
            raise look
        return look

    def defaults(self) -> Defaults:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said

    def archive(self) -> Archive:
        return self.put_aside

    def keep_archive(self, archive: Archive) -> None:
        self.put_aside = archive

    async def runs(self, hosts: Collection[str] = ()) -> AsyncIterator[Runs]:
        self.asked.append(",".join(hosts))
        for part in self.parts:
            if isinstance(part, asyncio.Event):
                await part.wait()
            elif isinstance(part, Exception):
                raise part
            else:
                yield part

    async def recover(self) -> AsyncIterator[Recovered]:
        for each in self.recovered:
            if isinstance(each, asyncio.Event):
                await each.wait()
            elif isinstance(each, Exception):
                raise each
            else:
                yield each

    def hand_off(self, session_id: str, host: str, terms: Terms) -> AsyncGenerator[HandoffStep, Decision | None]:
        self.out.terms.append(terms)
        return self.out.play()

    def pull_back(self, host: str, run_id: str) -> AsyncGenerator[PullStep, Decision | None]:
        return self.home.play()

    async def diff(self, place: Place) -> Any:
        self.diff_reads += 1
        found = self.diffs.get(place.host)
        if isinstance(found, Exception):
            raise found
        return found

    async def turn_hunk(self, place: Place, hunk: Hunk, *, back: bool) -> None:
        self.turned.append((hunk.path, hunk.start, back))
        if self.unturned is not None:
            raise self.unturned

    async def watch(self, place: Place) -> AsyncIterator[None]:
        while True:
            change = await self.changes.get()
            if isinstance(change, Exception):
                raise change
            yield change

    async def stop(self, host: str, run_id: str) -> None:
        self.stopped.append((host, run_id))

    async def sleeps(self) -> AsyncGenerator[DoubleDelay]:
        while True:
            warned = await self.warnings.get()
            if isinstance(warned, Exception):
                raise warned
            yield warned

    async def show_terminal(self, place: Place, lend: Lend) -> None:
        self.shown.append(place)
        if self.no_terminal is not None:
            raise self.no_terminal

    async def close(self) -> None:
        self.closed = True
