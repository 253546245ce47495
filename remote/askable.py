"""What of a run may be decided by phone: a pure function of what is told and of the run's state.

Leave is given once and for a request that is shown in full; never for what reaches beyond the tree and its sandbox,
takes something away, or publishes.
"""

import json
import posixpath
import re
from typing import Any, cast

from agent.blocks import PermissionBlock, ToolBlock
from agent.budget import find_limit
from agent.calls import command
from agent.events import Frozen
from agent.policy import allow_once
from agent.sanitise import clean
from agent.state import SessionState
from remote.answers import Word
from remote.notification import About

PAUSED = "pause"
"""The matter of what is asked while the run is paused."""
_LONGEST = 300
_COMMENTS = frozenset({"description", "explanation", "timeout"})
_KINDS = frozenset({"read", "search", "execute", "think"})
"""Kinds of calls that can be allowed at all: edits show no diff on a phone; deleting, moving and fetching never are."""
_DANGEROUS = re.compile(
    r"\b(?:rm|rmdir|unlink|shred|truncate|dd|mkfs\S*|mv|chmod|chown|sudo|su|doas|kill|pkill|killall|crontab|at"
    r"|curl|wget|nc|ncat|netcat|socat|ssh|scp|sftp|rsync|ftp|telnet|aws|gcloud|az|kubectl|terraform|docker|podman"
    r"|eval|exec|base64|xxd|openssl|gpg|publish|upload|deploy|release|login|delete|destroy|drop|prune|push|send-email"
    r"|remote|clean|reset|filter-branch|gh|glab)\b"
    r"|[`\\]|\$\(|\$\{|<\(|\|\s*(?:\S*/)?(?:ba|da|z|k)?sh\b|(?<!\w)-(?:delete|exec)\b|\.\.(?:/|\s|$)|~",
    re.IGNORECASE,
)
_OUTSIDE = re.compile(r"(?<![\w.])/[^\s'\";|&<>]*")


class Offer(Frozen):
    """What is asked: ``words`` are the answers it takes, most urgent first, three at most."""

    words: tuple[Word, ...]
    matter: str = ""
    shown: str = ""
    """The request in full; "" where leave cannot be given by phone."""


def find_offer(about: About, state: SessionState, root: str, *, details: bool, extends: int) -> Offer | None:
    """What may be decided of what is told, if anything; ``extends`` is how often the budget may still be granted.

    ``root`` is the tree's path, ``details`` whether commands may be told at all.
    """
    if about == "needs-input" and state.questions:
        return _offer_leave(state, state.questions[0], root, details)
    if about == "paused":
        spent = find_limit(state, state.at) is not None
        return Offer(words=("extend", "stop") if spent and extends > 0 else ("stop",), matter=PAUSED)
    if about in ("budget", "drift", "silent", "host-full"):
        return Offer(words=("pause", "stop"))
    return None


def _offer_leave(state: SessionState, question: PermissionBlock, root: str, details: bool) -> Offer:
    tool = next((b for b in state.blocks if b.type == "tool" and b.call_id == question.call_id), None)
    shown = show_request(tool) if tool is not None and details else ""
    words: list[Word] = []
    if shown and tool is not None and allow_once(question.options) and not is_dangerous(tool, root):
        words.append("allow")
    if deny_once(question) is not None:
        words.append("deny")
    return Offer(words=(*words, "stop"), matter=question.request_id, shown=shown if "allow" in words else "")


def deny_once(question: PermissionBlock) -> str | None:
    """The id of the option that refuses this once."""
    return next((option.option_id for option in question.options if option.kind == "reject_once"), None)


def show_request(tool: ToolBlock) -> str:
    """All that a call asks for, in one line; "" if that cannot be told in full on a phone."""
    if tool.content or not isinstance(tool.raw_input, dict):
        return ""
    given = {name: value for name, value in cast(dict[str, Any], tool.raw_input).items() if name not in _COMMENTS}
    said = command(tool)
    text = said if len(given) == 1 and said else json.dumps(given, ensure_ascii=True)
    shown = f"{tool.tool_kind}: {text}"
    # What would look otherwise than it is, is not shown in full.
    plain = shown.isascii() and shown.isprintable() and clean(shown, single_line=True) == shown
    return shown if plain and len(shown) <= _LONGEST else ""


def is_dangerous(tool: ToolBlock, root: str) -> bool:
    """Whether a call is of a class that is never allowed by phone."""
    if tool.tool_kind not in _KINDS:
        return True
    said = command(tool) if tool.tool_kind == "execute" else ""
    text = said or json.dumps(tool.raw_input)
    paths = (*_OUTSIDE.findall(text), *(location.path for location in tool.locations))
    return _DANGEROUS.search(text) is not None or any(not _is_within(path, root) for path in paths)


def _is_within(path: str, root: str) -> bool:
    full = posixpath.normpath(posixpath.join(root, path))
    return full in (root, "/dev/null") or full.startswith(f"{root.rstrip('/')}/")
