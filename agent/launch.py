"""What starting an agent takes. Apart from its client, so that who only prepares it need not load the protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Launch:
    """How to start an agent. ``tree`` is the project as the agent sees it, ``tree_here`` as this process does."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    tree: str
    tree_here: Path
