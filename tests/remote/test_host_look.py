"""What a host says of its runs."""

from pathlib import Path

import pytest

from agent.events import Budget, BudgetSet, Event, Used
from agent.paths import state_dir
from agent.recorder import Recorder
from agent.sessions import SessionDir, create_session
from remote.host_look import list_rows
from remote.host_protocol import ListRuns
from remote.place import Place, write_place


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionDir:
    """A run that lives here."""
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    return make_run(tmp_path)


def make_run(tree: Path) -> SessionDir:
    session = create_session(state_dir(), tree, "builtin")
    place = Place(host="vm", origin="here", sandbox="none", tree="/t", tree_at="/t", home="/h", home_at="/h")
    write_place(session.path, place)
    return session


def record(session: SessionDir, *events: Event) -> None:
    recorder = Recorder(session.journal, 1)
    for event in events:
        recorder.record(event)
    recorder.close()


async def test_a_run_that_cannot_be_read_hides_no_other(run: SessionDir, tmp_path: Path) -> None:
    for name in ("lease.json", "place.json", "journal.jsonl"):
        (make_run(tmp_path).path / name).write_text("nonsense\n{}\n")
    rows = await list_rows(ListRuns())
    assert [row.run_id for row in rows.runs] == [run.id]
    assert len(rows.damaged) == 3


async def test_cost_is_what_was_spent_of_the_budget(run: SessionDir) -> None:
    record(run, Used(cost_usd=3), BudgetSet(budget=Budget(max_usd=2)), Used(cost_usd=3.5), Used(unpriced=True))
    (row,) = (await list_rows(ListRuns())).runs
    assert (row.cost_usd, row.unpriced) == (0.5, True)
