"""Finding where any of many words stands in a text, in one pass: the sieve before the real rules."""

from collections.abc import Collection, Iterator

from ahocorasick_rs import BytesAhoCorasick


class Keywords:
    """``leading`` words count at the beginning of a word only, ``inside`` words everywhere; all in lower-case ASCII."""

    def __init__(self, leading: Collection[str], inside: Collection[str]) -> None:
        self._words = sorted({*leading, *inside})
        self._free = [word in inside or not word[0].isalnum() for word in self._words]
        self._machine = BytesAhoCorasick([word.encode("ascii") for word in self._words])

    def find(self, lowered: bytes) -> Iterator[tuple[int, str]]:
        """Every (place, word) in a text in lower case, words that overlap included."""
        for number, at, _ in self._machine.find_matches_as_indexes(lowered, overlapping=True):
            if self._free[number] or not lowered[max(0, at - 1) : at].isalnum():
                yield at, self._words[number]
