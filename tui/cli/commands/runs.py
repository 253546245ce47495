"""``castoff runs``: every session here and every run on every host."""

import click

from agent.lease import read_lease
from agent.paths import state_dir
from agent.sessions import list_sessions
from agent.state import SessionState
from remote.run import Run
from tui.cli.edge import async_command
from tui.cli.output import Output
from tui.cli.target import HERE, Target, open_links
from tui.cli.wording import age, money


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

    A host that does not answer is named with its reason; the list is still printed, and the exit status is 0.
    """
    from remote.runs import list_runs

    async with open_links() as links:
        here = [
            (Target(s.id, s.info.title, HERE, s, links), s)
            for s in list_sessions(state_dir())
            if read_lease(s).state == "held"
        ]
        rows: list[tuple[str, ...]] = []
        for target, session in here:
            state = await target.read_state()
            rows.append(_row_here(target, session.info.agent, state))
            out.record(
                "session",
                {
                    "id": target.session_id,
                    "title": target.title,
                    "host": HERE,
                    "project": session.info.project,
                    "agent": session.info.agent,
                    "phase": state.phase,
                    "head_seq": state.head_seq,
                    "at": state.at,
                },
            )
        found = await list_runs(links)
    for run in found.runs:
        rows.append(_row(run))
        out.record("run", {"id": run.run_id, **run.model_dump(mode="json")})
    if rows:
        out.table(("ID", "WHERE", "STATE", "PLAN", "COST", "NEWS", "TITLE"), rows)
    elif not found.unreachable:
        out.say("No sessions yet. Start one: castoff new --prompt TEXT, or castoff for the full-screen app.")
    for host in found.unreachable:
        out.say(f"{host.host} does not answer: {host.reason} {host.way_out}".strip(), "yellow")
        out.record("unreachable", host)


def _row(run: Run) -> tuple[str, ...]:
    state = run.phase if run.alive else f"{run.phase}, runner gone"
    plan = f"{run.plan_done}/{run.plan_total}" if run.plan_total else "-"
    return (
        run.run_id,
        run.host,
        state,
        plan,
        money(run.cost_usd, run.budget.max_usd),
        age(run.now - run.at),
        run.title,
    )


def _row_here(target: Target, agent: str, state: SessionState) -> tuple[str, ...]:
    import time

    done = sum(entry.status == "completed" for entry in state.plan)
    plan = f"{done}/{len(state.plan)}" if state.plan else "-"
    cost = money(state.usage.cost_usd, state.budget.max_usd)
    news = age(time.time() - state.at) if state.at else "-"
    return (target.session_id, HERE, state.phase, plan, cost, news, target.title or agent)
