"""Answers by phone: of a million that are forged, replayed, late or for another epoch none is taken."""

import base64
import os
import random

import pytest

from remote.answers import (
    MOST_BAD,
    Accepted,
    Asked,
    Book,
    Rejected,
    Word,
    name_question,
    sign,
    weigh_answer,
    write_reply,
)

KEY = bytes(range(32))
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
WORDS: tuple[Word, ...] = ("allow", "deny")
COUNT = int(os.environ.get("CASTOFF_ANSWERS", "100000"))


def name(number: int) -> str:
    return base64.b32encode(number.to_bytes(5, "big")).decode().lower()


def asked(number: int = 0, **changes: object) -> Asked:
    base = Asked(question=name(number), run="run1", epoch=3, digest=f"d{number}", words=WORDS, until=100.0, matter="r")
    return base.model_copy(update=changes)


def press(question: Asked, word: Word, key: bytes = KEY) -> bytes:
    return write_reply(key, question, word).encode()


def weigh(book: Book, line: bytes, now: float = 50.0, epoch: int = 3, run: str = "run1") -> Accepted | Rejected:
    return weigh_answer(book, KEY, line, run=run, epoch=epoch, now=now)[1]


def test_the_button_that_was_sent_counts_once() -> None:
    book = Book().ask(asked(1)).ask(asked(2))
    book, first = weigh_answer(book, KEY, press(asked(1), "allow"), run="run1", epoch=3, now=100.0)
    assert first == Accepted(asked=asked(1), word="allow")
    book, again = weigh_answer(book, KEY, press(asked(1), "deny"), run="run1", epoch=3, now=50.0)
    assert isinstance(again, Rejected) and book.bad == 1
    assert isinstance(weigh(book, press(asked(2), "deny")), Accepted)


@pytest.mark.parametrize("size", [COUNT])
@pytest.mark.timeout(900)
def test_none_of_a_million_bad_ones_is_taken(size: int) -> None:
    chance = random.Random(8)
    opened = tuple(asked(number) for number in range(8))
    book = Book(asked=opened)
    kinds: dict[str, int] = {}
    taken = 0
    for _ in range(size):
        kind, line, now, epoch, run = make_bad(chance, opened)
        kinds[kind] = kinds.get(kind, 0) + 1
        taken += isinstance(weigh(book, line, now, epoch, run), Accepted)
    assert taken == 0
    assert sum(kinds.values()) == size and all(count > size / 20 for count in kinds.values()), kinds


def make_bad(chance: random.Random, opened: tuple[Asked, ...]) -> tuple[str, bytes, float, int, str]:
    """A kind of bad answer, its line, and when and where it comes."""
    question = chance.choice(opened)
    word = chance.choice(WORDS)
    match chance.randrange(9):
        case 0:
            token = "".join(chance.choices(LETTERS, k=20))
            return "forged", line(question.question, word, token), 50.0, 3, "run1"
        case 1:
            token = flip(chance, sign(KEY, question, word))
            return "one digit wrong", line(question.question, word, token), 50.0, 3, "run1"
        case 2:
            return "swapped answer", line(question.question, other(word), sign(KEY, question, word)), 50.0, 3, "run1"
        case 3:
            gone = asked(chance.randrange(8, 1000))
            return "replayed", press(gone, word), 50.0, 3, "run1"
        case 4:
            return "late", press(question, word), 100.0 + chance.uniform(1e-6, 1e6), 3, "run1"
        case 5:
            return "wrong epoch", press(question, word), 50.0, chance.choice([0, 1, 2, 4, 5]), "run1"
        case 6:
            return "another run", press(question, word), 50.0, 3, "run2"
        case 7:
            name, value = chance.choice([("digest", "x"), ("until", 99.0), ("epoch", 4), ("run", "run2")])
            changed = question.model_copy(update={name: value})
            return "signed for another", line(question.question, word, sign(KEY, changed, word)), 50.0, 3, "run1"
        case _:
            data = press(question, word)
            return "torn", data[: chance.randrange(len(data))], 50.0, 3, "run1"


def line(question: str, word: Word, token: str) -> bytes:
    return f"{word} {question} {token}".encode()


def flip(chance: random.Random, token: str) -> str:
    place = chance.randrange(len(token))
    return token[:place] + chance.choice([c for c in LETTERS if c != token[place]]) + token[place + 1 :]


def other(word: Word) -> Word:
    return "deny" if word == "allow" else "allow"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"allow",
        b"\xff\xfe",
        b"allow " * 4000,
        line(name(0), "allow", "\u00e9" * 20),
        press(asked(), "allow") + b"\n",
        press(asked(), "allow").replace(b"allow", b"always"),
        b"\x00",
    ],
)
def test_what_is_no_answer_is_told_without_quoting_it(bad: bytes) -> None:
    found = weigh(Book(asked=(asked(),)), bad)
    assert isinstance(found, Rejected) and found.why.endswith(".")


def test_a_word_that_the_question_does_not_take_is_refused_even_with_its_token() -> None:
    denying = asked(words=("deny",))
    assert isinstance(weigh(Book(asked=(denying,)), press(denying, "allow")), Rejected)


def test_after_many_bad_answers_good_ones_are_not_taken_either() -> None:
    book = Book().ask(asked())
    for _ in range(MOST_BAD):
        assert not book.locked
        book, _found = weigh_answer(book, KEY, b"x", run="run1", epoch=3, now=0.0)
    assert book.locked
    found = weigh(book, press(asked(), "deny"))
    assert isinstance(found, Rejected) and "locked" in found.why


def test_an_answer_that_a_keyboard_began_with_a_capital_counts() -> None:
    question = asked().model_copy(update={"question": name_question()})
    assert isinstance(weigh(Book(asked=(question,)), press(question, "deny").capitalize()), Accepted)


def test_a_question_answered_elsewhere_is_open_no_more() -> None:
    book = Book().ask(asked()).close("r")
    assert isinstance(weigh(book, press(asked(), "deny")), Rejected)


def test_a_token_is_of_one_question_though_both_show_the_same() -> None:
    one, two = asked(1, digest="same"), asked(2, digest="same")
    assert isinstance(weigh(Book(asked=(one, two)), line(two.question, "allow", sign(KEY, one, "allow"))), Rejected)
