"""What a host has and lacks, as one table."""

from pathlib import Path

from remote.bootstrap import find_runtime
from remote.host_protocol import Look, Seen
from remote.links import Links
from remote.survey import measure_link, survey_host
from tui.cli.errors import NotHere
from tui.cli.output import Output
from tui.drawing.hosts import link_rows, survey_notes, survey_rows


async def look_at(out: Output, links: Links, name: str, agent: str) -> bool:
    """Print what a host says of itself, and return whether it can take a run; raises `NotHere` without a runtime."""
    connection = await links.connect(name)
    if await find_runtime(connection) is None:
        link = await measure_link(connection)
        out.record("host-facts", {"name": name, **link.model_dump(), "runtime": None})
        out.table(("", name), link_rows(link))
        way_out = f"castoff host setup {name} installs it; a first handoff does it too."
        raise NotHere(f"castoff's runtime is not on {name} yet.", way_out, code="no-runtime")
    client = await links.client(name)
    home = str(Path.home())
    look = Look(agent=agent, size=0, tree_at=f"{home}/project", home_at=home, sandbox=links.host(name).sandbox)
    seen = await client.ask(look, Seen)
    surveyed, link = await survey_host(client)
    runtime = client.runtime.runtime_id
    facts = {
        **surveyed.model_dump(mode="json"),
        **seen.model_dump(mode="json", exclude={"restart", "agent_version"}),
        **link.model_dump(),
    }
    out.record("host-facts", {"name": name, "runtime": runtime, **facts})
    out.table(("", name), [*link_rows(link), *survey_rows(surveyed), ("runtime", runtime)])
    out.say(f"restart: {surveyed.restart}")
    for problem in seen.problems:
        mark, style = ("in the way", "bold red") if problem.blocking else ("note", "yellow")
        out.say(f"{mark}: {problem.sentence} {problem.way_out}".rstrip(), style)
    if surveyed.root:
        out.say("Once, as root there:")
        for command in surveyed.root:
            out.say(f"  {command}")
    for note in survey_notes(surveyed, link):
        out.say(f"note: {note}", "yellow")
    return not any(problem.blocking for problem in seen.problems)
