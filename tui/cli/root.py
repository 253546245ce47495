"""The command ``castoff``: a group that knows its commands by name and imports each when it is used."""

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and the line that ``castoff --help`` shows for it."""

    place: str
    """``module:attribute`` below `tui.cli.commands`."""
    summary: str


COMMANDS = {
    "new": Entry("new:new", "Start a session here with a first prompt."),
    "handoff": Entry("handoff:handoff", "Cast a session off to a host, mid-task."),
    "runs": Entry("runs:runs", "List sessions here and runs on all hosts."),
    "show": Entry("show:show", "Show where a run stands: plan, questions, cost."),
    "wait": Entry("wait:wait", "Wait until a run is finished, idle or needs input."),
    "log": Entry("log:log", "Print what happened in a run."),
    "send": Entry("send:send", "Send a prompt to a run."),
    "resume": Entry("resume:resume", "Let a paused run go on, also by a brief or with another agent."),
    "answer": Entry("answer:answer", "Answer a run's permission question."),
    "diff": Entry("diff:diff", "Show what a run changed."),
    "pull": Entry("pull:pull", "Bring a run and its work back home."),
    "reclaim": Entry("reclaim:reclaim", "Take a session back by force from a host that is gone."),
    "recover": Entry("recover:recover", "Settle moves that were cut, by asking both sides."),
    "undo": Entry("undo:undo", "Take back what a pull did to the tree."),
    "budget": Entry("budget:budget", "See and change what a run may use; let it go on."),
    "set": Entry("set:set_", "See and change a run's model, mode and the agent's other options."),
    "policy": Entry("policy:policy", "See and change what a run's agent may do without asking."),
    "stop": Entry("stop:stop", "End a run's agent; the session and its work are kept."),
    "init": Entry("init:init", "Write a project's settings file from what is found."),
    "allow": Entry("allow:allow", "Agree to what a project's settings file asks for."),
    "secrets": Entry("secrets:secrets", "See and change which secrets of a project may travel."),
    "host": Entry("host:host", "Add, list, check, set up and remove hosts."),
    "agents": Entry("agents:agents", "List agents, and where they are installed."),
    "check": Entry("check:check", "Check that the records of sessions are what was written."),
    "gc": Entry("gc:gc", "Remove what castoff keeps and nobody needs any more, here and on hosts."),
    "notify": Entry("notify:notify", "Say where notifications go."),
    "doctor": Entry("doctor:doctor", "Say what this machine has and lacks."),
    "demo": Entry("demo:demo", "See the whole journey: no key, no cloud, no second machine."),
    "completion": Entry("completion:completion", "Print the shell's completion script."),
}

EXAMPLES = """\b
Examples:
  castoff                                     work on the current directory
  castoff ~/src/shop                          work on that one
  castoff new --agent builtin --prompt "Fix the failing test" --wait
  castoff handoff --host vm --say "Go on; run all tests before you end." --yes
  castoff runs
  castoff pull --dry-run
"""


class Root(click.Group):
    """Lists commands without importing them, and takes a folder in a command's place."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a session's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; ``None`` when there is no such."""
        if cmd_name not in COMMANDS:
            return None
        return _load(COMMANDS[cmd_name].place)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A name that is no command's is a folder to work on."""
        if args[0] in COMMANDS:
            return super().resolve_command(ctx, args)
        if Path(args[0]).is_dir():
            return "open", _load("open:open_app"), args
        close = difflib.get_close_matches(args[0], COMMANDS, n=1)
        hint = f" Did you mean “castoff {close[0]}”?" if close else ""
        raise click.UsageError(f"{args[0]!r} is neither a command nor a folder.{hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, from their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def _load(place: str) -> click.Command:
    module, _, attribute = place.partition(":")
    command = getattr(importlib.import_module(f"tui.cli.commands.{module}"), attribute)
    assert isinstance(command, click.Command)
    return command


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"castoff {version('castoff')}")
        ctx.exit()


@click.command(
    cls=Root,
    invoke_without_command=True,
    no_args_is_help=False,
    subcommand_metavar="[PATH | COMMAND [ARGS]...]",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXAMPLES,
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Work with a coding agent here, and cast the live session off to a machine you own.

    Without a command: the full-screen app, on PATH or the current directory.
    A session or run is named by the first characters of its id, or not at all where there is only one.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(_load("open:open_app"))


def main(argv: Sequence[str]) -> int:
    """Run ``castoff`` with ``argv``; returns the exit status: 0, 1 failed, 2 misused, 130 interrupted."""
    try:
        status = root.main(args=list(argv), prog_name="castoff", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        _refuse(error, as_json="--json" in argv)
        return 2
    except (click.Abort, KeyboardInterrupt):
        print("castoff: Stopped by Ctrl-C.", file=sys.stderr)  # noqa: T201 - the command line prints
        return 130
    except BrokenPipeError:
        # The reader has gone, as `head` does; the interpreter's own flush at exit must not complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status if isinstance(status, int) else 0


def _refuse(error: click.ClickException, *, as_json: bool) -> None:
    """Say how the command was misused."""
    if as_json:
        from tui.cli.output import Output

        Output(as_json=True).failed("usage", error.format_message())
    else:
        error.show()
