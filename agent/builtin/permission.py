"""When the user is asked before a tool acts, and the asking itself."""

import asyncio
from typing import Literal

from acp import RequestError
from acp.interfaces import Client
from acp.schema import AllowedOutcome, PermissionOption, SessionMode, SessionModeState, ToolCallUpdate

from agent.builtin.tools.tool import Need
from agent.events import Policy

Decision = Literal["allow", "allow-always", "reject"]

MODES = (
    SessionMode(id="ask", name="Ask", description="Asks before every edit and every command."),
    SessionMode(id="accept-edits", name="Accept edits", description="Edits files unasked; asks before every command."),
    SessionMode(id="accept-all", name="Accept all", description="Edits files and runs commands unasked."),
)
_UNASKED: dict[Policy, frozenset[Need]] = {
    "ask": frozenset({"look"}),
    "accept-edits": frozenset({"look", "edit"}),
    "accept-all": frozenset({"look", "edit", "run"}),
}


def mode_state(current: Policy) -> SessionModeState:
    """Return the modes as ACP lists them."""
    return SessionModeState(current_mode_id=current, available_modes=list(MODES))


def must_ask(mode: Policy, need: Need, tool: str, allowed: tuple[str, ...]) -> bool:
    """Whether the user has to be asked before ``tool`` acts; ``allowed`` are the tools allowed for the session."""
    return need not in _UNASKED[mode] and tool not in allowed


def options_for(tool: str) -> list[PermissionOption]:
    """Return the answers offered for a call of ``tool``."""
    return [
        PermissionOption(option_id="allow", name="Allow", kind="allow_once"),
        PermissionOption(option_id="allow-always", name=f"Always allow {tool} in this session", kind="allow_always"),
        PermissionOption(option_id="reject", name="Reject", kind="reject_once"),
    ]


async def ask(client: Client, session_id: str, call: ToolCallUpdate, tool: str) -> Decision:
    """Return the user's answer about ``call``; anything but a known yes is a no.

    A question that the client cancels cancels the turn, as ACP has it: raises `asyncio.CancelledError`.
    """
    try:
        response = await client.request_permission(session_id=session_id, tool_call=call, options=options_for(tool))
    except RequestError:
        return "reject"  # a client that cannot ask has not allowed anything
    if not isinstance(response.outcome, AllowedOutcome):
        raise asyncio.CancelledError
    if response.outcome.option_id in ("allow", "allow-always"):
        return response.outcome.option_id
    return "reject"
