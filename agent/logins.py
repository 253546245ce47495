"""What an agent's refusal says, and whether it is for want of a login."""

import re
from typing import TYPE_CHECKING, Any

from agent.errors import AgentFailed, LoginMissing
from agent.profiles import Profile

if TYPE_CHECKING:
    from acp import RequestError

_AUTH_REQUIRED = -32000
"""The protocol's own code for it; most agents answer so when they have no key, and otherwise when one is refused."""
_WORDS = re.compile(
    r"\b401\b|unauthori[sz]ed|authentication[_ ](error|failed|required)|(?<!\S)/login\b"
    r"|\b(invalid|incorrect|expired|missing) (x-)?api[- ]?key|api key not valid|token (has |is )?expired",
    re.IGNORECASE,
)


def read_refusal(error: "RequestError") -> AgentFailed:
    """An agent's error as ours: `LoginMissing` where it tells of a login."""
    sentence = _sentence(error)
    missing = error.code == _AUTH_REQUIRED or _WORDS.search(sentence)
    return LoginMissing(sentence) if missing else AgentFailed(sentence)


def name_login(error: AgentFailed, profile: Profile, host: str) -> AgentFailed:
    """The error as one sentence with how this agent gets its login, where it is about that.

    ``host`` is this machine's name, or "" at the laptop.
    """
    if not isinstance(error, LoginMissing) or not profile.login:
        return error
    where = f"on {host}" if host else "here"
    words, way_out = str(error).strip().rstrip("."), _way_out(profile, host)
    return LoginMissing(f"{profile.title}'s login {where} is missing or not accepted ({words}): {way_out}.")


def _way_out(profile: Profile, host: str) -> str:
    if host and profile.login_command:
        return f"type castoff host login {host} {profile.name}, or give it a key: castoff host secrets set {host}"
    return profile.login[0].lower() + profile.login[1:].rstrip(".")


def _sentence(error: "RequestError") -> str:
    """The agent's own words for an error: its message, and the detail that many put into ``data``."""
    data: Any = error.data
    details: Any = data.get("details") or data.get("message") if isinstance(data, dict) else data  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # data is whatever JSON the agent sent
    text = str(error).strip() or f"The agent refused (error {error.code})."
    return f"{text.rstrip('.')}: {details}" if isinstance(details, str) and details and details not in text else text
