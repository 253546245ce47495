"""What a notification says: which run, in which state, and counts. No code, no paths, no commands, no agent's words.

It is read on lock screens, and passes through other people's servers.
"""

import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from agent.blocks import ToolBlock
from agent.events import Frozen
from agent.sanitise import clean
from agent.sessions import SessionInfo
from agent.state import SessionState

About = Literal[
    "finished",
    "failed",
    "needs-input",
    "paused",
    "setup-failed",
    "crashed",
    "rebooted",
    "silent",
    "host-full",
    "budget",
    "drift",
    "answers-locked",
]
Priority = Literal["low", "normal", "high"]

_VERBS: dict[About, str] = {
    "finished": "finished",
    "failed": "failed",
    "needs-input": "needs you",
    "paused": "paused",
    "setup-failed": "goes on, but a setup command failed",
    "crashed": "goes on after a crash",
    "rebooted": "goes on after its host was restarted",
    "silent": "is at work, but gives no news",
    "host-full": "may soon find its host full",
    "budget": "has used much of its budget",
    "drift": "may be going astray",
    "answers-locked": "takes no more answers by phone",
}
_PRIORITIES: dict[About, Priority] = {
    "failed": "high",
    "needs-input": "high",
    "paused": "high",
    "host-full": "high",
    "answers-locked": "high",
    "crashed": "low",
    "rebooted": "low",
}
_TITLE_LENGTH = 60
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*[.,:;!?…]*")
_WORD_LENGTH = 24
_TOKEN_LENGTH = 10
_CHANGING = ("edit", "delete", "move")
_DETAIL_LENGTH = 160
_DIGEST_LINES = 5


class Notification(Frozen):
    """One notification. ``id`` is the same however often it is sent, and is part of the body."""

    id: str
    title: str
    body: str
    priority: Priority = "normal"


class Extra(Frozen):
    """What a notification can be answered by, over one channel: buttons, or lines of text; ``shown`` is the request
    that it is about, in full."""

    shown: str = ""
    actions: str = ""
    lines: str = ""


NOTHING = Extra()


def compose(
    info: SessionInfo, state: SessionState, about: About, seq: int, at: float, *, details: bool = False, note: str = ""
) -> Notification:
    """The notification for what happened with the event ``seq`` at the Unix time ``at``; less than 500 characters.

    ``details``: with a line of what the agent said, asks or failed of. ``note`` is a sentence of castoff's own without
    any code, path or word of the agent's.
    """
    identity = f"{info.id}-{seq}" + (f"-{about}" if about in ("silent", "host-full", "answers-locked") else "")
    lines = (
        note,
        _sum_up(state),
        f"{time.strftime('%H:%M', time.gmtime(at))} UTC{_duration(state, at)}.",
        _detail(state) if details else "",
        f"To reattach: castoff runs, run {info.id}. [{identity}]",
    )
    return Notification(
        id=identity,
        title=f"castoff: {plain_title(info.title)} {_VERBS[about]}",
        body="\n".join(filter(None, lines)),
        priority=_PRIORITIES.get(about, "normal"),
    )


def gather(notifications: Sequence[Notification]) -> Notification:
    """One notification in the place of several, oldest first: the newest lines, and the ids of all."""
    if len(notifications) == 1:
        return notifications[0]
    shown = notifications[-_DIGEST_LINES:]
    before = len(notifications) - len(shown)
    lines = [f"… and {before} before."] if before else []
    lines += [f"{each.title.removeprefix('castoff: ')} [{each.id}]" for each in shown]
    first, last = notifications[0].id, notifications[-1].id
    urgent = any(each.priority == "high" for each in notifications)
    return Notification(
        id=f"{first}..{last}",
        title=f"castoff: {len(notifications)} messages",
        body="\n".join((*lines, f"To reattach: castoff runs. [{first}..{last}]")),
        priority="high" if urgent else "normal",
    )


def redact_notification(notification: Notification) -> Notification:
    """``notification`` without what looks like a secret, wherever its words came from.

    The rules are loaded when they are first needed, some tenths of a second: call it in a thread.
    """
    fields = {"title": redact_text(notification.title), "body": redact_text(notification.body)}
    return notification.model_copy(update=fields)


def redact_text(text: str) -> str:
    """``text`` without what looks like a secret; in a thread, as `redact_notification`."""
    from snapshot.secrets import redact

    return redact(text)


def plain_title(title: str) -> str:
    """A run's title as words only. It is often the beginning of a prompt: what may be code, a path or a key is cut."""
    words = clean(title, single_line=True).split()
    text = " ".join(word if _is_plain(word) else "…" for word in words)
    return text if len(text) <= _TITLE_LENGTH else f"{text[: _TITLE_LENGTH - 1]}…"


def _is_plain(word: str) -> bool:
    if not _WORD.fullmatch(word) or len(word) > _WORD_LENGTH:
        return False
    return len(word) <= _TOKEN_LENGTH or not any(letter.isdigit() for letter in word)


def _sum_up(state: SessionState) -> str:
    parts: list[str] = []
    if state.plan:
        done = sum(entry.status == "completed" for entry in state.plan)
        parts.append(f"{done} of {len(state.plan)} steps done")
    touched = _count_touched(state)
    parts.append(("1 file touched" if touched == 1 else f"{touched} files touched") + _count_lines(state))
    if state.usage.cost_usd is not None:
        parts.append(f"{'at least ' if state.usage.unpriced else ''}${state.usage.cost_usd:.2f}")
    return ", ".join(parts) + "."


def _count_touched(state: SessionState) -> int:
    tools = _changing(state)
    shown = {content.path for tool in tools for content in tool.content if content.type == "diff"}
    return len(shown | {location.path for tool in tools for location in tool.locations})


def _changing(state: SessionState) -> list[ToolBlock]:
    return [b for b in state.blocks if b.type == "tool" and b.status == "completed" and b.tool_kind in _CHANGING]


def _count_lines(state: SessionState) -> str:
    """Lines that the edits put in and took out, as far as the agent showed them."""
    added = removed = 0
    for tool in _changing(state):
        for content in tool.content:
            if content.type == "diff":
                old, new = Counter((content.old_text or "").splitlines()), Counter(content.new_text.splitlines())
                added, removed = added + (new - old).total(), removed + (old - new).total()
    return f" (+{added} −{removed})" if added or removed else ""


def _detail(state: SessionState) -> str:
    """What it is about, in the words of the agent or of castoff: one line."""
    question = state.questions[0].call_id if state.questions else None
    asked = next((b.title for b in state.blocks if b.type == "tool" and b.call_id == question), "")
    said = next((b.text for b in reversed(state.blocks) if b.type == "text"), "")
    text = clean(" ".join((asked or state.detail or said).split()), single_line=True)
    return text if len(text) <= _DETAIL_LENGTH else f"{text[: _DETAIL_LENGTH - 1]}…"


def _duration(state: SessionState, at: float) -> str:
    """How long the run has been where it is, if it moved at all."""
    arrived = max((block.at for block in state.blocks if block.type == "move"), default=None)
    if arrived is None or at < arrived:
        return ""
    seconds = at - arrived
    if seconds < 60:
        return f", {seconds:.0f} s after it arrived here"
    if seconds < 100 * 60:
        return f", {seconds / 60:.0f} min after it arrived here"
    return f", {seconds / 3600:.1f} h after it arrived here"
