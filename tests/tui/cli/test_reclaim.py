"""``castoff reclaim``: by force, and only when somebody has agreed to it."""

from pathlib import Path

from agent.lease import read_lease, write_lease
from agent.paths import state_dir
from agent.protocol import Lease
from agent.sessions import SessionDir, create_session
from tests.tui.cli.conftest import Castoff


def lose(tmp_path: Path) -> SessionDir:
    """A session on a host that no settings know any more."""
    session = create_session(state_dir(), tmp_path, "builtin")
    write_lease(session, Lease(epoch=2, state="away", to="gone"))
    return session


def test_nothing_happens_unasked(tmp_path: Path, castoff: Castoff) -> None:
    session = lose(tmp_path)
    assert castoff("reclaim", session.id).status == 2
    assert castoff("reclaim", session.id, "--json").status == 2
    assert castoff("reclaim").status == 2, "which one has to be said"
    assert read_lease(session).state == "away"


def test_a_lost_host_is_told_later(tmp_path: Path, castoff: Castoff) -> None:
    session = lose(tmp_path)
    ran = castoff("reclaim", session.id, "--yes", "--json")
    last = ran.records[-1]
    assert (ran.status, last["reclaimed"], last["told"], last["epoch"]) == (0, True, False, 4)
    assert read_lease(session) == Lease(epoch=4, to="gone")
    again = castoff("reclaim", session.id, "--yes")
    assert again.status == 0 and "could not be told" in again.out
    assert read_lease(session) == Lease(epoch=4, to="gone")


def test_a_session_that_is_here_needs_no_force(tmp_path: Path, castoff: Castoff) -> None:
    session = create_session(state_dir(), tmp_path, "builtin")
    ran = castoff("reclaim", session.id, "--yes", "--json")
    assert (ran.status, ran.records[-1]["code"]) == (1, "already-here")
    assert read_lease(session) == Lease()
