"""The host's side of a homecoming that ends otherwise than planned: nothing of the run is forgotten or left over."""

import asyncio
from pathlib import Path

import pytest

from agent import lease as leases
from agent.lease import read_lease, write_lease
from agent.protocol import Lease
from agent.sessions import SessionDir, create_session
from remote import host_give
from remote.boot import install_hook, look_at_hook
from remote.furnishing import Furnishing, keep_furnishing, read_furnishing
from remote.host_give import confirm_away, regain
from remote.host_protocol import Confirm, Regain
from remote.keeper import find_keeper
from remote.place import Place, write_place
from remote.revive import tend_hook
from tests.remote.test_boot import crontab
from tests.remote.test_keeper import begin
from tests.waiting import until

__all__ = ["crontab"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionDir:
    """A run that was given up at epoch 3."""
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    session = create_session(tmp_path / "state", tmp_path, "builtin")
    here = str(tmp_path)
    write_place(
        session.path,
        Place(host="vm", origin="laptop", sandbox="none", tree=here, tree_at=here, home=here, home_at=here),
    )
    write_lease(session, Lease(epoch=3, state="offered", to="home"))
    return session


async def test_a_run_that_is_held_again_has_its_hook_again(
    run: SessionDir, crontab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook goes with the last run that is held; meanwhile that may have been another one."""

    async def be_there(_: SessionDir) -> None: ...

    monkeypatch.setattr(host_give, "_go_on", be_there)
    state = run.path.parents[1]
    install_hook(state)
    assert await tend_hook(state) == "" and crontab.read_text() == ""
    await regain(Regain(run_id=run.id, epoch=5, to="home"))
    assert read_lease(run) == Lease(epoch=5) and look_at_hook(state)


async def test_no_runner_is_started_beside_a_keeper_that_is_just_ending(
    run: SessionDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would let none begin, and the run would stand still."""
    monkeypatch.setenv("CASTOFF_BOOT", "off")
    kept = begin(run.path, "touch begun; while [ ! -e go ]; do sleep 0.02; done")
    await until((run.path / "begun").exists)
    beside: list[bool] = []

    class Viewer:
        async def close(self) -> None: ...

    async def attach(_: SessionDir) -> Viewer | None:
        (run.path / "go").touch()
        return Viewer() if beside else None

    async def start(_: SessionDir) -> None:
        beside.append(find_keeper(run.path) is not None)

    monkeypatch.setattr(host_give, "attach_running", attach)
    monkeypatch.setattr(host_give, "start_run", start)
    async with asyncio.timeout(60):
        await regain(Regain(run_id=run.id, epoch=5, to="home"))
    assert beside == [False] and kept.wait(60) == 0


async def test_variables_are_gone_before_the_run_is_filed_away(
    run: SessionDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut in between it is asked again; cut after, nobody would ask."""
    keep_furnishing(run, Furnishing(variables={"KEY": "secret"}))

    def lose_power(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as cut:
        cut.setattr(leases, "write_model", lose_power)
        with pytest.raises(OSError):
            await confirm_away(Confirm(run_id=run.id, epoch=4))
    assert read_lease(run).state == "offered" and read_furnishing(run) == Furnishing()
    monkeypatch.setenv("CASTOFF_BOOT", "off")
    assert (await confirm_away(Confirm(run_id=run.id, epoch=4))).lease == Lease(epoch=4, state="away", to="home")


async def test_who_holds_the_run_anew_keeps_its_variables(run: SessionDir) -> None:
    keep_furnishing(run, Furnishing(variables={"KEY": "secret"}))
    write_lease(run, Lease(epoch=6))
    await confirm_away(Confirm(run_id=run.id, epoch=4))
    assert read_furnishing(run).variables == {"KEY": "secret"}
