"""Prepares the demo's host, run there with its HOME: ``python -I -m remote.demo_host``, a `Wanted` on standard input.

It prints what it found as a `Told`.
"""

import sys
from pathlib import Path

from agent.events import Frozen
from agent.paths import state_dir
from remote.agent_env import set_env
from remote.channels import add_channel, read_targets, remove_channel

INBOX_PATH = "/castoff-inbox"
"""By it the demo's own channel is known from those that a user adds."""


class Wanted(Frozen):
    """The variables that agents get there, and the channel that leads to the demo's inbox."""

    variables: dict[str, str]
    channel: str


class Told(Frozen):
    """Where the host keeps its state."""

    state: Path


def prepare(wanted: Wanted) -> Told:
    """Set the variables, and put the inbox's channel in the place of an earlier one; raises `SettingsError`."""
    for name, value in wanted.variables.items():
        set_env(name, value)
    for target in read_targets():
        if target.url.endswith(INBOX_PATH) and target.url != wanted.channel:
            remove_channel(target.id)
    add_channel(wanted.channel, proven=True)
    return Told(state=state_dir())


if __name__ == "__main__":
    sys.stdout.write(prepare(Wanted.model_validate_json(sys.stdin.buffer.read())).model_dump_json())
