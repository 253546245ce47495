"""What the user says to a move: the terms of a handoff, how a run shall come home, and the answers to its questions."""

from typing import Literal

from agent.deeds import NO_RULES, Rules
from agent.events import Budget, Frozen, Policy
from remote.levels import Need


class Agreed(Frozen):
    """The answer to `Planned`: go, with these of its executable paths, and with its mass deletion or without."""

    accept: tuple[str, ...] = ()
    deletions: bool = False


Decision = Literal["go", "cancel"] | Agreed


class Wish(Frozen):
    """How a run shall come home: merged into the tree, else as a new branch or as a patch file.

    ``only`` are the paths that are merged, all if there are none. ``agreed`` needs no question any more;
    ``accept_all`` agrees to all executable configuration.
    """

    branch: str = ""
    patch: str = ""
    only: tuple[str, ...] = ()
    agreed: Agreed = Agreed()
    accept_all: bool = False


class Terms(Frozen):
    """What the user chose for a handoff. ``say`` is the last word to the agent; empty means: continue.

    ``leave`` are paths of the tree that stay here, ``mask`` files whose secrets travel as asterisks, and
    ``allow_secrets`` fingerprints, or beginnings of them, of secrets that may travel as they are.
    """

    say: str = ""
    budget: Budget = Budget()
    policy: Policy = "accept-all"
    rules: Rules = NO_RULES
    """What is asked for or refused there, besides what the project's settings say."""
    drain_seconds: float = 20.0
    leave: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    allow_secrets: tuple[str, ...] = ()
    agent: str = ""
    """The agent that goes on there, by a brief; empty: the one that the session has."""
    brief: bool = False
    """Whether the session may go on by a brief where its agent cannot take it up there."""
    agree: str = ""
    """The digest of the project's settings file whose wishes the user has seen and agrees to, now and later."""
    sandbox: Need = "auto"
    """The least level of the run's sandbox; what the settings ask for counts where it is stronger."""
    install_on: str = ""
    """The host on which the session's agent may be installed if it is not there."""
    carry: tuple[str, ...] = ()
    """What of the loss report travels all the same, by its names there."""
    stop_on_loss: bool = False
    """Move nothing if anything is lost, but for what ``accept_loss`` names: things, or kinds of them."""
    accept_loss: tuple[str, ...] = ()
