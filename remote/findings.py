"""What a preflight finds: problems, what stays behind and why, and what a host says of itself."""

from typing import Literal

from agent.deeds import NO_RULES, Rules
from agent.events import Frozen
from remote.levels import Level


class Problem(Frozen):
    """What stands in the way (``blocking``) or should be known: a sentence, and a way out.

    ``secrets`` are the fingerprints of the secrets it tells of; ``asks`` is the digest of the project's settings file
    where the user may agree to what that asks for (`remote.terms.Terms.agree`); ``installs`` is the agent that would be
    installed on the host if the user agrees (`remote.terms.Terms.install_on`).
    """

    code: str
    sentence: str
    way_out: str = ""
    blocking: bool = True
    secrets: tuple[str, ...] = ()
    asks: str = ""
    installs: str = ""


LossKind = Literal["ignored", "unreadable", "outside", "command", "version", "variable", "mcp", "process", "other"]
Choice = Literal["leave", "carry", "stop"]


class Stays(Frozen):
    """One thing, or class of things, that does not travel or is otherwise there: its size in bytes, and why.

    ``can_carry``: it would travel if it was chosen (`Terms.carry`); ``choice`` is what was decided.
    """

    what: str
    why: str
    files: int = 0
    size: int = 0
    kind: LossKind = "other"
    can_carry: bool = False
    choice: Choice = "leave"


def is_loss(stays: Stays) -> bool:
    """Whether the run goes on without something that the session had; the rest is only good to know."""
    return stays.kind != "other" and stays.choice != "carry"


class Extras(Frozen):
    """What goes along beyond the folder, or is asked for by the project's settings.

    ``included`` are ignored files that travel all the same, ``companions`` directories outside the folder that its
    repositories need, ``env`` names of variables that go along with their values, ``setup`` the commands that set the
    project up there. ``rules`` is what is asked for and refused there, whatever the policy.
    """

    included: tuple[Stays, ...] = ()
    companions: tuple[Stays, ...] = ()
    env: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    rules: Rules = NO_RULES


class HostFacts(Frozen):
    """What a host said of itself in preflight. ``free`` is bytes free where runs live; ``rtt`` seconds."""

    host: str
    user: str
    system: str
    runtime: str
    sandbox: Level
    sandbox_detail: str = ""
    free: int
    rtt: float
    missing: tuple[str, ...] = ()
