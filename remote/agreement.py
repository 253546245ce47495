"""What a project's own settings file asks for, and whether the user agreed to it on this machine.

A cloned project brings its file along. Variables' values leave this machine and commands run on the host only after
the user agreed to exactly this file; another digit in it asks again.
"""

import os
from pathlib import Path

from blake3 import blake3

from agent.durable import make_private, read_model, write_model
from agent.events import Frozen
from agent.paths import state_dir
from remote.findings import Problem
from remote.project import NAME, Project
from snapshot.walk import show_path


class Agreement(Frozen):
    """The folder of a project, and the digest of the file that was agreed to."""

    tree: str
    digest: str


def needs_agreement(project: Project) -> bool:
    """Whether the project's own file asks for something that only the user can grant."""
    asks = project.asks
    return bool(asks.env or asks.setup or asks.network.allow or asks.network.private or project.loosens)


def is_agreed(tree: Path, project: Project) -> bool:
    """Whether the project may have what it asks for; raises `agent.errors.RecordDamaged`."""
    if not needs_agreement(project):
        return True
    path = _path(tree)
    return path.exists() and read_model(path, Agreement) == _agreement(tree, project)


def agree(tree: Path, project: Project) -> None:
    """Let the project have what its file asks for now, in place of what was agreed to earlier."""
    write_model(_path(tree), _agreement(tree, project))


def withdraw_agreement(tree: Path) -> None:
    """Agree to nothing any more."""
    _path(tree).unlink(missing_ok=True)


def find_disagreement(tree: Path, project: Project) -> list[Problem]:
    """The problem that stands in the way while the user has not agreed; none otherwise."""
    if is_agreed(tree, project):
        return []
    wishes = ["the values of " + ", ".join(project.asks.env)] if project.asks.env else []
    if project.asks.setup:
        commands = len(project.asks.setup)
        wishes.append("to run " + ("a command" if commands == 1 else f"{commands} commands") + " on the host")
    if reach := (*project.asks.network.allow, *project.asks.network.private):
        wishes.append("to connect to " + ", ".join(reach))
    if project.loosens:
        wishes.append("to be watched less (" + ", ".join(project.loosens) + ")")
    sentence = f"This project's {NAME} asks for {' and '.join(wishes)}; you have not agreed to that here."
    way_out = f"castoff allow, in {tree}, shows it and lets it; or take it out of the file."
    return [Problem(code="not-allowed", sentence=sentence, way_out=way_out, asks=project.digest)]


def _agreement(tree: Path, project: Project) -> Agreement:
    return Agreement(tree=show_path(str(tree.resolve())), digest=project.digest)


def _path(tree: Path) -> Path:
    name = blake3(os.fsencode(tree.resolve())).hexdigest(16)
    return make_private(state_dir() / "agreed") / f"{name}.json"
