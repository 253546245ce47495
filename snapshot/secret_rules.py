"""Our own rules for what a credential looks like, read from ``secret_rules.toml``, which says what the fields mean."""

import math
import re
import tomllib
from collections import Counter
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple

from blake3 import blake3

from snapshot.manifest import Frozen

REACH = 24_000
"""No rule looks further than this many characters behind its keyword."""

_SEARCH = 2
"""One higher whenever the same rules find more, or less, than they did."""

_AFTER = 130
"""How far a rule that begins before its keyword looks behind it."""

_BEHIND_NAME = (
    r"""(?i:{name})[\w.-]{{0,40}}["'\])]{{0,2}}\s{{0,5}}(?::=|=>|[=:,]|\s)\s{{0,5}}["'(\[]{{0,3}}"""
    r"""(?P<secret>{value})(?![A-Za-z0-9_-])"""
)


class Span(NamedTuple):
    """Where a secret stands in a text, and the rule that found it."""

    start: int
    end: int
    rule: str
    description: str


class Rule(Frozen):
    """One kind of credential; exactly one of ``token``, ``value`` and ``regex`` is set."""

    id: str
    description: str
    keywords: tuple[str, ...]
    token: str = ""
    value: str = ""
    regex: str = ""
    before: int = 0
    inside: bool = False
    entropy: float = 0.0
    paths: str = ""
    stopwords: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """The whole regular expression."""
        if self.token:
            return rf"(?<![A-Za-z0-9])(?P<secret>{self.token})(?![A-Za-z0-9])"
        if self.value:
            return _BEHIND_NAME.format(name="|".join(map(re.escape, self.keywords)), value=self.value)
        return self.regex


class Matcher:
    """A rule ready for use on text in which every character stands for one byte."""

    def __init__(self, rule: Rule, stopwords: tuple[str, ...]) -> None:
        self.rule = rule
        self._pattern = re.compile(rule.pattern, re.ASCII)
        self._paths = re.compile(rule.paths) if rule.paths else None
        self._stopwords = stopwords + rule.stopwords

    def applies(self, path: str) -> bool:
        """Whether files of this path are looked at."""
        return self._paths is None or self._paths.search(path) is not None

    def find(self, text: str, at: int) -> Span | None:
        """The secret that belongs to the keyword at ``at``."""
        rule = self.rule
        if rule.before:
            found = self._pattern.search(text, max(0, at - rule.before - 4), at + _AFTER)
        else:
            found = self._pattern.match(text, at)
        if found is None:
            return None
        group = next(name for name in ("secret", "secret2") if found.groupdict().get(name) is not None)
        if is_example(found[group], self._stopwords) or bits_per_character(found[group]) < rule.entropy:
            return None
        if found.groupdict().get("host") and _is_example_host(found["host"]):
            return None
        return Span(found.start(group), found.end(group), rule.id, rule.description)


@cache
def load_matchers(*, examples: bool = False) -> tuple[Matcher, ...]:
    """All rules, in the order of the file: what is more specific comes first. With ``examples`` they also find what a
    stopword of all rules makes one: four letters of those stand by chance in one of some thousand tokens."""
    page = _read()
    stopwords = () if examples else tuple(page["stopwords"])
    return tuple(Matcher(Rule.model_validate(row), stopwords) for row in page["rule"])


@cache
def common_stopwords() -> tuple[str, ...]:
    """Words that make any secret an example."""
    return tuple(_read()["stopwords"])


@cache
def rules_digest() -> str:
    """Other rules have another digest: what they found is no answer of these."""
    return blake3(_source() + f"{_SEARCH} {version('detect-secrets')}".encode()).hexdigest(16)


def is_example(secret: str, stopwords: tuple[str, ...]) -> bool:
    """Whether a value is plainly none: a word from the list in it, or few different characters."""
    lowered = secret[:400].lower()
    return len(set(lowered)) < 5 or any(word in lowered for word in stopwords)


def bits_per_character(text: str) -> float:
    """Shannon entropy of the first 2,000 characters, in bits a character."""
    counts = Counter(text[:2000])
    total = counts.total()
    return -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0


def _is_example_host(host: str) -> bool:
    # RFC 2606: names that belong to nobody.
    name = host.lower().rstrip(".")
    return name.endswith((".example", ".invalid", ".test")) or bool(re.search(r"(^|\.)example\.(com|org|net)$", name))


def _read() -> dict[str, Any]:
    return tomllib.loads(_source().decode())


def _source() -> bytes:
    return files("snapshot").joinpath("secret_rules.toml").read_bytes()
