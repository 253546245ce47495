"""Classes of what an agent wants to do, and rules by them."""

from typing import Literal, get_args

from agent.frozen import Frozen

Deed = Literal["read", "edit", "run", "network", "outside"]
"""Reading files, changing them, running commands, reaching the network, touching paths outside the tree."""
DEEDS: frozenset[Deed] = frozenset(get_args(Deed))


class Rules(Frozen):
    """What is asked for, and what is refused, whatever the policy allows: they only ever tighten it."""

    ask: tuple[Deed, ...] = ()
    deny: tuple[Deed, ...] = ()

    def __or__(self, other: "Rules") -> "Rules":
        """As strict as either."""
        return Rules(ask=_join(self.ask, other.ask), deny=_join(self.deny, other.deny))


def _join(one: tuple[Deed, ...], other: tuple[Deed, ...]) -> tuple[Deed, ...]:
    return tuple(deed for deed in get_args(Deed) if deed in one or deed in other)


NO_RULES = Rules()
