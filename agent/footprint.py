"""What a session has used of the machine it ran on, read from its tool calls: commands, variables, files outside.

A fold of the transcript's blocks; nothing is looked at but what the agent itself told.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import JsonValue

from agent.blocks import AnyBlock, ToolBlock
from agent.events import DiffContent, Frozen, ToolKind
from agent.shell import ShellLine, read_argv, read_line

_CHANGING: frozenset[ToolKind] = frozenset({"edit", "delete", "move"})
_LINE_KEYS = ("command", "cmd")
_PATH_KEYS = ("file_path", "filePath", "path", "abs_path", "absolute_path", "notebook_path")
_MOST_LINES = 3_000
"""Different command lines that are read, the newest first; a session of more says little new in the others."""
_NOWHERE = ("/dev", "/proc", "/sys")
_SYSTEM = (*_NOWHERE, "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/run", "/nix", "/opt")
"""What every machine has of its own, where it is only a word of a command."""
_SHELL_VARIABLES = """_ BASH BASHPID BASH_SOURCE BASH_VERSION COLUMNS EUID GID HOME HOSTNAME IFS LANG LANGUAGE LC_ALL
LINENO LINES LOGNAME MACHTYPE OLDPWD OPTARG OPTIND OSTYPE PATH PIPESTATUS PPID PWD RANDOM REPLY SECONDS SHELL SHLVL TERM
TMPDIR UID USER"""
_GIVEN = frozenset(_SHELL_VARIABLES.split())
"""Variables that every shell has, or that a run has of its own."""
_GEMINI_TAIL = re.compile(r" \[(?:in|current working directory) .*$", re.S)


class Touched(Frozen):
    """A file outside the tree, by absolute path; ``written`` if the agent changed it, as far as it told."""

    path: str
    written: bool = False


class Footprint(Frozen):
    """``programs`` are names, or paths as they were typed (with ``/``), the most used first; ``variables`` are sorted
    names that command lines read and did not set."""

    programs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    outside: tuple[Touched, ...] = ()


def read_footprint(blocks: Iterable[AnyBlock], tree: str, home: str) -> Footprint:
    """What the tool calls among ``blocks`` used; ``tree`` and ``home`` are absolute paths where the session ran."""
    calls = [block for block in blocks if isinstance(block, ToolBlock)]
    programs, variables, outside = Counter[str](), set[str](), dict[str, bool]()
    for line in _lines(calls):
        # A loop over a thousand files is one use.
        programs.update(dict.fromkeys(words[0] for words in line.commands if words[0] and _is_program(words[0])).keys())
        variables |= line.reads - _GIVEN
        for path, written in _named_paths(line, home):
            if not _is_below(path, (*_SYSTEM, tree)):
                outside[path] = outside.get(path, False) or written
    for path, written in _told_paths(calls, home):
        if not _is_below(path, (*_NOWHERE, tree)):
            outside[path] = outside.get(path, False) or written
    return Footprint(
        programs=tuple(name for name, _ in programs.most_common()),
        variables=tuple(sorted(variables)),
        outside=tuple(Touched(path=path, written=outside[path]) for path in sorted(outside)),
    )


def _lines(calls: list[ToolBlock]) -> Iterator[ShellLine]:
    """The command lines of calls, each once."""
    seen = set[str | tuple[str, ...]]()
    for call in reversed(calls):
        given = _given_command(call)
        if given and given not in seen and len(seen) < _MOST_LINES:
            seen.add(given)
            yield read_line(given) if isinstance(given, str) else read_argv(given)


def _given_command(call: ToolBlock) -> str | tuple[str, ...]:
    """What a call ran: a line, or an argument list. Agents that give no input of the call have it in the title."""
    raw = call.raw_input
    if isinstance(raw, dict) and "path" not in raw:  # with a path, "command" is what to do to a file
        for key in _LINE_KEYS:
            match raw.get(key):
                case str() as line if line:
                    return line
                case list() as words if words and all(isinstance(word, str) for word in words):
                    return tuple(str(word) for word in words)
                case _:
                    pass
    if call.tool_kind != "execute" or (isinstance(raw, dict) and raw):
        return ""
    return _GEMINI_TAIL.sub("", call.title).strip("`")


def _is_program(word: str) -> bool:
    return len(word) < 256 and not any(ord(char) < 33 or char in "*?{}<>|&;$" for char in word)


def _named_paths(line: ShellLine, home: str) -> Iterator[tuple[str, bool]]:
    """Absolute paths among the arguments and redirections of commands, and whether they are written for certain."""
    arguments = [(word, False) for words in line.commands for word in words[1:] if word]
    for word, written in (*arguments, *line.redirects):
        path = _absolute(word, home)
        if path and not re.search(r"[*?\[\n]", path):
            yield path, written


def _told_paths(calls: list[ToolBlock], home: str) -> Iterator[tuple[str, bool]]:
    """Absolute paths that calls name, and whether they changed them."""
    for call in calls:
        changing = call.tool_kind in _CHANGING
        paths = [(location.path, changing) for location in call.locations]
        paths += [(part.path, True) for part in call.content if isinstance(part, DiffContent)]
        paths += [(path, changing) for path in _input_paths(call.raw_input)]
        for name, written in paths:
            if path := _absolute(name, home):
                yield path, written


def _input_paths(raw: JsonValue) -> Iterator[str]:
    if not isinstance(raw, dict):
        return
    for key in _PATH_KEYS:
        if isinstance(value := raw.get(key), str):
            yield value
    if isinstance(changes := raw.get("changes"), dict):
        yield from changes


def _absolute(word: str, home: str) -> str:
    """``word`` as an absolute path without ``..``, or "" if it is none."""
    if word == "~" or word.startswith("~/"):
        word = home + word[1:]
    if not word.startswith("/") or "\0" in word or len(word) > 4096:
        return ""
    path = os.path.normpath(word)
    return "" if path in ("/", "//") else path


def _is_below(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)
