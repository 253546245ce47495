"""A run's terminals on its host: one at a time, and none is left behind."""

import signal
from pathlib import Path

import pytest

from agent import agent_process, reception
from agent.lease import Lease, write_lease
from agent.sessions import create_session
from remote import host_runner
from remote.host_runner import end_run, is_alive, last_words, start_run
from tests.remote.test_keeper import begin
from tests.waiting import until


async def test_a_run_started_again_leaves_no_dead_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path))
    session = create_session(tmp_path, tmp_path, "builtin")
    # Its runner ends at once, for it is not held here; the terminal stays and shows why.
    write_lease(session, Lease(epoch=2, state="away", to="vm"))
    first = await start_run(session)
    while await is_alive(session):
        pass
    assert "not held here" in await last_words(session)
    second = await start_run(session)
    assert not first.socket.exists()
    await end_run(session)
    assert not second.socket.exists() and not await is_alive(session)


def test_a_runner_is_not_killed_before_its_polite_end_is_over() -> None:
    """Killed, it would leave an agent behind that takes no notice of SIGTERM."""
    longest = agent_process.LONGEST_END_SECONDS + reception.LONGEST_END_SECONDS
    assert host_runner._END_SECONDS > longest >= 5 * agent_process._END_SECONDS  # pyright: ignore[reportPrivateUsage]


async def test_a_keeper_between_two_starts_is_alive_and_can_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path))
    session = create_session(tmp_path, tmp_path, "builtin")
    kept = begin(session.path, "echo x >> starts; kill -KILL $$", pause=300)
    await until(lambda: "started again" in (session.path / "said").read_text())
    assert await is_alive(session)
    await end_run(session)
    assert kept.wait(60) == 128 + signal.SIGTERM
    assert not await is_alive(session) and (session.path / "starts").read_text() == "x\n"
