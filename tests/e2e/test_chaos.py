"""A session that is watched, handed off and pulled over a link that fails, to a real sshd: nothing is missing, nothing
comes twice, and whoever watches is back by itself.

`CASTOFF_CUTS` is how many times the link fails while the run is watched, at most; each kind of move gets a tenth of it.
``make soak-links`` runs all 500 with the limits of the product, for as long as it takes; otherwise dead links are
looked for more often, and a slow machine gets fewer of them.
`CASTOFF_SEED` chooses; it is printed.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import cast

import pytest
import pytest_asyncio

from agent.durable import read_model
from agent.events import AnyEvent, Budget
from agent.journal import read_events
from agent.lease import read_lease
from agent.paths import state_dir
from agent.protocol import Lease
from agent.reception import RunnerRecord
from agent.runner_lock import is_moving, is_served
from agent.sessions import SessionDir, create_session
from agent.viewer import Viewer
from remote.config import Settings
from remote.handoff import hand_off
from remote.links import Links
from remote.pull import pull_back
from remote.steps import (
    Applied,
    Away,
    Captured,
    Draining,
    Home,
    LinkBack,
    LinkLost,
    Offered,
    Planned,
    Preflighted,
    Reviewed,
    StillHere,
    Verified,
)
from remote.terms import Terms
from tests.doubles.chaos_proxy import CALM, ChaosProxy, chaos, draw_fate
from tests.e2e.journey import Place, assert_unbroken, drive, lay_out, tree_of
from tests.hosts import HostForTests
from tests.kills.agent import PROFILE
from tests.waiting import until
from tui.backend import Backend
from tui.backend import Place as Where
from tui.bridge import Bridge
from tui.messages import LinkChanged

CUTS = int(os.environ.get("CASTOFF_CUTS", "20"))
SEED = int(os.environ.get("CASTOFF_SEED", "0")) or Random().randrange(1, 10**6)
ALL = CUTS >= 400
SECONDS = float("inf") if ALL else 40.0
"""For each test; what is begun then is brought to its end."""
STOPPED_SECONDS = 60.0 if ALL else 6.0

pytestmark = [pytest.mark.timeout(0 if ALL else 600), pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Sea:
    """A laptop, a session of its, and two ways to its host: ``links`` through the proxy, ``calm`` beside it."""

    place: Place
    host: HostForTests
    proxy: ChaosProxy
    links: Links
    calm: Links
    session: SessionDir

    @property
    def there(self) -> SessionDir:
        """The session's record on the host."""
        path = self.host.home / ".local/state/castoff/sessions" / self.session.id
        return SessionDir(path, self.session.info)

    def check(self) -> None:
        """What holds at any moment: one owner at most, whole journals on both sides."""
        leases = [read_lease(self.session)]
        if (self.there.path / "lease.json").exists():
            leases.append(read_model(self.there.path / "lease.json", Lease))
        assert sum(lease.state == "held" for lease in leases) < 2, leases
        for session in (self.session, self.there):
            if session.journal.exists():
                assert_unbroken(session)

    async def hand_off(self, links: Links) -> Away | None:
        """Hand the session off; ``None`` when it did not come about."""
        step = (await drive(hand_off(self.session, links.host("vm"), Terms(), links)))[-1]
        return step if isinstance(step, Away) else None

    async def pull(self, links: Links) -> Home | None:
        """Take it home; ``None`` when it did not come about."""
        step = (await drive(pull_back(links, "vm", self.session.id)))[-1]
        return step if isinstance(step, Home) else None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sea(tmp_path_factory: pytest.TempPathFactory, sshd_host: HostForTests) -> AsyncGenerator[Sea]:
    with pytest.MonkeyPatch.context() as patch:
        if not ALL:
            patch.setattr("remote.dial._KEEPALIVE_SECONDS", 0.7)
            patch.setattr("remote.dial._CONNECT_SECONDS", 6)
        place = lay_out(tmp_path_factory.mktemp("laptop"), patch.setenv)
        sshd_host.write_settings(place.root / "config")
        for config in (place.root / "config", sshd_host.home / ".config/castoff"):
            (config / "agents").mkdir(parents=True, exist_ok=True)
            (config / "agents" / "cheap.toml").write_text(PROFILE)
        sshd_host.own(sshd_host.home / ".config")
        for number in range(40):
            (place.project / f"file {number}").write_text(Random(number).randbytes(4000).hex())
        session = create_session(state_dir(), place.project, "cheap")
        async with chaos(sshd_host.host.port or 22) as proxy:
            calm, links = Links(), Links(_through(proxy, place, sshd_host))
            try:
                await calm.client("vm")
                yield Sea(place, sshd_host, proxy, links, calm, session)
            finally:
                proxy.fate = lambda: CALM
                await links.close()
                await calm.close()


def _through(proxy: ChaosProxy, place: Place, host: HostForTests) -> Settings:
    """Settings in which the host is behind the proxy."""
    settings = Settings(place.root / "config-chaos.toml")
    settings.add(host.host.model_copy(update={"port": proxy.port}))
    for key in host.host_keys.pinned("127.0.0.1", host.host.port or 22):
        host.host_keys.pin("127.0.0.1", proxy.port, key)
    (place.root / "config" / "known_hosts").write_bytes(host.host_keys.path.read_bytes())
    return settings


class _Logged:
    """A viewer that writes down the seq of every event."""

    def __init__(self, viewer: Viewer, log: "Log") -> None:
        self._viewer = viewer
        self._log = log

    def __getattr__(self, name: str) -> object:
        return getattr(self._viewer, name)

    async def batches(self) -> AsyncIterator[tuple[AnyEvent, ...]]:
        async for events in self._viewer.batches():
            self._log.seqs += [event.seq for event in events]
            yield events


@dataclass
class Log:
    """What a watching app gets, by its own bridge, and when it lost and found its run."""

    sea: Sea
    seqs: list[int] = field(default_factory=list[int])
    losses: int = 0
    back: list[float] = field(default_factory=list[float])
    """When each attachment came about, by `time.monotonic`."""

    async def attach(self, place: Where, after_seq: int) -> _Logged:
        viewer = await self.sea.links.attach(place.host, place.session_id, after_seq)
        self.back.append(time.monotonic())
        return _Logged(viewer, self)

    def take(self, message: object) -> None:
        if isinstance(message, LinkChanged) and message.lost:
            self.losses += 1

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[Bridge]:
        place = Where(session_id=self.sea.session.id, title="", project="", agent="cheap", host="vm")
        bridge = Bridge(cast(Backend, self), place, self.take)
        running = asyncio.create_task(bridge.run())
        try:
            yield bridge
        finally:
            running.cancel()
            await asyncio.wait([running])

    def check(self) -> None:
        """Each event once, in order."""
        assert self.seqs == list(range(1, len(self.seqs) + 1)), f"CASTOFF_SEED={SEED}"


@asynccontextmanager
async def _news(sea: Sea) -> AsyncGenerator[None]:
    """All the time something happens in the run: another viewer, on a link that holds, changes its budget."""
    viewer = await sea.calm.attach("vm", sea.session.id)

    async def go_on() -> None:
        turns = 100
        while True:
            turns += 1
            await viewer.set_budget(Budget(max_turns=turns))
            await asyncio.sleep(0.03)

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        going.cancel()
        await asyncio.wait([going])
        await viewer.close()


async def _fail(proxy: ChaosProxy) -> None:
    """Wait until a connection meets its end; one whose end is too far off is cut."""
    try:
        async with asyncio.timeout(10):
            await proxy.struck.wait()
    except TimeoutError:
        proxy.cut()
        proxy.strikes += 1


async def _hear(bridge: Bridge) -> None:
    head = bridge.state.head_seq
    await until(lambda: bridge.state.head_seq > head + 5, 180)


def _is_early(begun: float, times: int = 1) -> bool:
    return time.monotonic() - begun < SECONDS * times


async def _ensure_away(sea: Sea) -> None:
    if read_lease(sea.session).state != "away":
        assert await sea.hand_off(sea.calm)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _describe(seconds: list[float]) -> str:
    """Median, 95th percentile and worst."""
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    return f"median {statistics.median(ordered):.2f} s, p95 {late:.2f} s, worst {ordered[-1]:.2f} s of {len(ordered)}"


async def test_watched_over_a_link_that_fails(sea: Sea) -> None:
    await _ensure_away(sea)
    dice, log, proxy = Random(SEED), Log(sea), sea.proxy
    _say(f"seed {SEED}")
    strikes = proxy.strikes
    waits, begun = list[float](), time.monotonic()
    async with _news(sea), log.watching() as bridge:
        await until(lambda: bridge.viewer is not None)
        # Those that fail by themselves: in greetings, logins, catching up, live.
        proxy.fate = lambda: draw_fate(dice, 30_000)
        proxy.cut()
        while (failed := proxy.strikes - strikes) < CUTS * 3 // 4 and (failed < 4 or _is_early(begun)):
            proxy.struck.clear()
            await _fail(proxy)
            # News again: by another attachment, or after a stall by the same.
            await _hear(bridge)
            proxy.bury()
            if failed % 25 == 0:
                _say(f"{failed} failures in {time.monotonic() - begun:.0f} s, {len(log.seqs)} events")
        proxy.fate = lambda: CALM
        # Those at which nobody can be reached for a while: then it is counted from the link's return.
        for number in range(CUTS - CUTS * 3 // 4):
            if number > 1 and not _is_early(begun, 2):
                break
            await until(lambda: bridge.viewer is not None)
            proxy.refuse()
            proxy.cut()
            await until(lambda: bridge.viewer is None)
            await asyncio.sleep(dice.choice((0.0, 0.5, 3.0)) if number else 8.0)
            before, returned = len(log.back), time.monotonic()
            await proxy.open()
            await until(lambda before=before: len(log.back) > before)
            waits.append(log.back[before] - returned)
            if ALL:
                _say(f"back after {waits[-1]:.2f} s, load {os.getloadavg()[0]:.1f}")
        await _hear(bridge)
    log.check()
    sea.check()
    there = [event.seq for event in read_events(sea.there.journal)]
    assert there[: len(log.seqs)] == log.seqs
    _say(
        f"{failed + len(waits)} failures, {log.losses} banners, {len(log.back)} attachments, {len(log.seqs)} events, "
        f"each once; back after the link's return: {_describe(waits)}"
    )


@pytest.mark.parametrize("move", ["handoff", "pull"])
async def test_moved_over_a_link_that_fails(sea: Sea, move: str) -> None:
    dice, proxy, wanted = Random(SEED + (move == "pull")), sea.proxy, max(3, CUTS // 10)
    strikes, tries, done, begun = proxy.strikes, 0, 0, time.monotonic()
    try:
        while not done or (proxy.strikes - strikes < wanted and _is_early(begun)):
            if move == "handoff" and read_lease(sea.session).state == "away":
                assert await sea.pull(sea.calm)
            elif move == "pull":
                await _ensure_away(sea)
            before = tree_of(sea.place.project)
            proxy.fate = lambda: draw_fate(dice, 400_000)
            await sea.links.close()
            for attempt in range(12):
                if attempt == 11:
                    proxy.fate = lambda: CALM
                tries += 1
                ended = await (sea.hand_off if move == "handoff" else sea.pull)(sea.links)
                sea.check()
                if ended is not None:
                    break
                proxy.bury()
            else:
                raise AssertionError(f"CASTOFF_SEED={SEED}: {move} comes to no end over a calm link")
            done += 1
            assert tree_of(sea.place.project) == before
    except AssertionError as error:
        raise AssertionError(f"CASTOFF_SEED={SEED}: {error}") from error
    finally:
        proxy.fate = lambda: CALM
    _say(f"seed {SEED}: {move}: {done} came about in {tries} tries over {proxy.strikes - strikes} failures")


@pytest.mark.parametrize("move", ["handoff", "pull"])
async def test_a_move_goes_on_by_itself_after_each_cut(sea: Sea, move: str) -> None:
    """Cut after every step on which the other side is needed; the same command goes on when the link is back."""
    proxy, returning = sea.proxy, set[asyncio.Task[None]]()

    async def come_back() -> None:
        await asyncio.sleep(0.3)
        await proxy.open()

    if move == "pull":
        await _ensure_away(sea)
        steps, cuts = pull_back(sea.links, "vm", sea.session.id), (Reviewed, Draining, Verified, Planned)
    else:
        if read_lease(sea.session).state == "away":
            assert await sea.pull(sea.calm)
        steps = hand_off(sea.session, sea.links.host("vm"), Terms(), sea.links)
        cuts = (Preflighted, Draining, Captured, Verified, Offered)
    before = tree_of(sea.place.project)
    taken = [await anext(steps)]
    while not isinstance(taken[-1], Away | Home | StillHere):
        if isinstance(taken[-1], cuts):
            if returning:
                await asyncio.wait(returning)
            proxy.refuse()
            proxy.cut()
            returning = {asyncio.create_task(come_back())}
        taken.append(await steps.asend("go"))
    await steps.aclose()
    await asyncio.wait(returning)
    kinds = [type(step) for step in taken]
    assert kinds[-1] is (Home if move == "pull" else Away), taken[-1]
    assert kinds.count(LinkLost) == kinds.count(LinkBack) >= 2, kinds
    sea.check()
    assert tree_of(sea.place.project) == before
    _say(f"{move}: {kinds.count(LinkLost)} cuts, one command")


async def test_a_pull_goes_on_over_a_link_that_died_in_silence(sea: Sea) -> None:
    """What served it on the host is told nothing of that: it hears nobody any more, and lets go of the run."""
    await _ensure_away(sea)
    steps = pull_back(sea.links, "vm", sea.session.id)
    step = await anext(steps)
    while not isinstance(step, Planned):
        step = await steps.asend("go")
    assert is_moving(sea.there) and is_served(sea.there)
    sea.proxy.freeze()
    taken = [await steps.asend("go")]
    while not isinstance(taken[-1], Home | StillHere):
        taken.append(await steps.asend("go"))
    await steps.aclose()
    assert [type(step) for step in taken] == [LinkLost, LinkBack, Offered, Applied, Home], taken[-1]
    assert not is_moving(sea.there)
    sea.check()


async def test_a_run_whose_pull_died_in_silence_is_let_go_of(sea: Sea) -> None:
    """Whoever pulls it is gone, and its host was told nothing: somebody else takes it up meanwhile."""
    await _ensure_away(sea)
    steps = pull_back(sea.links, "vm", sea.session.id)
    step = await anext(steps)
    while not isinstance(step, Planned):
        step = await steps.asend("go")
    sea.proxy.freeze()
    try:
        await until(lambda: not is_moving(sea.there) and not is_served(sea.there), 60)
        viewer = await sea.calm.attach("vm", sea.session.id)
        await viewer.close()
        taken = [await steps.asend("go")]
        while not isinstance(taken[-1], Home | StillHere):
            taken.append(await steps.asend("go"))
        assert isinstance(taken[-1], StillHere) and taken[-1].code == "went-on", taken[-1]
    finally:
        await steps.aclose()
        sea.proxy.cut()
    sea.check()
    assert read_lease(sea.session).state == "away"


@pytest.mark.parametrize("sides", [("host",), ("here",), ("host", "here")], ids="+".join)
async def test_stopped_for_a_while(sea: Sea, sides: tuple[str, ...]) -> None:
    """SIGSTOP of the run's processes there, of all that is here, or of both: nothing of either is taken for an end."""
    await _ensure_away(sea)
    log = Log(sea)
    async with _news(sea), log.watching() as bridge:
        await until(lambda: bridge.viewer is not None)
        pids = [read_model(sea.there.path / "runner.json", RunnerRecord).pid, *_relays(sea)] if "host" in sides else []
        # This process as a whole, timers and all.
        stopped = " ".join(map(str, [*pids, *([os.getpid()] if "here" in sides else [])]))
        stopper = await asyncio.create_subprocess_exec(
            "sh", "-c", f"kill -STOP {stopped}; sleep {STOPPED_SECONDS}; kill -CONT {stopped}"
        )
        await stopper.wait()
        await _hear(bridge)
    log.check()
    sea.check()


def _relays(sea: Sea) -> list[int]:
    uid = sea.host.home.stat().st_uid
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            ours = entry.name.isdigit() and entry.stat().st_uid == uid
            if ours and b"runner_cli\0attach\0" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
