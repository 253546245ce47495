"""A scripted model and a small project for each test."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agent.builtin.scripts import SCRIPTS
from tests.doubles.openai_model import ScriptedModel, model_environment, serving


@dataclass(frozen=True)
class Place:
    """Where an agent works: ``root`` holds ``tree`` and the agent's home; ``environment`` points at ``model``."""

    root: Path
    model: ScriptedModel
    environment: dict[str, str]

    @property
    def tree(self) -> Path:
        return self.root / "tree"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "hello.py").write_text('print("hello")\n')
    with serving(SCRIPTS, tmp_path / "requests.jsonl") as (model, port):
        yield Place(tmp_path, model, model_environment(port))
