"""A session's events up to now, wherever it is."""

from agent.events import AnyEvent
from agent.journal import read_events
from tui.cli.target import Target


async def read_history(target: Target) -> list[AnyEvent]:
    """All events so far; raises `agent.errors.ViewerGone` when a run's runner ends before they are told."""
    if target.local is not None:
        return list(read_events(target.local.journal))
    found: list[AnyEvent] = []
    async with target.attach(0) as viewer:
        head = viewer.welcome.head_seq
        if not head:
            return found
        async for events in viewer.batches():
            found += events
            if found[-1].seq >= head:
                break
    return found
