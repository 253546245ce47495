"""The gate of one run: put together from agent, host and project, and what it refuses told in the journal."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from agent.events import Noted
from agent.paths import short_socket_path
from agent.profiles import Profile
from agent.recorder import Recorder
from agent.sessions import SessionDir
from remote.agent_env import read_env
from remote.egress import Egress, parse_entry, parse_network
from remote.furnishing import read_furnishing
from remote.gate import Gate, Rules
from remote.gate_count import Counter
from remote.gate_keys import make_doors, named_services
from remote.gate_settings import find_named
from remote.place import Place
from remote.registries import find_registries

_MOST_TOLD = 200
"""Of one runner: an agent that tries for ever must not fill the disk with it."""


class Refusals:
    """Writes each refused request into the journal."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._told = 0

    def watch(self, recorder: Recorder) -> None:
        """Record into this one from here on."""
        self._recorder = recorder

    def tell(self, sentence: str) -> None:
        """Record a refusal; after many, one last time."""
        self._told += 1
        if self._recorder is None or self._told > _MOST_TOLD:
            return
        if self._told == _MOST_TOLD:
            sentence = "The sandbox refused so many requests that it tells of no further ones."
        self._recorder.record(Noted(level="warning", text=sentence))


@contextlib.asynccontextmanager
async def open_gate(
    session: SessionDir, profile: Profile, place: Place, refusals: Refusals, counter: Counter
) -> AsyncGenerator[Path | None]:
    """Serve the run's gate and give its socket; `None` at levels that need none. Raises `OSError`."""
    if place.sandbox != "full":
        yield None
        return
    path = short_socket_path(session.path / "gate.sock")
    rules = asyncio.ensure_future(read_rules(session, profile, place))
    try:
        async with Gate(rules, refusals.tell, counted=counter.count).listen(path):
            yield path
    finally:
        rules.cancel()
        await asyncio.gather(rules, return_exceptions=True)


async def read_rules(session: SessionDir, profile: Profile, place: Place) -> Rules:
    """What the run may reach, as all who have a say in it are now.

    Raises `RemoteError`, `agent.errors.RecordDamaged`, and `ValueError` for an entry that is none.
    """
    furnishing = read_furnishing(session)
    variables = {**read_env(), **furnishing.variables}
    listed = make_egress(profile, variables).joined(furnishing.egress)
    listed = listed.joined(await find_registries(Path(place.tree)))
    return Rules(
        [parse_entry(text) for text in listed.allow],
        [parse_network(text) for text in listed.private],
        make_doors(profile.services, variables, find_named(profile, Path.home())),
    )


def make_egress(profile: Profile, variables: Mapping[str, str]) -> Egress:
    """What the agent needs: its own services, and those that the user has named."""
    return Egress(allow=profile.network).joined(named_services(variables))
