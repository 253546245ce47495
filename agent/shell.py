"""What a shell command line would start and which variables it reads, without running anything.

The text comes from an agent: it is parsed as bash by tree-sitter's grammar, which also makes sense of broken lines,
and walked with a stack of its own, so that no nesting is too deep.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

from tree_sitter import Language, Node, Parser
from tree_sitter_bash import language

_LONGEST = 20_000
"""Characters of a line that are looked at; what comes after is text that it carries, rather than commands."""
_NESTING = 4
"""How many shells within shells (``bash -c``) are opened."""

Words = tuple[str | None, ...]
"""A command's words; ``None`` for one that is known only when it runs."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_RUNNERS: dict[str, str] = {
    "command": "", "exec": "a", "nohup": "", "setsid": "", "time": "fo", "nice": "n", "ionice": "cnp", "stdbuf": "ioe",
    "timeout": "ks", "env": "uCS", "sudo": "ugpChTUr", "doas": "uC", "xargs": "aEdIiLlnPs",
}  # fmt: skip
"""Commands that start the command after their own options; the letters are options that take the next word."""
_DURATION = re.compile(r"\d+(\.\d+)?[smhd]?")
_BUILTINS = """. : [ [[ alias bg bind break builtin caller cd command compgen complete continue declare dirs disown echo
enable eval exec exit export false fc fg function getopts hash help history jobs kill let local logout mapfile popd
printf pushd pwd read readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit
umask unalias unset wait"""
_OF_THE_SHELL = frozenset(_BUILTINS.split())
_LITERAL = frozenset({"word", "number", "raw_string", "string_content"})


class ShellLine(NamedTuple):
    """``commands`` in their order, wrappers such as ``env`` and ``sudo`` before what they start; ``reads`` are the
    names of variables that the line uses and does not set itself; ``redirects`` are files with whether they are
    written."""

    commands: tuple[Words, ...]
    reads: frozenset[str]
    redirects: tuple[tuple[str, bool], ...] = ()


def read_line(text: str) -> ShellLine:
    """What the line ``text`` says. Builtins of the shell and functions that the line defines are left out."""
    return _read(text, _NESTING)


def read_argv(argv: Sequence[str]) -> ShellLine:
    """What an argument list says: as `read_line` for ``["bash", "-lc", "..."]``, else its one command."""
    commands: list[Words] = []
    reads = set[str]()
    _unwrap(tuple(argv), _NESTING, commands, reads)
    return ShellLine(tuple(commands), frozenset(reads))


def _read(text: str, depth: int) -> ShellLine:
    root = _parser().parse(text[:_LONGEST].encode(errors="replace")).root_node
    commands: list[Words] = []
    reads, sets, functions = set[str](), set[str](), set[str]()
    redirects: list[tuple[str, bool]] = []
    for node in _walk(root):
        match node.type:
            case "command":
                words = tuple(_literal(word) for word in _command_words(node))
                sets |= _set_by(words)
                _unwrap(words, depth, commands, reads)
            case "simple_expansion" | "expansion":
                name = next((child for child in node.named_children if child.type == "variable_name"), None)
                reads |= {_text(name)} if name is not None else set()
            case "variable_assignment" | "for_statement" | "declaration_command":
                sets |= {_text(child) for child in node.named_children if child.type == "variable_name"}
            case "file_redirect" if target := _literal(node.named_children[-1]):
                redirects.append((target, ">" in _text(node).partition(target)[0]))
            case "function_definition":
                functions |= {_text(child) for child in node.named_children[:1]}
            case _:
                pass
    own = tuple(words for words in commands if words[0] not in functions)
    read = frozenset(name for name in reads - sets if _NAME.fullmatch(name))
    return ShellLine(own, read, tuple(redirects))


def _walk(root: Node) -> Iterator[Node]:
    """All nodes in the order of the text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.named_children))


def _command_words(node: Node) -> Iterator[Node]:
    """The words of a command node: its name, then its arguments; assignments before it and redirections are none."""
    for child in node.named_children:
        if child.type == "command_name":
            yield from child.named_children[:1]
        elif child.type not in ("variable_assignment", "file_redirect", "heredoc_redirect", "herestring_redirect"):
            yield child


def _literal(node: Node) -> str | None:
    """The text that a word stands for, if that can be said without running it; ``$HOME`` at its start is ``~``."""
    match node.type:
        case "raw_string":
            return _text(node)[1:-1]
        case "string":
            text = _text(node)[1:-1]
            return _at_home(node.named_children, text)
        case "concatenation":
            parts = [_literal(child) for child in node.named_children]
            first = node.named_children[0]
            if parts and parts[0] is None and _is_home(first):
                parts[0] = "~"
            return None if None in parts else "".join(part or "" for part in parts)
        case kind if kind in _LITERAL:
            return re.sub(r"\\(.)", r"\1", _text(node), flags=re.S)
        case _:
            return "~" if _is_home(node) else None


def _at_home(children: list[Node], text: str) -> str | None:
    """The text between double quotes if nothing in it expands but ``$HOME`` at its start."""
    if children and _is_home(children[0]):
        text, children = "~" + text[len(_text(children[0])) :], children[1:]
    return text if all(child.type == "string_content" for child in children) else None


def _is_home(node: Node) -> bool:
    return node.type in ("simple_expansion", "expansion") and _text(node) in ("$HOME", "${HOME}")


def _set_by(words: Words) -> set[str]:
    return {word for word in words[1:] if word and _NAME.fullmatch(word)} if words[:1] == ("read",) else set()


def _unwrap(words: Words, depth: int, commands: list[Words], reads: set[str]) -> None:
    """Add the command ``words`` and those that it starts in turn."""
    while words and words[0]:
        name = PurePosixPath(words[0]).name
        if words[0] not in _OF_THE_SHELL:
            commands.append(words)
        if name == "printenv":
            reads |= {word for word in words[1:] if word and _NAME.fullmatch(word)}
        line = _given_line(name, words[1:])
        if line is not None and depth > 0:
            inner = _read(line, depth - 1)
            commands += inner.commands
            reads |= inner.reads
        if name not in _RUNNERS:
            return
        words = _skip_options(words[1:], _RUNNERS[name])


def _given_line(name: str, words: Words) -> str | None:
    """The line that a shell or ``eval`` is given to run."""
    if name == "eval":
        return " ".join(word for word in words if word is not None)
    if name in _SHELLS:
        for index, word in enumerate(words):
            if word is None or not word.startswith("-"):
                return None
            if not word.startswith("--") and "c" in word:
                return next(iter(words[index + 1 :]), None)
    return None


def _skip_options(words: Words, with_value: str) -> Words:
    """What is left after a wrapper's own options, assignments and times."""
    index = 0
    while index < len(words):
        word = words[index]
        if word is None:
            return ()
        if word.startswith("-"):
            index += 2 if len(word) == 2 and word[1] in with_value else 1
        elif re.match(r"[A-Za-z_]\w*=", word) or _DURATION.fullmatch(word):
            index += 1
        else:
            break
    return words[index:]


def _text(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


@cache
def _parser() -> Parser:
    return Parser(Language(language()))
