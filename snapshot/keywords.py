"""Finding where any of many words stands in a text, in one pass: the sieve before the real rules."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator

_ALNUM = "[a-z0-9]"


class Keywords:
    """``leading`` words count at the beginning of a word only, ``inside`` words everywhere; all in lower case."""

    def __init__(self, leading: Collection[str], inside: Collection[str]) -> None:
        self._passes = [(_compile(words, prefix), _by_head(words)) for words, prefix in _split(leading, inside)]

    def find(self, lowered: str) -> Iterator[tuple[int, str]]:
        """Every (place, word) in a text in lower case, words that overlap included."""
        for pattern, by_head in self._passes:
            for found in pattern.finditer(lowered):
                at = found.start()
                for word in by_head[lowered[at]]:
                    if lowered.startswith(word, at):
                        yield at, word


def _split(leading: Collection[str], inside: Collection[str]) -> list[tuple[list[str], str]]:
    everywhere = {word for word in [*leading, *inside] if word in inside or not word[0].isalnum()}
    first = sorted(set(leading) - everywhere)
    heads = "".join(sorted({re.escape(word[0]) for word in first}))
    passes = [(first, f"(?<!{_ALNUM})(?=[{heads}])"), (sorted(everywhere), "")]
    return [(words, prefix) for words, prefix in passes if words]


def _compile(words: Collection[str], prefix: str) -> re.Pattern[str]:
    # Only the first character is consumed, so that a word that begins within another one is found as well.
    branches = [f"{re.escape(head)}(?={_trie([w[1:] for w in group])})" for head, group in _by_head(words).items()]
    return re.compile(f"{prefix}(?:{'|'.join(branches)})")


def _by_head(words: Collection[str]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = defaultdict(list)
    for word in words:
        table[word[0]].append(word)
    return table


def _trie(words: Collection[str]) -> str:
    """An expression that matches where any of ``words`` begins; a word hides those that go on from it."""
    if "" in words:
        return ""
    parts = [re.escape(head) + _trie([word[1:] for word in group]) for head, group in _by_head(words).items()]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
