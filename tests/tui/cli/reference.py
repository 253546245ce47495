"""docs/cli.md, written from the commands themselves: ``python -m tests.tui.cli.reference`` prints it."""

from collections.abc import Iterator

import click

from tui.cli.root import root

INTRODUCTION = """\
# Commands

Every command but `completion` and the app itself takes `--json`: one JSON object a line, each with a `type`; the last
one has `"ok"`, and when that is false also `code`, `reason` and `way_out`. Exit status: 0 it worked, 1 it failed, 2 the
command was misused, 130 after Ctrl-C. SESSION and RUN are the beginning of an id, or nothing where there is only one.
This page is generated from the commands' own help.
"""


def render() -> str:
    """The whole page."""
    return INTRODUCTION + "".join(_sections(root, "castoff", None))


def _sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=100,
        help_option_names=["-h", "--help"],  # as the root has it: click keeps the first it made
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"\n## {context.command_path}\n\n```\n{text}\n```\n"
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            child = command.get_command(context, child_name)
            assert child is not None
            if child.hidden:
                continue
            yield from _sections(child, child_name, context)


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 - this is what it is for
