"""Answers that come by phone, told from forged, replayed, late and misdirected ones: pure.

A button is a bearer token: whoever reads the message can press it. So each token is good for one answer to one
question of one run at one epoch, about one request shown in full, once and not for long.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Literal, get_args

from agent.events import Frozen

Word = Literal["allow", "deny", "extend", "pause", "stop"]
MOST_BAD = 50
"""After so many answers that were refused nothing is taken by phone any more, before the user unlocks it."""
_TOKEN_LENGTH = 20
_QUESTION_BYTES = 5
_REPLY = re.compile(rf"({'|'.join(get_args(Word))}) ([a-z2-7]{{8}}) ([a-z2-7]{{{_TOKEN_LENGTH}}})", re.IGNORECASE)


class Asked(Frozen):
    """What may be answered. ``digest`` is of what the user is shown; ``until`` is by the clock of `agent.clocks`."""

    question: str
    run: str
    epoch: int
    digest: str
    words: tuple[Word, ...]
    until: float
    matter: str = ""
    """What it is about: a permission question's id, or a state that passes."""
    shown: str = ""
    """The request in full, where leave can be given."""


class Book(Frozen):
    """The questions that are open, and how many bad answers came since the user last unlocked it."""

    asked: tuple[Asked, ...] = ()
    bad: int = 0

    @property
    def locked(self) -> bool:
        """Whether nothing is taken any more."""
        return self.bad >= MOST_BAD

    def ask(self, asked: Asked) -> "Book":
        """With one more question."""
        return self.model_copy(update={"asked": (*self.asked, asked)})

    def close(self, matter: str) -> "Book":
        """Without what is asked about a matter that is settled."""
        return self.model_copy(update={"asked": tuple(a for a in self.asked if a.matter != matter)})


class Accepted(Frozen):
    """An answer that counts."""

    asked: Asked
    word: Word


class Rejected(Frozen):
    """An answer that does not, and why: a sentence for the journal."""

    why: str


def sign(key: bytes, asked: Asked, word: Word) -> str:
    """The token of one answer: HMAC-SHA256, 100 bits of it, in letters that a phone's keyboard has."""
    fields = (asked.run, str(asked.epoch), asked.question, asked.digest, word, repr(asked.until))
    # Lengths keep fields apart, whatever they hold.
    text = "".join(f"{len(field)}:{field}" for field in fields)
    return _letters(hmac.new(key, text.encode(), hashlib.sha256).digest())[:_TOKEN_LENGTH]


def name_question() -> str:
    """A new question's name."""
    return _letters(secrets.token_bytes(_QUESTION_BYTES))


def write_reply(key: bytes, asked: Asked, word: Word) -> str:
    """The line that is sent back for this answer."""
    return f"{word} {asked.question} {sign(key, asked, word)}"


def show_digest(shown: str) -> str:
    """The digest of what the user is shown."""
    return hashlib.sha256(shown.encode()).hexdigest()


def weigh_answer(
    book: Book, key: bytes, line: bytes, *, run: str, epoch: int, now: float
) -> tuple[Book, Accepted | Rejected]:
    """What an answer comes to, and the book after it: a question is answered once."""
    if book.locked:
        return book, Rejected(why="Answers by phone are locked: too many bad ones came.")
    found = _weigh(book, key, line, run, epoch, now)
    if isinstance(found, Rejected):
        return book.model_copy(update={"bad": book.bad + 1}), found
    left = tuple(each for each in book.asked if each.question != found.asked.question)
    return book.model_copy(update={"asked": left}), found


def _weigh(book: Book, key: bytes, line: bytes, run: str, epoch: int, now: float) -> Accepted | Rejected:
    reply = _REPLY.fullmatch(line.decode(errors="replace"))
    if reply is None:
        return Rejected(why="Something came by phone that is no answer.")
    said, question, token = (part.lower() for part in reply.groups())
    asked = next((each for each in book.asked if each.question == question), None)
    if asked is None:
        return Rejected(why="An answer came by phone to a question that is not open.")
    word: Word | None = next((each for each in asked.words if each == said), None)
    if word is None:
        return Rejected(why="An answer came by phone that the question does not take.")
    if not hmac.compare_digest(sign(key, asked, word).encode(), token.encode()):
        return Rejected(why="An answer came by phone with a token that is not its own.")
    if (asked.run, asked.epoch) != (run, epoch):
        return Rejected(why="An answer came by phone for another time or place of this session.")
    if now > asked.until:
        return Rejected(why="An answer came by phone too late.")
    return Accepted(asked=asked, word=word)


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode().lower().rstrip("=")
