"""Which line comes next, told from the conversation alone: no state, so it survives every move and restart."""

import re
from dataclasses import dataclass
from typing import Any

from agent.demo_model.messages import Message, read_messages
from agent.demo_model.reply import Reply
from agent.demo_model.script import CLOSING, LINES, OPENING, Line

TASK_MARK = "Kettle rings too early"
"""Words of the demo's task by which it is known again."""

_CONTINUE = re.compile(r"\b(continue|go on|carry on|keep going|resume|proceed|interrupted|may have run)\b", re.I)
_UNDONE = ("This call was interrupted", "This call was not started", "The user cancelled the turn")
"""How the built-in agent begins the results of calls that have to be made again."""

_HONEST = "I am the demo model; my lines are written in advance, so I cannot take up what you just said."
_PAUSE, _WORD_PAUSE = 1.7, 0.055


@dataclass(frozen=True)
class Conversation:
    """What matters of a request: whether the task was given, and what came after it.

    ``results`` are those of the tool calls since then, ``prompt`` is the newest one, ``newest`` tells that nothing
    has been answered to it yet, ``finished`` that the last line has been said.
    """

    asked: bool
    results: tuple[str, ...] = ()
    prompt: str = ""
    newest: bool = False
    finished: bool = False


def respond(request: dict[str, Any]) -> Reply:
    """Return the demo model's answer to a chat completions request."""
    if not request.get("tools"):
        return Reply("Kettle demo")  # a title or the like
    conversation = read(read_messages(request))
    if not conversation.asked:
        return _speak(f"{OPENING} {_HONEST} I only know the demo's own task: start it with `castoff demo`.")
    if conversation.finished:
        return _speak(f"{_HONEST} My work here is finished; the demo's host and its files are yours to look at.")
    aside = "" if _is_about_going_on(conversation) else f"{_HONEST} I go on with the plan. "
    return _next(conversation.results, aside)


def read(messages: list[Message]) -> Conversation:
    """Return what matters of the messages of a request."""
    prompts = [index for index, message in enumerate(messages) if message.role == "user"]
    tasks = [index for index in prompts if TASK_MARK in messages[index].text]
    if not tasks:
        return Conversation(asked=False)
    since = messages[tasks[-1] + 1 :]
    results = tuple(item.text for item in since if item.role == "tool" and not item.text.startswith(_UNDONE))
    return Conversation(
        asked=True,
        results=results,
        prompt=messages[prompts[-1]].text,
        newest=messages[-1].role == "user",
        finished=any(item.role == "assistant" and CLOSING in item.text for item in since),
    )


def _is_about_going_on(conversation: Conversation) -> bool:
    """Whether the newest prompt needs no remark: it is the task, a wish to go on, or it has been answered already."""
    prompt = conversation.prompt
    return not conversation.newest or TASK_MARK in prompt or _CONTINUE.search(prompt) is not None


def _next(results: tuple[str, ...], aside: str) -> Reply:
    """The line for as many results as there are; of a line's calls, those that already have one are left out."""
    position = 0
    for line in LINES:
        left = len(results) - position
        if not line.calls or left < len(line.calls):
            return _perform(line, results, max(0, left), aside)
        position += len(line.calls)
    return _perform(LINES[-1], results, 0, aside)


def _perform(line: Line, results: tuple[str, ...], done: int, aside: str) -> Reply:
    words = "I pick up where I was. " if done else line.words(results)
    return Reply(
        text=f"{aside}{_remark(results)}{words}",
        calls=line.calls[done:],
        thought="" if done else line.thought,
        pause=_PAUSE,
        word_pause=_WORD_PAUSE,
    )


def _remark(results: tuple[str, ...]) -> str:
    """An honest word about a last call that did not go as written."""
    last = results[-1] if results else ""
    if last.startswith("The user rejected"):
        return "You said no to that, so I leave it; my lines go on regardless. "
    if "nothing was changed" in last:
        return "That edit did not apply: perhaps it is done already. "
    return ""


def _speak(text: str) -> Reply:
    return Reply(text=text, pause=_PAUSE / 2, word_pause=_WORD_PAUSE)
