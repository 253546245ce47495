"""`castoff gc` at its most eager, here and on the host, between any two steps and requests of a handoff and a pull."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from agent.events import Frozen
from agent.sessions import SessionDir
from remote import waste_here
from remote.handoff import hand_off
from remote.host_client import Body, HostClient
from remote.host_protocol import Request
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.receipt import read_last_receipt
from remote.runs import fetch_diff
from remote.settings_protocol import Sweep, Swept
from remote.steps import Away, Home
from remote.terms import Decision, Terms
from remote.waste import Waste
from tests.e2e.journey import assert_unbroken, fill_project
from tests.e2e.scene import Scene

_ARCHIVED = {"run"}
"""What may go of a session while it is at home: the archive on its host."""


class Sweeper:
    """Sweeps both sides by a connection of its own, for whatever it is told may go and for all that it can name."""

    def __init__(self, links: Links, session: SessionDir) -> None:
        self.session = session
        self.sweeps = 0
        self.gone: list[Waste] = []
        self._links = links
        self._ask = HostClient.ask
        self._turn = asyncio.Lock()

    async def ask(self, client: HostClient, request: Request, body: type[Body], *, timeout: float = 60.0) -> Body:
        """In place of `HostClient.ask`: sweeps before and after."""
        await self.sweep()
        answer = await self._ask(client, request, body, timeout=timeout)
        await self.sweep()
        return answer

    async def sweep(self) -> None:
        async with self._turn:
            self.sweeps += 1
            client = await self._links.client("vm")
            run_id = self.session.id
            named = [f"{kind}:{run_id}" for kind in ("run", "arriving", "transfer")]
            found = (await self._ask(client, Sweep(days=0), Swept)).waste
            keys = (*named, *(each.key for each in found))
            self._note((await self._ask(client, Sweep(days=0, remove=keys), Swept)).waste)
            here = await asyncio.to_thread(waste_here.find_here, 0)
            moves = [path.name for path in (self.session.path / "moves").glob("*")]
            keys = (*(f"transfer:{run_id}/{name}" for name in moves), *(each.key for each in here))
            self._note(await asyncio.to_thread(waste_here.remove_here, keys, 0))

    def _note(self, gone: tuple[Waste, ...]) -> None:
        self.gone += [each for each in gone if self.session.id in each.name]


@pytest.fixture
async def links(scene: Scene) -> AsyncGenerator[Links]:
    links = Links(scene.links.settings)
    await links.client("vm")
    yield links
    await links.close()


def _is_old(*_: object) -> bool:
    return True


async def go_through(steps: AsyncGenerator[Frozen, Decision | None], sweeper: Sweeper) -> list[Frozen]:
    """Sweep while the move stands still at each of its steps."""
    taken = [await anext(steps)]
    while True:
        await sweeper.sweep()
        try:
            taken.append(await steps.asend("go"))
        except StopAsyncIteration:
            return taken


async def test_nothing_goes_that_a_move_needs(scene: Scene, links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    session, project = scene.session(), scene.place.project
    viewer = await open_local(session)
    await viewer.stop()
    await viewer.close()
    (project / "kept.txt").write_text("changed here\n")
    there = scene.host.home / ".local/state/castoff/trees" / session.id
    sweeper = Sweeper(links, session)

    async def ask(client: HostClient, request: Request, body: type[Body], *, timeout: float = 60.0) -> Body:
        return await sweeper.ask(client, request, body, timeout=timeout)

    monkeypatch.setattr(HostClient, "ask", ask)
    # As if every rest had lain there for days.
    monkeypatch.setattr(waste_here, "is_old", _is_old)

    away = await go_through(hand_off(session, scene.links.host("vm"), Terms(), scene.links), sweeper)
    assert isinstance(away[-1], Away), away[-1]
    assert sweeper.gone == []
    (there / "there.txt").write_text("made there\n")

    home = await go_through(pull_back(scene.links, "vm", session.id), sweeper)
    assert isinstance(home[-1], Home), home[-1]
    assert (project / "there.txt").read_text() == "made there\n"
    assert_unbroken(session)
    assert {each.kind for each in sweeper.gone} == _ARCHIVED
    assert not there.exists()

    away = await go_through(hand_off(session, scene.links.host("vm"), Terms(), scene.links), sweeper)
    assert isinstance(away[-1], Away), away[-1]
    receipt = read_last_receipt(session)
    assert receipt is not None and receipt.notes == (), "what went with the archive was sent again"
    changed = {file.path for file in (await fetch_diff(scene.links, "vm", session.id, "start")).files}
    assert changed == {"kept.txt", "there.txt"}
    assert {each.kind for each in sweeper.gone} == _ARCHIVED
    assert sweeper.sweeps > 50
