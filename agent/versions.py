"""Versions of agents, compared: one may not be able to read what a newer one of it wrote."""

import re

_NUMBERS = re.compile(r"v?(\d+(?:\.\d+)*)")


def is_older(version: str, other: str) -> bool:
    """Whether ``version`` is older than ``other``, by their leading numbers; no, where one of them has none."""
    ours, theirs = _numbers(version), _numbers(other)
    return bool(ours and theirs) and ours < theirs


def _numbers(version: str) -> tuple[int, ...]:
    found = _NUMBERS.match(version)
    numbers = [int(each) for each in found[1].split(".")] if found else []
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
