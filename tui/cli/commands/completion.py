"""``castoff completion``: the script that makes a shell complete commands, sessions, runs and hosts."""

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="""\b
Examples:
  castoff completion bash > ~/.local/share/bash-completion/completions/castoff
  castoff completion zsh  > ~/.zfunc/_castoff      (with fpath+=~/.zfunc before compinit)
  castoff completion fish > ~/.config/fish/completions/castoff.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL."""
    from tui.cli.root import root

    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(root, {}, "castoff", "_CASTOFF_COMPLETE").source())
