"""What a host has and lacks, as rows of a table and as notes."""

from collections.abc import Iterator

from remote.survey import Link
from remote.survey_records import AgentSurveyed, Surveyed
from tui.drawing.words import size

Row = tuple[str, str]
_SKEW_SECONDS = 2.0


def link_rows(link: Link) -> list[Row]:
    """The rows of the way to it."""
    rows = [
        ("reachable", f"yes, in {link.rtt * 1000:.0f} ms"),
        ("bandwidth", f"{size(link.up)}/s there, {size(link.down)}/s back"),
    ]
    return rows if link.skew is None else [*rows, ("clock", f"{link.skew:+.1f} s")]


def survey_rows(surveyed: Surveyed) -> list[Row]:
    """The rows of what a host says of itself."""
    free = "" if surveyed.memory_free is None else f", {size(surveyed.memory_free)} free"
    return [
        ("system", surveyed.system),
        ("user", surveyed.user),
        ("disk", f"{size(surveyed.free)} free"),
        ("memory", f"{size(surveyed.memory)}{free}"),
        ("load", f"{surveyed.load:.1f} on {surveyed.processors} processors"),
        *((tool.name, tool.version or tool.path or "-") for tool in surveyed.tools),
        ("sandbox", surveyed.sandbox),
        ("linger", "yes" if surveyed.lingers else "no"),
        *((f"agent {agent.name}", _agent_words(agent)) for agent in surveyed.agents),
        ("keys", ", ".join(surveyed.variables) or "-"),
    ]


def _agent_words(agent: AgentSurveyed) -> str:
    if not agent.program:
        return "not installed"
    if agent.name == "builtin":
        return "ready" if agent.login == "yes" else "no model, or no key for it"
    logins = {"yes": "logged in", "no": "not logged in", "unknown": "login not known"}
    return ", ".join(words for words in (agent.version or agent.program, logins[agent.login]) if words)


def survey_notes(surveyed: Surveyed, link: Link) -> Iterator[str]:
    """What is not as it should be, in sentences."""
    for agent in surveyed.agents:
        if agent.too_old:
            yield f"{agent.too_old} Install the newer one there."
    if link.skew is not None and abs(link.skew) > _SKEW_SECONDS:
        way = "ahead" if link.skew > 0 else "behind"
        yield f"its clock is {abs(link.skew):.0f} s {way}: have it set by the network (timedatectl set-ntp true)."
