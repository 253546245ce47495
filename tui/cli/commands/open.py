"""``castoff [PATH]``: the full-screen app."""

import gc
import sys
from pathlib import Path

import click

from tui.cli.edge import at_edge
from tui.cli.output import Output


@click.command("castoff")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
def open_app(path: Path) -> None:
    """Work with an agent on PATH in the full-screen app."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("The full-screen app needs a terminal; castoff --help lists the commands for scripts.")
    click.get_current_context().exit(at_edge(Output(as_json=False), lambda: _open(path.absolute())))


def _open(project: Path) -> None:
    # Nothing of what is imported now ever dies: `tui.app.start` lets the collector look again.
    gc.disable()
    from tui.app import run_app

    run_app(project)
