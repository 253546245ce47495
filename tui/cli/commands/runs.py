"""``castoff runs``: every session here and every run on every host."""

import time

import click

from agent.errors import JournalDamaged
from agent.events import Phase
from agent.lease import Lease
from agent.overview import Damaged, look_over
from agent.paths import state_dir
from agent.runner_lock import is_served
from agent.sessions import SessionDir
from agent.state import SessionState
from remote.run import Run
from tui.cli.edge import async_command
from tui.cli.output import Output
from tui.cli.target import HERE, Target, open_links
from tui.drawing.words import ago, cost, cost_of


@click.command(
    epilog="""\b
Examples:
  castoff runs
  castoff runs --json | jq 'select(.type == "run" and .phase == "needs-input")'
"""
)
@async_command
async def runs(out: Output) -> None:
    """List sessions here and runs on all hosts.

    A host that does not answer, or a journal that cannot be read, is named with its reason; the list is still printed,
    and the exit status is 0.
    """
    from remote.runs import list_runs

    async with open_links() as links:
        overview = look_over(state_dir())
        leases = overview.whole
        rows: list[tuple[str, ...]] = []
        damaged = list(overview.damaged)
        for session, lease in leases:
            if lease.state != "held":
                continue
            try:
                state = await Target(session.id, session.info.title, HERE, session, links).read_state()
            except JournalDamaged as error:
                damaged.append(Damaged(session.id, error))
                continue
            alive = is_served(session)
            rows.append(_row_here(session, state, alive=alive))
            fields = {"phase": state.phase, "alive": alive, "head_seq": state.head_seq, "at": state.at}
            out.record("session", _identity(session, HERE) | fields)
        found = await list_runs(links)
    for run in found.runs:
        rows.append(_row(run))
        out.record("run", {"id": run.run_id, **run.model_dump(mode="json")})
    seen = {run.run_id for run in found.runs}
    for session, lease in leases:
        if lease.state in ("offered", "away") and session.id not in seen:
            rows.append(_row_unseen(session, lease))
            out.record("unseen", _identity(session, lease.to) | {"lease": lease.state})
    if rows:
        out.table(("ID", "WHERE", "STATE", "PLAN", "COST", "NEWS", "TITLE"), rows)
    elif not found.unreachable and not damaged and not found.damaged:
        out.say("No sessions yet. Start one: castoff new --prompt TEXT, or castoff for the full-screen app.")
    for host in found.unreachable:
        out.say(f"{host.host} does not answer: {host.reason} {host.way_out}".strip(), "yellow")
        out.record("unreachable", host)
    for each in damaged:
        out.say(str(each), "yellow")
        out.record("damaged", {"id": each.id, "host": HERE, "code": each.error.code, "reason": str(each.error)})
    for sentence in found.damaged:
        out.say(sentence, "yellow")
        out.record("damaged-there", {"reason": sentence})


def _identity(session: SessionDir, host: str) -> dict[str, object]:
    info = session.info
    return {"id": info.id, "title": info.title, "host": host, "project": info.project, "agent": info.agent}


def _row(run: Run) -> tuple[str, ...]:
    state = _state(run.phase, alive=run.alive)
    plan = f"{run.plan_done}/{run.plan_total}" if run.plan_total else "-"
    return (
        run.run_id,
        run.host,
        state,
        plan,
        cost(run.cost_usd, run.budget.max_usd, unpriced=run.unpriced),
        ago(run.now - run.at),
        run.title,
    )


def _row_here(session: SessionDir, state: SessionState, *, alive: bool) -> tuple[str, ...]:
    done = sum(entry.status == "completed" for entry in state.plan)
    plan = f"{done}/{len(state.plan)}" if state.plan else "-"
    spent = cost_of(state)
    news = ago(time.time() - state.at) if state.at else "-"
    return (
        session.id,
        HERE,
        _state(state.phase, alive=alive),
        plan,
        spent,
        news,
        session.info.title or session.info.agent,
    )


def _row_unseen(session: SessionDir, lease: Lease) -> tuple[str, ...]:
    """A session that was handed off, of which its host said nothing."""
    state = "away, not seen" if lease.state == "away" else "on its way, not seen"
    return (session.id, lease.to, state, "-", "-", "-", session.info.title)


def _state(phase: Phase, *, alive: bool) -> str:
    """The phase; where it says that something goes on, but nobody does it, that too."""
    return phase if alive or phase not in ("starting", "working", "needs-input") else f"{phase}, runner gone"
