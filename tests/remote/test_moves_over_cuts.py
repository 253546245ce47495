"""The order of a handoff's and a pull's steps when the link is lost in any of them: the parts are doubles here."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.journal import read_head
from agent.lease import read_lease, write_lease
from agent.paths import state_dir
from agent.protocol import Lease
from agent.sessions import SessionDir, create_session
from remote.config import Host
from remote.errors import ConnectionLost
from remote.findings import HostFacts
from remote.handoff import hand_off
from remote.host_protocol import Proof, Verdict
from remote.links import Links
from remote.progress import Stopwatch
from remote.pull import pull_back
from remote.steps import Applied, Away, Home, Planned, Preflighted, Reviewed, StillHere
from remote.terms import Decision, Terms
from snapshot.manifest import Manifest

HOST = Host(name="vm", destination="vm")
FACTS = HostFacts(host="vm", user="me", system="x", runtime="x", sandbox="open", free=1, rtt=0.0)
WHOLE_HANDOFF = ["connecting", "preflighted", "draining", "verified", "offered", "proved", "away"]
WHOLE_PULL = ["connecting", "reviewed", "draining", "verified", "planned", "offered", "applied", "home"]
CUT = ["link-lost", "link-back"]


class _Double:
    """A move's parts: each call is written down, raises what ``failing`` has for it, and then returns its answer."""

    def __init__(self, session: SessionDir, failing: dict[str, list[Exception]], **answers: Any) -> None:
        self.session, self.failing, self.answers = session, failing, answers
        self.calls: list[str] = []
        self.clients: list[object] = []
        self.host: Any = HOST
        self.terms, self.watch, self.epoch = Terms(), Stopwatch(), 2
        self.client: object = None
        self.decision: Decision | None = None
        self.drain_seconds = 1.0

    def decide(self, decision: Decision | None) -> None:
        self.decision = decision

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*_: object) -> Any:
            self.calls.append(name)
            self.clients.append(self.client)
            if self.failing.get(name):
                raise self.failing[name].pop(0)
            return self.answers.get(name)

        return call

    def check_away(self, host: str) -> None:
        assert host == "vm"

    def leave_receipt(self, proof: Proof) -> Away:
        return Away(run_id=self.session.id, host="vm", epoch=proof.epoch, files=0, size=0, seconds=0)

    def applied(self, applied: object) -> Applied:
        return Applied(changed=0, deleted=0, undo="")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionDir:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path / "config"))
    (tmp_path / "project").mkdir()
    return create_session(state_dir(), tmp_path / "project", "builtin")


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> Links:
    """Each client is another one."""
    made = Links()

    async def client(*_: object) -> object:
        return object()

    monkeypatch.setattr(made, "client", client)
    return made


async def _drive(steps: AsyncGenerator[Any, Decision | None]) -> list[Any]:
    taken = [await anext(steps)]
    try:
        while True:
            taken.append(await steps.asend("go"))
    except StopAsyncIteration:
        return taken


def _handoff(session: SessionDir, monkeypatch: pytest.MonkeyPatch, failing: dict[str, list[Exception]]) -> _Double:
    proof = Proof(
        agent="a", agent_session_id="s", resumed="new", epoch=2, head_seq=1, history=read_head(session.journal)
    )
    look = Preflighted(facts=FACTS, files=0, size=0, git="")
    answers = {"look": look, "carry": Manifest(entries=()), "verify": "ab", "accept": Verdict(proof=proof)}
    double = _Double(session, failing, **answers)
    _use(monkeypatch, "remote.handoff.Departure", double)
    return double


def _use(monkeypatch: pytest.MonkeyPatch, name: str, double: _Double) -> None:
    def make(*_: object) -> _Double:
        return double

    monkeypatch.setattr(name, make)


def _lost(count: int = 1) -> list[Exception]:
    return [ConnectionLost("cut") for _ in range(count)]


@pytest.mark.parametrize(("part", "before"), [("carry", "draining"), ("verify", "draining"), ("accept", "offered")])
async def test_a_handoff_goes_on_with_the_part_that_was_cut(
    session: SessionDir, links: Links, monkeypatch: pytest.MonkeyPatch, part: str, before: str
) -> None:
    double = _handoff(session, monkeypatch, {part: _lost(2)})
    taken = await _drive(hand_off(session, HOST, Terms(), links))
    at = WHOLE_HANDOFF.index(before) + 1
    assert [step.step for step in taken] == [*WHOLE_HANDOFF[:at], *CUT, *CUT, *WHOLE_HANDOFF[at:]], taken[-1]
    calls = ["look", "drain", *["carry"] * (1 + 2 * (part == "carry"))]
    calls += ["verify"] * (1 + 2 * (part == "verify")) + ["accept"] * (1 + 2 * (part == "accept"))
    assert sorted(double.calls) == sorted([*calls, "let_go"]), "and nothing else is done twice"
    used = [client for call, client in zip(double.calls, double.clients, strict=True) if call == part]
    assert len(set(map(id, used))) == 3
    assert read_lease(session).state == "away"


async def test_a_link_that_stays_away_ends_a_handoff_as_before(
    session: SessionDir, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = _handoff(session, monkeypatch, {"carry": _lost(99)})
    taken = await _drive(hand_off(session, HOST, Terms(), links))
    assert isinstance(taken[-1], StillHere) and taken[-1].code == "connection-lost"
    assert double.calls[-2:] == ["restore", "let_go"] and read_lease(session).state == "held"


async def test_cancelled_while_the_link_is_looked_for_the_session_is_here(
    session: SessionDir, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = _handoff(session, monkeypatch, {"carry": _lost()})
    looking = asyncio.Event()
    steps = hand_off(session, HOST, Terms(), links)
    step = await anext(steps)
    while step.step != "draining":
        step = await steps.asend("go")

    async def look_for_it(*_: object) -> object:
        looking.set()
        return await asyncio.Event().wait()

    monkeypatch.setattr(links, "client", look_for_it)
    assert (await steps.asend("go")).step == "link-lost"
    waiting = asyncio.ensure_future(anext(steps))
    await looking.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert "restore" in double.calls and read_lease(session).state == "held"


@pytest.mark.parametrize(
    ("part", "before", "again"),
    [("pack", "draining", ["pack"]), ("fetch", "draining", ["pack", "fetch"]), ("take_over", "planned", ["take_over"])],
)
async def test_a_pull_goes_on_and_has_the_run_kept_still_again(
    session: SessionDir, links: Links, monkeypatch: pytest.MonkeyPatch, part: str, before: str, again: list[str]
) -> None:
    write_lease(session, Lease(epoch=2, state="away", to="vm"))
    home = Home(run_id=session.id, epoch=3, changed=0, deleted=0, seconds=0)
    answers = {"review": Reviewed(run_id=session.id, host="vm", changes=()), "check": Manifest(entries=())}
    answers |= {"plan": Planned(), "take_over": 3, "settle": home}
    double = _Double(session, {part: _lost()}, **answers)
    double.host = "vm"
    _use(monkeypatch, "remote.pull.Homecoming", double)
    taken = await _drive(pull_back(links, "vm", session.id))
    at = WHOLE_PULL.index(before) + 1
    assert [step.step for step in taken] == [*WHOLE_PULL[:at], *CUT, *WHOLE_PULL[at:]], taken[-1]
    calls = ["review", "pack", "fetch", "check", "plan", "prepare", "take_over", "apply", "settle"]
    assert sorted(double.calls) == sorted([*calls, *again])
