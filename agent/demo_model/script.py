"""The demo model's lines for the demo task, in order, each with the tool calls it makes."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.demo_model.edits import FEATURE, FIX, OPTION, README, USE
from agent.demo_model.reply import Call

OPENING = "demo model: no key, no network, its lines are written in advance."
CLOSING = "These were all my lines for this task."
TESTS = "if python3 -c 'import pytest' 2>/dev/null; then python3 -m pytest -q; else python3 -m unittest -v; fi"
"""Runs pytest where it is installed, else unittest; output and exit status are those of the tests."""

Results = Sequence[str]
Words = Callable[[Results], str]

_PLAN = (
    "Look at the project and its tests",
    "Run the tests and see what fails",
    "Fix durations of more than one part",
    "Teach it further infusions",
    "Run all tests and try it by hand",
    "Tell the README",
)


@dataclass(frozen=True)
class Line:
    """One answer: words made from the results so far (so that they tell the truth), and calls."""

    words: Words
    calls: tuple[Call, ...] = ()
    thought: str = ""


def plan(done: int) -> Call:
    """Return the plan with ``done`` steps completed and the next one in progress."""
    steps = [
        {"content": step, "status": "completed" if index < done else "in_progress" if index == done else "pending"}
        for index, step in enumerate(_PLAN)
    ]
    return Call("plan", {"steps": steps})


def verdict(results: Results) -> tuple[bool, str]:
    """Return whether the newest test run in ``results`` passed, and its own summary line."""
    for result in reversed(results):
        lines = [line.strip("= ") for line in result.splitlines() if re.search(r"\b(passed|failed|OK|FAILED)\b", line)]
        if "[exit status" in result and lines:
            return "[exit status 0]" in result, lines[-1]
    return False, "there was no test run"


def _say(text: str) -> Words:
    return lambda _: text


def _after_first_tests(results: Results) -> str:
    passed, summary = verdict(results)
    if passed:
        return f"The tests pass already (`{summary}`): somebody was quicker. I go through it all the same."
    return (
        f"`{summary}` - two things are wrong. `parse` assigns `total` for every part instead of adding to it, so "
        "only the last part counts: 1m 30s becomes 30 s. And `steep_time` knows no infusions yet. The bug comes first."
    )


def _after_fix(results: Results) -> str:
    passed, summary = verdict(results)
    if passed:
        return f"`{summary}`: nothing is left to fail. On to the infusions."
    return f"`{summary}` - better: durations add up now. What is left is the missing feature."


def _after_all_tests(results: Results) -> str:
    passed, summary = verdict(results)
    if passed:
        return f"`{summary}`. Now once by hand, as a tea drinker would."
    return f"`{summary}` - that is not what it should be, but I can only go on as written. Once by hand:"


def _summary(results: Results) -> str:
    passed, _ = verdict(results)
    if not passed:
        return (
            "**Not done:** the last test run did not pass, or an edit was not made. Look at the diff and at the "
            f"output above. {CLOSING}"
        )
    return (
        "**Done.** The tests that failed now pass.\n\n"
        "- `kettle/durations.py`: the parts of a duration are added up, so 1m 30s is 90 s again.\n"
        "- `kettle/teas.py`: `steep_time` takes `infusion`; each further one takes longer by the tea's own amount.\n"
        "- `kettle/__main__.py`: `--infusion N`.\n"
        "- `README.md`: one more example.\n\n"
        f"Your own changes - genmaicha, the README's last line, your tasting notes - are as they were. {CLOSING}"
    )


LINES: tuple[Line, ...] = (
    Line(
        _say(
            f"{OPENING} What I do is real, though: the files, the edits and the tests are yours to check. "
            "First a plan, and a look around."
        ),
        (plan(0), Call("list", {"path": ".", "depth": 2})),
    ),
    Line(
        _say("A small package with tests. The timer reads its durations here:"),
        (Call("read", {"path": "kettle/durations.py"}), Call("read", {"path": "tests/test_teas.py"})),
        thought="If only the seconds of 1m 30s survive, the parser is the first suspect, not the timer.",
    ),
    Line(
        _say("I have a suspicion, but let the tests speak before I touch anything."),
        (plan(1), Call("run", {"command": TESTS})),
    ),
    Line(_after_first_tests, (plan(2), FIX)),
    Line(_say("One character. Does it hold?"), (Call("run", {"command": TESTS}),)),
    Line(_after_fix, (plan(3), Call("read", {"path": "kettle/teas.py"}))),
    Line(
        _say(
            "Each tea already says how much longer a further infusion takes; nobody asks for it. `steep_time` should."
        ),
        (FEATURE,),
        thought="Keep infusion=1 as the default, so that every caller of today goes on as before.",
    ),
    Line(_say("And the command needs a way to ask for it."), (OPTION, USE)),
    Line(_say("All tests again, from the beginning."), (plan(4), Call("run", {"command": TESTS}))),
    Line(_after_all_tests, (Call("run", {"command": "python3 -m kettle sencha --infusion 3"}),)),
    Line(
        _say("Now the README. You have a change of your own in it that is not staged; I leave that where it is."),
        (plan(5), Call("read", {"path": "README.md"})),
    ),
    Line(_say("One example more, right below the first."), (README,)),
    Line(
        _say("A last look at what the working tree has become."),
        (plan(6), Call("run", {"command": "git status --short"})),
    ),
    Line(_summary),
)
