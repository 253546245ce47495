"""Which line the demo model says, told from the conversation alone."""

from typing import Any

import pytest

from agent.builtin.calls import CANCELLED, CANCELLED_BEFORE, REJECTED
from agent.builtin.history import INTERRUPTED, NOT_STARTED
from agent.demo_model.conversation import TASK_MARK, respond
from agent.demo_model.project import DEMO_TASK
from agent.demo_model.reply import Reply
from agent.demo_model.script import CLOSING, LINES, OPENING, Line, verdict

Messages = list[dict[str, Any]]
FAILED = "F.\n1 failed, 1 passed in 0.1s\n[exit status 1]"
PASSED = "..\n2 passed in 0.1s\n[exit status 0]"


def answer(*messages: dict[str, Any]) -> Reply:
    return respond({"messages": list(messages), "tools": [{"type": "function"}]})


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def results(*texts: str) -> Messages:
    return [{"role": "tool", "tool_call_id": "x", "content": text} for text in texts]


def taken(count: int) -> tuple[Messages, Line]:
    """The task with the results of the first ``count`` lines, and the line that is due then."""
    calls = sum(len(line.calls) for line in LINES[:count])
    return [user(DEMO_TASK), *results(*[PASSED] * calls)], LINES[count]


def test_the_first_words_say_what_it_is() -> None:
    assert TASK_MARK in DEMO_TASK
    assert OPENING == "demo model: no key, no network, its lines are written in advance."
    assert answer(user(DEMO_TASK)).text.startswith(OPENING)


def test_the_whole_script_is_said_in_order() -> None:
    messages: Messages = [user(DEMO_TASK)]
    for line in LINES:
        reply = answer(*messages)
        assert reply.calls == line.calls
        messages += [{"role": "assistant", "content": reply.text}, *results(*[PASSED] * len(line.calls))]
    assert CLOSING in messages[-1]["content"]


def test_about_six_steps_are_planned_and_all_end_completed() -> None:
    plans = [call.arguments for line in LINES for call in line.calls if call.name == "plan"]
    steps = [plan["steps"] for plan in plans if isinstance(plan, dict)]
    assert len(steps) == 7 and {len(step) for step in steps} == {6}
    assert [sum(item["status"] == "completed" for item in plan) for plan in steps] == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("note", [INTERRUPTED, NOT_STARTED, CANCELLED, CANCELLED_BEFORE])
def test_a_call_that_was_cut_off_is_made_again(note: str) -> None:
    messages, line = taken(4)
    again = answer(*messages, *results(note), user("continue; the last call may have run"))
    assert again.calls == line.calls
    first, second = LINES[2].calls
    messages, _ = taken(2)
    assert answer(*messages, *results(PASSED, note), user("continue")).calls == (second,)
    assert answer(*messages, *results(note, note), user("continue")).calls == (first, second)


def test_another_prompt_gets_an_honest_word_and_the_work_goes_on() -> None:
    messages, line = taken(3)
    reply = answer(*messages, user("Please write it in Rust instead"))
    assert "written in advance" in reply.text
    assert reply.calls == line.calls
    after = answer(*messages, user("Please write it in Rust instead"), *results(PASSED, PASSED))
    assert "written in advance" not in after.text


def test_without_the_task_it_says_what_it_is() -> None:
    reply = answer(user("What is the capital of France?"))
    assert reply.text.startswith(OPENING) and reply.calls == ()


@pytest.mark.parametrize("prompt", ["continue", "and now the rest"])
def test_when_it_is_done_it_does_not_begin_again(prompt: str) -> None:
    messages, _ = taken(len(LINES) - 1)
    last = answer(*messages)
    reply = answer(*messages, {"role": "assistant", "content": last.text}, user(prompt))
    assert reply.calls == () and "finished" in reply.text


def test_the_task_given_anew_begins_anew() -> None:
    messages, _ = taken(5)
    assert answer(*messages, user(DEMO_TASK)).calls == LINES[0].calls


def test_it_does_not_claim_a_success_that_was_not() -> None:
    messages, _ = taken(len(LINES) - 1)
    assert "**Done.**" in answer(*messages).text
    failed = [item | {"content": FAILED} if item["role"] == "tool" else item for item in messages]
    assert "**Not done:**" in answer(*failed).text
    assert "1 failed, 1 passed" in answer(*failed[: 1 + sum(len(line.calls) for line in LINES[:3])]).text


def test_a_no_is_noticed() -> None:
    messages, _ = taken(7)
    messages[-1] = results(REJECTED)[0]
    assert answer(*messages).text.startswith("You said no to that")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (PASSED, (True, "2 passed in 0.1s")),
        ("Ran 8 tests in 0.001s\n\nOK\n[exit status 0]", (True, "OK")),
        ("Ran 8 tests\n\nFAILED (failures=2)\n[exit status 1]", (False, "FAILED (failures=2)")),
        ("/bin/sh: 1: python3: not found\n[exit status 127]", (False, "there was no test run")),
    ],
)
def test_the_verdict_is_the_test_runs_own(output: str, expected: tuple[bool, str]) -> None:
    assert verdict(["before", output, "after"]) == expected


def test_messages_in_parts_and_nonsense_are_read_as_well() -> None:
    assert answer({"role": "user", "content": [{"type": "text", "text": DEMO_TASK}]}).calls == LINES[0].calls
    assert respond({"messages": "nonsense", "tools": [1]}).calls == ()
    assert respond({"messages": [1, {"role": 2}]}).calls == ()
