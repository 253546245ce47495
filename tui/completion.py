"""What the word at the cursor may become: a command, or a file of the project after ``@``. Pure."""

import heapq
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from textual.fuzzy import FuzzySearch

from agent.events import AgentCommand, Policy
from agent.knobs import Knob, find_knob
from agent.sanitise import clean
from tui.commands import COMMANDS
from tui.drawing.lines import Line, Span, fit_start, line, pad, span, wrap
from tui.knob_commands import KNOB_WORDS, describe, read_knob

MOST = 8
_NEAR = 400
"""Names that are looked at closely: the shortest of those that hold the letters at all."""
_BREAK = re.compile(r"[\s\x00-\x1f\x7f\"']")


class Offer(NamedTuple):
    """One thing that the word may become: the text that takes its place, how it is shown, and what it is."""

    text: str
    shown: str
    what: str = ""


def word_at(draft: str, cursor: int) -> tuple[int, str]:
    """The ``@`` or ``/`` word that ends at ``cursor``, and where it begins; an empty word where there is none.

    What follows ``/model`` and its like belongs to that word.
    """
    if KNOB_WORDS.match(draft, 0, cursor) and draft[cursor:].strip() == "":
        return 0, draft[:cursor]
    begun = max(draft.rfind(blank, 0, cursor) for blank in " \n\t") + 1
    word = draft[begun:cursor]
    if word.startswith("@") or (word.startswith("/") and begun == 0 and draft[cursor:].strip() == ""):
        return begun, word
    return begun, ""


def offer_commands(word: str, agents: Sequence[AgentCommand]) -> list[Offer]:
    """Commands that begin like ``word`` (``/…``): castoff's, then the agent's own."""
    ours = [Offer(f"/{c.name} ", f"/{c.name} {c.takes}".rstrip(), c.what) for c in COMMANDS]
    names = {c.name for c in COMMANDS}
    theirs = [
        Offer(f"/{c.name} ", f"/{c.name} {c.hint}".rstrip(), c.what or "a command of the agent's")
        for c in agents
        if c.name not in names and not _BREAK.search(c.name)
    ]
    return [offer for offer in (*ours, *theirs) if offer.text.startswith(word)]


def offer_knobs(word: str, knobs: Sequence[Knob], policy: Policy) -> list[Offer]:
    """What may follow ``/model`` and its like: values whose ids or names hold what is written of them."""
    said = read_knob(word, knobs)
    if said is None or (knob := find_knob(knobs, said.knob)) is None:
        return []
    begun = word[: len(word) - len(said.value)]
    near = [c for c in knob.choices if said.value.strip().casefold() in f"{c.value}\n{c.name}".casefold()]
    done = [c for c in near if c.value == said.value.strip()]
    return [
        Offer(f"{begun}{c.value} ", c.value if c.name == c.value else f"{c.value}  {c.name}", describe(c, policy))
        for c in near
        if not done and not _BREAK.search(c.value)
    ]


def offer_files(word: str, files: Iterable[str]) -> list[Offer]:
    """Files whose paths hold the letters of ``word`` (``@…``) in that order, the likeliest first."""
    asked = word[1:]
    if not asked:
        best = heapq.nsmallest(MOST, files, key=lambda path: (path.count("/"), path))
    else:
        letters = re.compile(".*?".join(re.escape(letter) for letter in asked), re.IGNORECASE | re.DOTALL)
        near = heapq.nsmallest(_NEAR, (path for path in files if letters.search(path)), key=len)
        search = FuzzySearch()
        scored = [(-_score(search, asked, path), len(path), path) for path in near]
        best = [path for _, _, path in heapq.nsmallest(MOST, scored)]
    return [Offer(f"@{path} ", path) for path in best]


def _score(search: FuzzySearch, asked: str, path: str) -> float:
    """What is in the file's own name counts more than what is in its folders'."""
    name = path.rpartition("/")[2]
    return search.match(asked, path)[0] + 2 * search.match(asked, name)[0]


def can_be_named(path: str) -> bool:
    """Whether a path stands in a prompt as one word that says what it is."""
    return bool(path) and not _BREAK.search(path) and clean(path) == path


def draw_offers(offers: Sequence[Offer], marked: int, width: int) -> list[Line]:
    """The menu above the composer; ``marked`` is what Tab takes."""
    out: list[Line] = []
    first = max(0, min(marked - MOST + 1, len(offers) - MOST))
    for number, offer in enumerate(offers[first : first + MOST], first):
        head = Span("▸ " if number == marked else "  ", "accent")
        if offer.what:
            usage = pad(span(offer.shown).text, min(44, width // 2))
            row = wrap([Span(usage, "key"), Span("  "), span(offer.what, "muted")], width, first=line(head))[0]
        else:
            row = line(head, Span(fit_start(span(offer.shown).text, width - 2), "key"))
        out.append(row)
    left = len(offers) - len(out)
    if left > 0:
        out.append(line(Span(f"  {left} more: type on, or go down", "muted")))
    return out
