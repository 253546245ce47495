"""The order in which the tests' files are dealt out to processes."""

from pathlib import Path

from tests.conftest import LONGEST


def test_every_file_that_goes_first_is_there() -> None:
    assert [name for name in LONGEST if not (Path(__file__).parent / name).is_file()] == []
