"""A project's own file may make the watch stricter by itself, and laxer only with its user's leave."""

import pytest

from agent.watch import Watch
from remote.loosening import find_loosened

USERS = Watch(commands=("git push*",), diff_lines=500, paths=("src/*",))


@pytest.mark.parametrize(
    ("change", "laxer"),
    [
        ({"same_call": (5, 6)}, "same_call"),
        ({"silence": (10, 0)}, "silence"),
        ({"alone_hours": 0.0}, "alone_hours"),
        ({"alone_hours": 24.0}, "alone_hours"),
        ({"answer_minutes": 0.0}, "answer_minutes"),
        ({"answer_minutes": 61.0}, "answer_minutes"),
        ({"diff_lines": 501}, "diff_lines"),
        ({"polls": ("make",)}, "polls"),
        ({"fine": ("same_call: make",)}, "fine"),
        ({"commands": ()}, "commands"),
        ({"paths": ()}, "paths"),
        ({"paths": ("*",)}, "paths"),
    ],
)
def test_what_is_laxer(change: dict[str, object], laxer: str) -> None:
    assert find_loosened(USERS, USERS.model_copy(update=change)) == (laxer,)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"same_call": (2, 3), "lost_tests": (1, 1), "alone_hours": 1.0, "diff_lines": 100},
        {"commands": ("git push*", "terraform"), "touching": ("migrations/*",), "before_steps": (3,)},
        {"paths": ("src/*",)},
    ],
)
def test_what_is_as_strict_or_stricter(change: dict[str, object]) -> None:
    assert find_loosened(USERS, USERS.model_copy(update=change)) == ()


def test_paths_where_there_were_none_are_stricter() -> None:
    assert find_loosened(Watch(), Watch(paths=("src/*",))) == ()
