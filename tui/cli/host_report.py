"""What a host has and lacks, said in lines."""

from pathlib import Path

from remote.bootstrap import find_runtime
from remote.host_protocol import Look, Seen
from remote.links import Links
from tui.cli.errors import NotHere
from tui.cli.output import Output
from tui.drawing.words import size


async def look_at(out: Output, links: Links, name: str, agent: str) -> bool:
    """Print what a host says of itself, and return whether it can take a run; raises `NotHere` without a runtime."""
    connection = await links.connect(name)
    out.say(f"{name} answers in {connection.rtt * 1000:.0f} ms.")
    if await find_runtime(connection) is None:
        out.record("host-facts", {"name": name, "rtt": connection.rtt, "runtime": None})
        way_out = f"castoff host setup {name} installs it; a first handoff does it too."
        raise NotHere(f"castoff's runtime is not on {name} yet.", way_out, code="no-runtime")
    client = await links.client(name)
    home = str(Path.home())
    look = Look(
        agent=agent, size=0, tree_at=f"{home}/project", home_at=home, sandbox=links.host(name).sandbox, restart=True
    )
    seen = await client.ask(look, Seen)
    runtime = client.runtime.runtime_id
    out.record("host-facts", {"name": name, "rtt": connection.rtt, "runtime": runtime, **seen.model_dump(mode="json")})
    out.say(f"{seen.user} on {seen.system}, {size(seen.free)} free, runtime {runtime}")
    out.say(f"sandbox: {seen.sandbox}{'. ' if seen.sandbox_detail else ''}{seen.sandbox_detail}")
    if seen.restart:
        out.say(f"restart: {seen.restart}")
    if seen.agent_version:
        out.say(f"agent {agent}: {seen.agent_version}")
    for problem in seen.problems:
        mark, style = ("in the way", "bold red") if problem.blocking else ("note", "yellow")
        out.say(f"{mark}: {problem.sentence} {problem.way_out}".rstrip(), style)
    return not any(problem.blocking for problem in seen.problems)
