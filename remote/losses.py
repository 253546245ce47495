"""The loss report: what a handoff leaves behind, or finds otherwise on the host, with what can be done about each.

Pure: what is here comes from `remote.stock` and the survey of the tree, what is there from the host.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from remote.children import Child
from remote.findings import Choice, LossKind, Problem, Stays, is_loss
from remote.host_protocol import Seen
from remote.stock import Outside, Stock
from remote.terms import Terms
from remote.tools import by_name, find_differing, find_missing
from snapshot.refusal import Kept

MOST_OF_A_KIND = 40
"""Lines of one kind; the rest is counted."""
_MANY: dict[LossKind, str] = {
    "ignored": "more ignored kinds of files",
    "unreadable": "more files and folders that cannot be read",
    "outside": "more files outside the project",
    "command": "more commands",
    "version": "more commands of another version",
    "variable": "more variables",
    "mcp": "more MCP servers",
    "process": "more processes",
}
_RAN = "the session ran it; it is not on the host"
_FILTER = "git runs it for files of this repository, as LFS does; it is not on the host, where git refuses to add them"
_LOGINS = Stays(what="environment and logins", why="the host uses its own; nothing is copied")


def report_losses(
    kept: Iterable[Kept], stock: Stock, lost_files: Collection[str], seen: Seen, terms: Terms, home: str
) -> tuple[Stays, ...]:
    """Everything that stays, what weighs most of each kind first.

    ``lost_files`` are paths in the tree, of programs and of settings, that do not travel with it.
    """
    found = [
        *_tree_losses(kept),
        *_outside_losses(stock.outside, home),
        *_command_losses(stock, lost_files, seen, home),
        *_variable_losses(stock, seen),
        *_server_losses(stock, lost_files, seen),
        *(_process_loss(child) for child in stock.children),
        _LOGINS,
    ]
    decided = [each.model_copy(update={"choice": _choice(each, terms)}) for each in found]
    return tuple(_bound(decided))


def carried_patterns(kept: Iterable[Kept], carry: Sequence[str]) -> tuple[str, ...]:
    """The include patterns for those classes of ignored files that shall travel."""
    return tuple(pattern for each in kept if each.what in carry for pattern in each.patterns)


def carried_files(stock: Stock, carry: Sequence[str], home: str) -> tuple[str, ...]:
    """The files outside the tree that shall travel, relative to HOME."""
    chosen = (each for each in stock.outside if each.carriable and _shown(each.path, home) in carry)
    return tuple(str(Path(each.path).relative_to(home)) for each in chosen)


def object_to(stays: Sequence[Stays], terms: Terms) -> tuple[Problem, ...]:
    """What the terms say about the report: what cannot be carried, and that nothing may be lost."""
    can = {each.what for each in stays if each.can_carry}
    problems = [_uncarried(what, sorted(can)) for what in terms.carry if what not in can]
    lost = [each for each in stays if is_loss(each) and not _is_accepted(each, terms)]
    if terms.stop_on_loss and lost:
        names = ", ".join(each.what for each in lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        sentence = f"Something would be lost: {names}."
        way_out = "Carry it or accept it by name (--carry, --accept-loss), or go without --stop-on-loss."
        problems.append(Problem(code="loss", sentence=sentence, way_out=way_out))
    return tuple(problems)


def _uncarried(what: str, can: list[str]) -> Problem:
    known = f"What can be carried: {', '.join(can[:10])}." if can else "Nothing of what stays can be carried."
    return Problem(code="carry-unknown", sentence=f"{what!r} cannot be carried.", way_out=known)


def _is_accepted(stays: Stays, terms: Terms) -> bool:
    return stays.what in terms.accept_loss or stays.kind in terms.accept_loss


def _choice(stays: Stays, terms: Terms) -> Choice:
    if stays.can_carry and stays.what in terms.carry:
        return "carry"
    return "stop" if terms.stop_on_loss and is_loss(stays) and not _is_accepted(stays, terms) else "leave"


def _tree_losses(kept: Iterable[Kept]) -> list[Stays]:
    return [
        Stays(
            what=each.what,
            why=each.why,
            files=each.files,
            size=each.size,
            kind="unreadable" if each.lost else "ignored" if each.patterns else "other",
            can_carry=bool(each.patterns),
        )
        for each in kept
    ]


def _outside_losses(outside: Iterable[Outside], home: str) -> list[Stays]:
    return [
        Stays(
            what=_shown(each.path, home),
            why=_why_outside(each),
            files=0 if each.folder else 1,
            size=each.size,
            kind="outside",
            can_carry=each.carriable,
        )
        for each in sorted(outside, key=lambda each: -each.size)
    ]


def _why_outside(each: Outside) -> str:
    if not each.readable:
        return "the agent named it; it is outside the project and cannot be read"
    what = "folder" if each.folder else "file"
    return f"a {what} outside the project that the agent {'changed' if each.written else 'used'}"


def _command_losses(stock: Stock, lost_files: Collection[str], seen: Seen, home: str) -> list[Stays]:
    lost = [
        Stays(what=name, why="the session ran it; it is among the files that stay here", kind="command")
        for name in stock.own_programs
        if name in lost_files
    ]
    needed = {program.name for program in stock.filters}
    programs = [*stock.filters, *(program for program in stock.programs if program.name not in needed)]
    if seen.programs is None:
        why = f"whether the host has them is not known: {seen.programs_unknown}"
        unknown = Stays(what=f"{len(programs)} commands", why=why, kind="command")
        return [*lost, *([unknown] if programs else [])]
    there = by_name(seen.programs)
    missing = [
        Stays(what=_shown(name, home), why=_FILTER if name in needed else _RAN, kind="command")
        for name in find_missing(programs, there)
    ]
    differing = [
        Stays(what=_shown(each.name, home), why=f"{each.here} here, {each.there} there", kind="version")
        for each in find_differing(programs, there)
    ]
    return [*lost, *missing, *differing]


def _variable_losses(stock: Stock, seen: Seen) -> list[Stays]:
    why = "a variable that the session's commands used; it is not set on the host"
    return [Stays(what=name, why=why, kind="variable") for name in stock.variables if name not in seen.variables]


def _server_losses(stock: Stock, lost_files: Collection[str], seen: Seen) -> list[Stays]:
    named = {name: "the agent's settings here" for name in stock.mcp.names}
    unread = [f"~/{file}" for file in stock.mcp.unread]
    for each in stock.project_mcp:
        if each.file in lost_files:
            named |= dict.fromkeys(each.names or (), f"{each.file}, which stays here")
            unread += [each.file] if each.names is None else []
    why = "an MCP server in {}; the host's settings do not name it"
    losses = [
        Stays(what=name, why=why.format(where), kind="mcp")
        for name, where in sorted(named.items())
        if name not in seen.mcp.names
    ]
    unsure = "the agent's settings here cannot be read: which MCP servers they name is not known"
    return losses + [Stays(what=file, why=unsure, kind="mcp") for file in unread]


def _process_loss(child: Child) -> Stays:
    ports = f", serves port {', '.join(map(str, child.ports[:5]))}" if child.ports else ""
    why = "it runs under the agent and ends with it here" if child.own else "it works in the project and stays here"
    return Stays(what=f"{child.name} (process {child.pid}{ports})", why=why, kind="process")


def _shown(path: str, home: str) -> str:
    return f"~{path[len(home) :]}" if path.startswith(f"{home}/") else path


def _bound(stays: Iterable[Stays]) -> list[Stays]:
    """At most so many of a kind; what is carried is always there."""
    shown: list[Stays] = []
    rest: dict[LossKind, list[Stays]] = {}
    counts: dict[LossKind, int] = {}
    for each in stays:
        counts[each.kind] = counts.get(each.kind, 0) + 1
        if each.kind in _MANY and counts[each.kind] > MOST_OF_A_KIND and each.choice != "carry":
            rest.setdefault(each.kind, []).append(each)
        else:
            shown.append(each)
    return [*shown, *(_sum(kind, more) for kind, more in rest.items())]


def _sum(kind: LossKind, more: list[Stays]) -> Stays:
    files, size = sum(each.files for each in more), sum(each.size for each in more)
    stops = any(each.choice == "stop" for each in more)
    what = f"{len(more)} {_MANY[kind]}"
    return Stays(what=what, why=more[0].why, files=files, size=size, kind=kind, choice="stop" if stops else "leave")
