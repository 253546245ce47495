"""What a host says of its runs."""

from pathlib import Path

import pytest

from agent.events import Budget, BudgetSet, Event, Used
from agent.paths import state_dir
from agent.recorder import Recorder
from agent.sessions import SessionDir, create_session
from remote.agent_env import set_env
from remote.host_look import list_rows
from remote.host_protocol import ListRuns
from remote.host_settings import list_variables
from remote.place import Place, write_place
from remote.settings_protocol import ListVariables, Variables


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


async def test_which_runs_get_which_variable(run: SessionDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path / "config"))
    for name in ("OPENAI_API_KEY", "CODEX_HOME"):
        set_env(name, "s3cret")
    codex = create_session(state_dir(), tmp_path, "codex")
    place = Place(host="vm", origin="here", sandbox="none", tree="/t", tree_at="/t", home="/h", home_at="/h")
    write_place(codex.path, place)
    create_session(state_dir(), tmp_path, "builtin")  # it is here, and no run
    said = await list_variables(ListVariables())
    assert isinstance(said, Variables) and "s3cret" not in said.model_dump_json()
    uses = {each.name: {use.run_id for use in each.runs} for each in said.variables}
    assert uses == {"OPENAI_API_KEY": {run.id, codex.id}, "CODEX_HOME": {run.id}}, "codex never gets CODEX_HOME"
