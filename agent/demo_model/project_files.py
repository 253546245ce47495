"""The text of the demo project's files, in the order in which they came to be."""

PYPROJECT = """\
[project]
name = "kettle"
version = "0.1.0"
description = "A timer that knows its teas."
requires-python = ">=3.9"

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

GITIGNORE = """\
__pycache__/
.pytest_cache/
"""

README_1 = """\
# kettle

A timer that knows its teas.

    python3 -m kettle sencha

It says how many grams, how hot, and how long.
"""

README_2 = (
    README_1
    + """
Run the tests with `python3 -m pytest`, or with `python3 -m unittest` where pytest is missing.
"""
)

README_UNSTAGED = (
    README_2
    + """
Next: oolong wants its own page.
"""
)

PACKAGE = '''\
"""A timer that knows its teas."""
'''

DURATIONS = '''\
"""Durations as people write them: 45s, 3m, 1m 30s, 1h 5m."""

import re

SECONDS = {"h": 3600, "m": 60, "s": 1}


def parse(text):
    """Return the seconds of a duration such as "1m 30s"."""
    total = 0
    for number, unit in re.findall(r"(\\d+)\\s*([hms])", text):
        total = int(number) * SECONDS[unit]
    return total


def show(seconds):
    """Return seconds as a duration, for example "1m 30s"."""
    minutes, seconds = divmod(seconds, 60)
    parts = [f"{minutes}m"] if minutes else []
    if seconds or not parts:
        parts.append(f"{seconds}s")
    return " ".join(parts)
'''

TEAS = '''\
"""Teas, and how long they steep."""

from collections import namedtuple

from kettle.durations import parse

Tea = namedtuple("Tea", "grams celsius first longer")

# first: how long the first infusion steeps; longer: how much more each further one takes
TEAS = {
    "assam": Tea(12, 95, "3m 30s", "1m"),
    "oolong": Tea(7, 90, "45s", "10s"),
    "sencha": Tea(5, 75, "1m 30s", "15s"),
}


def find(name):
    """Return the tea of that name."""
    try:
        return TEAS[name]
    except KeyError:
        raise LookupError(f"no tea is called {name!r}; there are {', '.join(sorted(TEAS))}") from None


def steep_time(name):
    """Return for how many seconds a tea steeps."""
    return parse(find(name).first)
'''

MAIN = '''\
"""Say how a tea is made: python3 -m kettle sencha"""

import argparse

from kettle.durations import show
from kettle.teas import find, steep_time


def main():
    parser = argparse.ArgumentParser(prog="kettle", description="A timer that knows its teas.")
    parser.add_argument("tea")
    options = parser.parse_args()
    tea = find(options.tea)
    seconds = steep_time(options.tea)
    print(f"{options.tea}: {tea.grams} g, {tea.celsius} °C, {show(seconds)}")


if __name__ == "__main__":
    main()
'''

TEST_DURATIONS = """\
import unittest

from kettle.durations import parse, show


class Parse(unittest.TestCase):
    def test_seconds(self):
        self.assertEqual(parse("45s"), 45)

    def test_minutes(self):
        self.assertEqual(parse("3m"), 180)

    def test_minutes_and_seconds(self):
        self.assertEqual(parse("1m 30s"), 90)


class Show(unittest.TestCase):
    def test_minutes_and_seconds(self):
        self.assertEqual(show(90), "1m 30s")
"""

TEST_TEAS = """\
import unittest

from kettle.teas import TEAS, find, steep_time


class Steeping(unittest.TestCase):
    def test_every_tea_takes_its_time(self):
        for name in TEAS:
            self.assertGreater(steep_time(name), 0)

    def test_sencha_takes_a_minute_and_a_half(self):
        self.assertEqual(steep_time("sencha"), 90)

    def test_an_unknown_tea_is_named(self):
        with self.assertRaisesRegex(LookupError, "rooibos"):
            find("rooibos")
"""

TEST_INFUSIONS = (
    TEST_TEAS
    + """\

    def test_each_infusion_takes_longer(self):
        self.assertEqual(steep_time("sencha", infusion=2), 105)
        self.assertEqual(steep_time("sencha", infusion=3), 120)
"""
)

TEAS_STAGED = TEAS.replace(
    '    "oolong": ',
    '    "genmaicha": Tea(6, 80, "2m", "30s"),\n    "oolong": ',
)

COMMITS = (
    (
        "A timer that knows its teas",
        {
            ".gitignore": GITIGNORE,
            "README.md": README_1,
            "pyproject.toml": PYPROJECT,
            "kettle/__init__.py": PACKAGE,
            "kettle/__main__.py": MAIN,
            "kettle/durations.py": DURATIONS,
            "kettle/teas.py": TEAS,
        },
    ),
    (
        "Tests, and how to run them",
        {
            "README.md": README_2,
            "tests/__init__.py": "",
            "tests/test_durations.py": TEST_DURATIONS,
            "tests/test_teas.py": TEST_TEAS,
        },
    ),
    ("Say what further infusions should do", {"tests/test_teas.py": TEST_INFUSIONS}),
)
STAGED = {"kettle/teas.py": TEAS_STAGED}
UNSTAGED = {"README.md": README_UNSTAGED}
UNTRACKED = {"notes/tasting.txt": "sencha, third infusion: still sweet, less sea\n"}
