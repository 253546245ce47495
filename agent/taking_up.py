"""How an agent's session is taken up: the ways there are, and by what an agent shows that it really has it.

Some adapters answer that they resumed a session that they do not know, and then begin at nothing. So its answer alone
is not believed.
"""

import asyncio
from typing import Literal, NamedTuple

from agent.state import SessionState

Way = Literal["new", "native", "brief"]
SETTLE_SECONDS = 3.0
"""How long what an agent says late is waited for, where its profile tells nothing else."""


def choose_way(state: SessionState, agent: str) -> Way:
    """How the agent called ``agent`` comes to the session: as its first agent, by its own record, or by a brief."""
    if not state.turns or not state.agent_session_id:
        # Before the first turn an agent may have kept nothing of the session: nothing to take up, nothing to lose.
        return "new"
    if state.agent != agent or state.brief:
        # Of a conversation that was begun and never prompted nothing need be kept either.
        return "brief"
    return "native"


class Manner(NamedTuple):
    """What is known of an agent's taking up: whether it replays what it loads, whether its list of sessions is whole,
    and for how many seconds to wait for either."""

    replays: bool = True
    lists: bool = True
    settle: float = SETTLE_SECONDS


class Signs:
    """What an agent said of sessions while it took ``session_id`` up."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self.others: set[str] = set()
        """The ids of other sessions that it told of."""
        self._own = asyncio.Event()
        self._replayed = asyncio.Event()

    def take(self, session_id: str, *, said: bool) -> None:
        """It told of ``session_id``; ``said``: a piece of a conversation, as a replay is made of."""
        if session_id != self._session_id:
            self.others.add(session_id)
            return
        self._own.set()
        if said:
            self._replayed.set()

    @property
    def of_another(self) -> bool:
        """Whether it told of other sessions alone."""
        return bool(self.others) and not self._own.is_set()

    async def replayed(self, seconds: float) -> bool:
        """Whether it replays what was said, waited for as long as ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._replayed.wait()
        except TimeoutError:
            return False
        return True
