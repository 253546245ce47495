"""``castoff allow``: agree to what a project's settings file asks for."""

from pathlib import Path

import click

from tui.cli.driving import can_ask, confirm
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.output import Output


@click.command(
    epilog="""\b
Examples:
  castoff allow
  castoff allow ~/src/shop --yes
  castoff allow --forget
"""
)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal.")
@click.option("--forget", is_flag=True, help="Agree to nothing any more.")
@async_command
async def allow(out: Output, path: Path, yes: bool, forget: bool) -> None:
    """Let the project in PATH have what its .castoff.toml asks for: values of variables, and commands on the host.

    It is remembered for exactly this file on this machine; when the file changes, it is asked about again.
    """
    from remote.agreement import agree, is_agreed, needs_agreement, withdraw_agreement
    from remote.project import NAME, read_project

    tree = path.absolute()
    if forget:
        withdraw_agreement(tree)
        out.say("Forgotten.")
        out.done(path=str(tree), agreed=False)
        return
    project = read_project(tree)
    if not needs_agreement(project):
        raise NotHere(f"No {NAME} in {tree} asks for anything that needs it.", code="nothing-asked")
    for name in project.asks.env:
        out.write("variable  ", "bold")
        out.say(name)
    for command in project.asks.setup:
        out.write("command   ", "bold")
        out.say(command.run.replace("\n", "\n          "))
    reach = (*project.asks.network.allow, *project.asks.network.private)
    for where in reach:
        out.say(f"  connect to {where}")
    for name in project.loosens:
        out.say(f"  watch less: {name} = {project.settings.watch.model_dump()[name]}")
    commands = [command.run for command in project.asks.setup]
    out.record("asks", {"env": project.asks.env, "setup": commands, "network": reach, "watch": project.loosens})
    if not yes and not is_agreed(tree, project):
        if out.as_json or not can_ask():
            raise click.UsageError("Nobody can be asked here: add --yes to agree to what is listed.")
        if not await confirm("Let this project have that?"):
            raise NotHere("Nothing was agreed to.", "Take it out of the file, or hand off without it.", code="declined")
    agree(tree, project)
    out.say("Agreed, for this file as it is now.")
    out.done(path=str(tree), agreed=True)
