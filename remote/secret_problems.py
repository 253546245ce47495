"""Secrets as problems of a preflight: told by place, kind and fingerprint, with what can be done about each."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from remote.findings import Problem
from snapshot.secret_objects import Held
from snapshot.secret_tree import Standing
from snapshot.secrets import Hit
from snapshot.walk import show_path

SHOWN_DIGITS = 12
"""So much of a fingerprint is shown, and is enough to name it."""

_SHOWN_HITS = 3

_PLACES = {
    "staged": "staged",
    "stash": "in a stash",
    "commit": "in a commit that was not pushed",
    "reflog": "in a commit that only the reflog knows",
    "unreachable": "that nothing refers to any more",
    "object": "among git's objects",
}


def file_problems(hits: Iterable[Hit], standing: Mapping[str, Standing] | None) -> Iterator[Problem]:
    """One problem for each file; ``standing`` is None without a repository."""
    for path, found in _by_path(hits):
        how = "untracked" if standing is None else standing.get(path, "modified")
        yield _problem(show_path(path), found, _decide(path, how, found))


def git_problems(hits: Iterable[Hit]) -> Iterator[Problem]:
    """One problem for each file and each place where git holds it."""
    for held, place in _PLACES.items():
        for path, found in _by_path(hit for hit in hits if hit.held == held):
            yield _problem(
                f"{show_path(path)} ({place})", found, f"{_get_rid(held, path)}, or allow it: {_allow(found)}"
            )


def history_problems(hits: Iterable[Hit]) -> Iterator[Problem]:
    """One problem for each of the session's own files."""
    for path, found in _by_path(hits):
        yield _problem(f"the session's own file {show_path(path)}", found, f"If the host may know it: {_allow(found)}")


def beside_problems(hits: Iterable[Hit]) -> Iterator[Problem]:
    """One problem for each file that lies in a repository's directory outside the tree, where nothing can be left."""
    for path, found in _by_path(hits):
        yield _problem(f"/{show_path(path)}", found, f"Move it out of the repository, or allow it: {_allow(found)}")


def refuse_mask(path: str, held: Sequence[Hit]) -> Problem:
    """Masking ``path`` hides nothing: git holds what ``held`` tells of."""
    shown = shlex.quote(show_path(path))
    place = _PLACES[held[0].held]
    return Problem(
        code="mask-held",
        sentence=f"Masking {show_path(path)!r} would hide nothing: git holds its secret as well, {place}, and travels.",
        way_out=f"{_get_rid(held[0].held, path)}, then hand it off without --mask {shown}; or allow it: {_allow(held)}",
        secrets=_names(held),
    )


def refuse_leave(path: str, held: Held) -> Problem:
    """Leaving ``path`` keeps nothing here: git holds its content."""
    return Problem(
        code="leave-held",
        sentence=f"Leaving {show_path(path)!r} would not keep it here: git holds it as well, {_PLACES[held.held]}, "
        "and travels.",
        way_out=f"{_get_rid(held.held, held.path)}, then hand it off again.",
    )


def tell_secret(hit: Hit) -> str:
    """Kind, line, rule and the first digits of the fingerprint."""
    return f"{hit.description} in line {hit.line} ({hit.rule}, {hit.fingerprint[:SHOWN_DIGITS]})"


def tell_place(hit: Hit) -> str:
    """The file, and what git has of it if it is not the file itself."""
    return f"{show_path(hit.path)} ({_PLACES[hit.held]})" if hit.held else show_path(hit.path)


def _problem(where: str, found: Sequence[Hit], way_out: str) -> Problem:
    shown = "; ".join(tell_secret(hit) for hit in found[:_SHOWN_HITS])
    more = f" and {len(found) - _SHOWN_HITS} more" if len(found) > _SHOWN_HITS else ""
    return Problem(
        code="secret", sentence=f"A secret is in {where}: {shown}{more}.", way_out=way_out, secrets=_names(found)
    )


def _decide(path: str, how: Standing, found: Sequence[Hit]) -> str:
    named = shlex.quote(show_path(path))
    if how == "staged":
        return f"{_get_rid('staged', path)}, or allow it: {_allow(found)}"
    leave = f"leave it here: --leave {named}, or " if how == "untracked" else ""
    return f"Either {leave}send it masked: --mask {named}, or allow it: {_allow(found)}"


def _get_rid(held: str, path: str) -> str:
    named = shlex.quote(show_path(path))
    match held:
        case "staged":
            return f"The repository holds it as well: unstage it (git restore --staged -- {named})"
        case "stash":
            return "Look for it with git stash list -p and drop that stash"
        case "commit":
            return f"Take it out of the commit (git log --all -- {named} finds it)"
        case "reflog":
            forget = "git reflog expire --expire-unreachable=now --all, then git gc --prune=now"
            return f"Let git forget it ({forget}; git log --reflog -- {named} finds it)"
        case "unreachable":
            return f"Let git forget it (git gc --prune=now; git show {path.rpartition(' ')[2]} shows it)"
        case _:
            return "Let git forget it (git prune)"


def _allow(found: Sequence[Hit]) -> str:
    return " ".join(f"--allow-secret {name[:SHOWN_DIGITS]}" for name in _names(found)[:_SHOWN_HITS])


def _names(found: Sequence[Hit]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hit.fingerprint for hit in found))


def _by_path(hits: Iterable[Hit]) -> Iterator[tuple[str, list[Hit]]]:
    for path, group in groupby(sorted(hits, key=lambda hit: (hit.path, hit.line)), key=lambda hit: hit.path):
        yield path, list(group)
