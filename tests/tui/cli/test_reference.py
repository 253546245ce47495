"""The page of commands says what the commands say."""

from pathlib import Path

from tests.tui.cli.reference import render

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), "Write it anew: .venv/bin/python -m tests.tui.cli.reference > docs/cli.md"
