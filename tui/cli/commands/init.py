"""``castoff init``: write a project's settings file from what is found."""

from pathlib import Path

import click

from agent.durable import write_record
from tui.cli.edge import command_edge
from tui.cli.errors import NotHere
from tui.cli.output import Output


@click.command(
    epilog="""\b
Examples:
  castoff init --dry-run
  castoff init
"""
)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@command_edge
def init(out: Output, path: Path, force: bool, dry_run: bool) -> None:
    """Write .castoff.toml for the project in PATH, with comments: what it says is what a handoff takes along.

    Lock files, those of a monorepo two folders down included, become setup commands for the host; .env files are named
    with a warning and stay; what git ignores is listed with its size. What is written counts as agreed to: castoff
    allow is for files of others.
    """
    from remote.agreement import agree
    from remote.config import Settings
    from remote.project import NAME, parse_settings, read_project
    from remote.project_draft import find_draft, write_draft

    tree = path.absolute()
    target = tree / NAME
    if not dry_run and not force and (target.exists() or target.is_symlink()):
        raise NotHere(f"There is a {NAME} already.", "Edit it, or replace it with --force.", code="exists")
    draft = find_draft(tree)
    text = write_draft(draft, [host.name for host in Settings().hosts()])
    parse_settings(text, NAME)
    out.say(text)
    out.record("draft", {**draft.model_dump(mode="json"), "text": text})
    if dry_run:
        out.say("Nothing was written: this was a dry run.")
    else:
        write_record(target, text.encode(), mode=0o644)
        agree(tree, read_project(tree))
        out.say(f"Written: {target}", "bold")
    out.done(path=str(target), written=not dry_run)
