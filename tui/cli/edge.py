"""The edge of every command: gives it its `Output`, and turns what it raises into a sentence and an exit status."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Concatenate, ParamSpec

import click

from tui.cli.errors import known_errors
from tui.cli.output import Output

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

Params = ParamSpec("Params")


def command_edge(function: Callable[Concatenate[Output, Params], None]) -> Callable[Params, None]:
    """Add ``--json``; exit 1 with one sentence when the command fails, 130 when Ctrl-C ended it."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line; the last one has “ok”.")
    @functools.wraps(function)
    def command(*args: Params.args, **kwargs: Params.kwargs) -> None:
        out = Output(bool(kwargs.pop("as_json")))
        click.get_current_context().exit(at_edge(out, lambda: function(out, *args, **kwargs)))

    return command


def at_edge(out: Output, work: Callable[[], None]) -> int:
    """Do ``work`` and return the exit status; what went wrong is said as one sentence."""
    try:
        work()
        out.done()
    except KeyboardInterrupt as stop:
        out.failed("interrupted", str(stop) or "Stopped by Ctrl-C.")
        return INTERRUPTED
    except known_errors() as error:
        out.failed(str(getattr(error, "code", "failed")), str(error), str(getattr(error, "way_out", "")))
        return 1
    except BrokenPipeError:
        raise  # `tui.cli.root.main` ends quietly
    except OSError as error:  # a full disk, a missing right: the user's to mend, as the errors above
        where = "" if error.filename is None else f": {error.filename}"
        out.failed("system", f"{error.strerror or error or type(error).__name__}{where}.")
        return 1
    return 0


def async_command(
    function: Callable[Concatenate[Output, Params], Coroutine[None, None, None]],
) -> Callable[Params, None]:
    """`command_edge` for a coroutine; Ctrl-C cancels it and waits until it has put things right."""

    @command_edge
    @functools.wraps(function)
    def command(out: Output, *args: Params.args, **kwargs: Params.kwargs) -> None:
        asyncio.run(function(out, *args, **kwargs))

    return command
