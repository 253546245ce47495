"""What a command does not say and the project's settings do."""

from pathlib import Path

import click

from agent.events import Budget
from agent.sessions import SessionDir


def fill_in(session: SessionDir, host: str | None, given: Budget) -> tuple[str, Budget]:
    """Host and limits of a handoff; raises `click.UsageError` if nothing says a host, `ProjectFileInvalid`."""
    from remote.project import NAME, read_project

    settings = read_project(Path(session.info.project)).settings
    chosen = host or settings.host
    if not chosen:
        raise click.UsageError(f"Where to? Say --host, or name one as host in {NAME}.")
    limits = settings.budget.model_dump() | given.model_dump(exclude_none=True)
    return chosen, Budget.model_validate(limits)
