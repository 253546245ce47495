"""How notifications are sent: quiet hours, how many, how much they say. Kept beside the channels; pure."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import field_validator

from agent.events import Frozen

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Rules(Frozen):
    """``quiet``: "22:00-07:00" or "", by the clock of ``zone`` (IANA name); what happens then is told at its end.

    More than ``burst`` messages of a run to a channel within ``window`` seconds: then one in ``gap`` seconds, which
    tells all that came meanwhile. ``silent_minutes``: so long without news of a run at work is news (0: never).
    ``details``: the agent's words and commands are told too. ``click``: what a tap on the notification opens.
    """

    quiet: str = ""
    zone: str = "UTC"
    burst: int = 6
    window: float = 600.0
    gap: float = 120.0
    silent_minutes: float = 30.0
    details: bool = False
    click: str = ""

    @field_validator("quiet")
    @classmethod
    def _check_quiet(cls, quiet: str) -> str:
        if quiet and not _HOURS.fullmatch(quiet):
            raise ValueError("quiet hours are written as 22:00-07:00")
        return quiet

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):  # what it raises depends on how the name is wrong
            raise ValueError(f"the host knows no time zone {zone!r}") from None
        return zone

    @field_validator("click")
    @classmethod
    def _check_click(cls, click: str) -> str:
        if click and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[!-~]{1,200}", click):
            raise ValueError("what a tap opens is a URL, as ssh://vm.example.org")
        return click


def quiet_until(rules: Rules, at: float) -> float | None:
    """When the quiet hours end in which the Unix time ``at`` lies; ``None`` if it lies in none."""
    hours = _HOURS.fullmatch(rules.quiet)
    if hours is None:
        return None
    local = datetime.fromtimestamp(at, ZoneInfo(rules.zone))
    begin, end = (local.replace(hour=int(h), minute=int(m), second=0, microsecond=0) for h, m in _pairs(hours))
    if begin < end:
        return end.timestamp() if begin <= local < end else None
    if local < end:
        return end.timestamp()
    return (end + timedelta(days=1)).timestamp() if local >= begin else None


def _pairs(hours: "re.Match[str]") -> tuple[tuple[str, str], tuple[str, str]]:
    first, second, third, fourth = hours.groups()
    return (first, second), (third, fourth)
