"""What is remembered of a project's last handoff, so that the next one is two keys."""

import hashlib
import os
from pathlib import Path

from agent.durable import make_private, read_model, write_model
from agent.errors import AgentError
from agent.events import Budget, Frozen, Policy
from remote.levels import Need
from remote.terms import Terms


class Remembered(Frozen):
    """The choices of the last handoff of a project; ``host`` is empty where there was none."""

    host: str = ""
    budget: Budget = Budget()
    policy: Policy = Terms().policy
    sandbox: Need = "auto"
    carry: tuple[str, ...] = ()


def keep_choices(host: str, terms: Terms) -> Remembered:
    """What is to be remembered of a handoff; its last word is for once."""
    return Remembered(host=host, budget=terms.budget, policy=terms.policy, sandbox=terms.sandbox, carry=terms.carry)


def recall_terms(remembered: Remembered, own: Budget, default: Budget, say: str) -> Terms:
    """The terms to begin with. The session's ``own`` budget counts first, then the last one, then the project's."""
    budget = next((each for each in (own, remembered.budget, default) if each != Budget()), Budget())
    return Terms(say=say, budget=budget, policy=remembered.policy, sandbox=remembered.sandbox, carry=remembered.carry)


class MemoryFile:
    """Where it is kept for one project."""

    def __init__(self, folder: Path, project: str) -> None:
        self._path = folder / hashlib.sha256(os.fsencode(project)).hexdigest()[:32]

    def read(self) -> Remembered:
        """What was kept; nothing where there is none, or it cannot be read: then it is chosen anew."""
        try:
            return read_model(self._path, Remembered)
        except (AgentError, OSError):
            return Remembered()

    def keep(self, remembered: Remembered) -> None:
        """Keep it; raises `OSError`."""
        make_private(self._path.parent)
        write_model(self._path, remembered)
