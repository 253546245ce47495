"""What a tool call was, for telling one from another: its print, its result, its error, and what it changed.

Pure. Numbers are left out of results and errors: times, sizes and addresses change with every repetition.
"""

import json
import re
from collections import Counter
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Any, NamedTuple, cast

from agent.blocks import ToolBlock
from agent.watch import POLLS

_POLLS = re.compile("|".join(POLLS))
_CHANGING = frozenset({"edit", "delete", "move"})
_COMMENTS = frozenset({"description", "explanation", "reason", "timeout", "call_id", "id"})
"""Words about a call that are not the call."""
_LONGEST = 4000
_SHOWN = 100
_ERROR_LINE = re.compile(
    r"error|exception|traceback|fail|fatal|panic|denied|refused|not found|no such|cannot|unable|undefined",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"(?:exit(?:ed)?(?: with)?(?: code| status)?|exit_code|status|returned)\W{0,3}(-?\d+)", re.IGNORECASE
)
_NUMBER = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{7,40}\b|\d+", re.IGNORECASE)
_TEST_FILE = re.compile(
    r"(?:^|/)(?:tests?|spec|__tests__)/|(?:^|/)test_[^/]*$|[_.-](?:test|spec)\.[^/]*$", re.IGNORECASE
)
_TEST = re.compile(r"^\s*(?:async def test|def test|it\(|test\(|#\[test\]|func Test|@Test\b)", re.MULTILINE)
_SKIP = re.compile(
    r"\bpytest\.mark\.(?:skip|xfail)|@unittest\.skip|\b(?:it|test|describe)\.skip\(|#\[ignore\]|\bt\.Skip"
)
_REMOVES = re.compile(r"\b(?:git rm|rm|unlink)\b[^|;&]*")
_WRITES = re.compile(
    r"(?<![<>=0-9&-])>{1,2}(?![>&=])\s*(?!/dev/null)\S"
    r"|\b(?:sed -i|perl -p?i|tee|patch|mv|cp|rm|mkdir)\b"
    r"|\bgit (?:apply|checkout|restore|stash|mv|rm|commit|merge|rebase|cherry-pick|bisect)\b"
    r"|\b(?:pip|npm|apt|apt-get|cargo|go|yarn|pnpm|uv) (?:install|add|get)\b"
)
"""What a shell changes files with; agents that edit so show no diffs."""
_DELETED_FILE = 3
"""Tests that a deleted file counts for, where nobody says how many were in it."""


class Call(NamedTuple):
    """A tool call that has ended. ``error`` is empty where it went well, ``new`` whether it changed what no call had
    changed that way before."""

    seq: int
    print: str
    result: str
    error: str
    polls: bool
    new: bool
    shown: str


def read_call(block: ToolBlock, seen: frozenset[str], polls: tuple[str, ...]) -> Call:
    """What is to be remembered of a call that has ended; ``seen`` are the changes made before."""
    text, shown = _text(block), show(block)
    # One edit undone by the next is not new: what counts is what it makes of which file.
    new = bool(changes(block) - seen)
    watched = f"{shown} {block.title}"
    return Call(
        seq=block.seq,
        print=_hash(block.tool_kind, shown, _arguments(block)),
        result=_hash(_NUMBER.sub("#", text[-_LONGEST:]), block.status),
        error=_error(block, text, shown),
        polls=_POLLS.search(watched) is not None or any(matches(watched, pattern) for pattern in polls),
        new=new,
        shown=shown,
    )


def show(block: ToolBlock) -> str:
    """A call in one short line: its command, or its title."""
    return " ".join((command(block) or block.title or block.call_id).split())[:_SHOWN]


def command(block: ToolBlock) -> str:
    """The command that a call runs, or ""."""
    given = block.raw_input
    if isinstance(given, dict):
        said = next((given[name] for name in ("command", "cmd", "script") if name in given), "")
        if isinstance(said, list):
            return " ".join(str(word) for word in said)
        return said if isinstance(said, str) else ""
    return block.title if block.tool_kind == "execute" else ""


def matches(text: str, pattern: str) -> bool:
    """Whether a shell pattern is found anywhere in a command."""
    return fnmatchcase(" ".join(text.split()), f"*{pattern}*")


def changes(block: ToolBlock) -> frozenset[str]:
    """What an ended call made of which files."""
    if block.status == "failed":
        return frozenset()
    made = {_hash(diff.path, diff.new_text) for diff in block.content if diff.type == "diff"}
    if not made and block.tool_kind in _CHANGING:
        made = {_hash(block.tool_kind, show(block), _arguments(block))}
    if not made and _WRITES.search(command(block)):
        made = {_hash(command(block), _text(block))}
    return frozenset(made)


def changed_paths(block: ToolBlock) -> frozenset[str]:
    """The files that a call changed, as it shows them."""
    paths = {diff.path for diff in block.content if diff.type == "diff"}
    if block.tool_kind in _CHANGING:
        paths |= {location.path for location in block.locations}
    return frozenset(paths) if block.status != "failed" else frozenset()


def changed_lines(block: ToolBlock) -> int:
    """Lines that a call added and removed, as far as it shows them; a moved line is no change."""
    count = 0
    for diff in block.content if block.status != "failed" else ():
        if diff.type == "diff":
            old, new = Counter((diff.old_text or "").splitlines()), Counter(diff.new_text.splitlines())
            count += (new - old).total() + (old - new).total()
    return count


def lost_tests(block: ToolBlock) -> int:
    """Tests that a call deleted or skipped, less those that it added; a file whose tests nobody shows counts as 3."""
    if block.status == "failed":
        return 0
    removed = [word for part in _REMOVES.findall(command(block)) for word in part.split()[1:]]
    lost = sum(_DELETED_FILE for word in removed if _TEST_FILE.search(word))
    diffs = [diff for diff in block.content if diff.type == "diff" and _TEST_FILE.search(diff.path)]
    if block.tool_kind == "delete" and not diffs:
        lost += sum(_DELETED_FILE for location in block.locations if _TEST_FILE.search(location.path))
    return lost + sum(_tests(diff.old_text or "") - _tests(diff.new_text) for diff in diffs)


def _tests(text: str) -> int:
    return len(_TEST.findall(text)) - len(_SKIP.findall(text))


def _error(block: ToolBlock, text: str, shown: str) -> str:
    status = _STATUS.search(text[-_LONGEST:])
    if block.status != "failed" and (status is None or int(status[1]) == 0):
        return ""
    lines = [line.strip() for line in text[-_LONGEST:].splitlines() if _ERROR_LINE.search(line)]
    lines = [line for line in lines if not _STATUS.fullmatch(line.strip(" ()[]."))]
    # Nothing but a status tells one failure of a command from another command's.
    said = " | ".join(lines[-3:]) or f"{shown}: no words"
    return _NUMBER.sub("#", said)[:300]


def _text(block: ToolBlock) -> str:
    return "\n".join(content.text for content in block.content if content.type == "text")


def _arguments(block: ToolBlock) -> str:
    given = block.raw_input
    if isinstance(given, dict):
        known = cast(dict[str, Any], given)
        given = {name: value for name, value in known.items() if name not in _COMMENTS}
    diffs = [(diff.path, diff.new_text) for diff in block.content if diff.type == "diff"]
    return json.dumps([given, diffs], sort_keys=True)


def _hash(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(errors="surrogatepass"), digest_size=8).hexdigest()
