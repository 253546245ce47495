"""The classes that a tool call is of: they overlap, and what is not known is of every class. Pure."""

import posixpath
import re
from collections.abc import Iterator
from typing import cast

from agent.blocks import ToolBlock
from agent.calls import command
from agent.deeds import DEEDS, Deed

_KINDS: dict[str, Deed] = {
    "read": "read",
    "search": "read",
    "think": "read",
    "edit": "edit",
    "delete": "edit",
    "move": "edit",
    "execute": "run",
    "fetch": "network",
}
_PATHLESS = frozenset({"search", "think", "execute", "fetch"})
"""Kinds that name no path where they mean the tree, or none at all."""
_PATH_KEY = re.compile(r"path|file|dir|folder|cwd|target|source|dest|root", re.IGNORECASE)
_NO_PATHS = re.compile(
    r"command|cmd|script|content|.*_?text|(?:old|new)_str(?:ing)?|(?:old|new)String|description|explanation|reason"
    r"|pattern|query|patch|diff|thought"
)
"""Arguments that hold words, not places."""
_NETWORK = re.compile(
    r"\w://|\w@[\w.-]+:|/dev/(?:tcp|udp)/"
    r"|\b(?:curl|wget|nc|ncat|netcat|socat|ssh|scp|sftp|rsync|ftp|telnet|ping|dig|nslookup|gh|glab|aws|gcloud|az"
    r"|kubectl|helm|docker|podman|terraform|ansible\S*|xh)\b"
    r"|\bgit\b.*\b(?:push|pull|fetch|clone|remote|ls-remote|submodule|send-email)\b"
    r"|\b(?:pip\S*|uv|npm|npx|yarn|pnpm|bun|bunx|cargo|go|gem|bundle|composer|mvn|gradle\w*|apt|apt-get|dnf|brew"
    r"|conda)\b",
    re.IGNORECASE,
)
_INDIRECT = re.compile(r"[$`\\]|\beval\b|\bbase64\b|\b(?:ba|da|z|k)?sh\s+-\w*c\b|\|\s*(?:\S*/)?(?:ba|da|z|k)?sh\b")
"""What a shell makes of such a command is not to be read from it."""
_BREAKS = re.compile(r"[\s'\";|&<>()=,:]+")
_HARMLESS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})


def classify(block: ToolBlock, tree: str) -> frozenset[Deed]:
    """The classes that a call is of, by what the agent says of it; ``tree`` is the project's path as the agent sees it.

    It reads words: what ``make`` or a script does in the end, it cannot know. That is bounded by the sandbox.
    """
    kind = _KINDS.get(block.tool_kind)
    said = command(block)
    if kind is None or (kind == "run" and not said):
        return DEEDS
    deeds: set[Deed] = {kind}
    if said:
        deeds |= _classify_command(said, tree)
    paths = [location.path for location in block.locations]
    paths += [content.path for content in block.content if content.type == "diff"]
    for key, text in _texts(block.raw_input):
        if "://" in text:
            deeds.add("network")
        elif text.startswith(("/", "~")) or _PATH_KEY.search(key):
            paths.append(text)
    unsaid = not paths and block.tool_kind not in _PATHLESS
    if unsaid or not all(_is_within(path, tree) for path in paths):
        deeds.add("outside")
    return frozenset(deeds)


def _classify_command(said: str, tree: str) -> frozenset[Deed]:
    if _INDIRECT.search(said):
        return frozenset({"run", "network", "outside"})
    deeds: set[Deed] = {"run"}
    if _NETWORK.search(said):
        deeds.add("network")
    if not all(_is_within(word, tree) for word in _BREAKS.split(said)):
        deeds.add("outside")
    return frozenset(deeds)


def _is_within(path: str, tree: str) -> bool:
    """Whether a path is of the tree by its name; links are not followed."""
    if path.startswith("~"):
        return False
    full = posixpath.normpath(posixpath.join(tree, path))
    return full in _HARMLESS or full == tree or full.startswith(f"{tree.rstrip('/')}/")


def _texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Each text in an agent's own arguments, with the name it has there; commands are read by themselves."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for each in cast(list[object], value):
            yield from _texts(each, key)
    elif isinstance(value, dict):
        for name, each in cast(dict[str, object], value).items():
            if not _NO_PATHS.fullmatch(name):
                yield from _texts(each, name)
