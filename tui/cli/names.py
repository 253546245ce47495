"""Arguments that name a session, a run or a host, with completion from what this machine knows (hosts aren't asked)."""

from collections.abc import Callable
from typing import ParamSpec

import click
from click.shell_completion import CompletionItem

from agent.sanitise import clean

Params = ParamSpec("Params")


def complete_session(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Sessions that this machine knows, here or away."""
    from agent.errors import AgentError
    from agent.paths import state_dir
    from agent.sessions import list_sessions

    try:
        sessions = list_sessions(state_dir())
    except AgentError:
        return []  # a shell's completion has no place for a sentence
    # zsh and fish show the title, and take a line for a field.
    return [
        CompletionItem(s.id, help=clean(s.info.title, single_line=True))
        for s in sessions
        if s.id.startswith(incomplete)
    ]


def complete_host(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Hosts in the settings."""
    from remote.config import Settings
    from remote.errors import RemoteError

    try:
        hosts = Settings().hosts()
    except RemoteError:
        return []
    return [CompletionItem(h.name, help=h.destination) for h in hosts if h.name.startswith(incomplete)]


def complete_agent(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Agent profiles."""
    from agent.errors import AgentError
    from agent.profiles import list_profiles

    try:
        profiles = list_profiles()
    except AgentError:
        return []
    return [CompletionItem(p.name, help=p.title) for p in profiles if p.name.startswith(incomplete)]


run_argument = click.argument("run", required=False, shell_complete=complete_session)
"""RUN: the beginning of an id, or nothing where there is only one."""

host_argument = click.argument("name", shell_complete=complete_host)
"""NAME of a host in the settings."""


def run_and(word: str) -> Callable[[Callable[Params, None]], Callable[Params, None]]:
    """Arguments ``[RUN] WORD``: RUN may be left out where there is only one. They arrive as ``words``."""
    return click.argument("words", nargs=-1, metavar=f"[RUN] {word}", shell_complete=complete_session)


def split_words(words: tuple[str, ...], word: str) -> tuple[str | None, str]:
    """The run, or ``None``, and the other argument; raises `click.UsageError`."""
    if not 1 <= len(words) <= 2:
        raise click.UsageError(f"Give {word}, after the run's id where there is more than one run.")
    return (None if len(words) == 1 else words[0]), words[-1]
