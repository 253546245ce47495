"""What of the repositories of a tree stays here, or will not be whole there."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from snapshot.companion_scan import CompanionScan
from snapshot.credentials import read_settings
from snapshot.gitfiles import is_hook, leads_out
from snapshot.manifest import in_git
from snapshot.refusal import Kept
from snapshot.scan import Scan
from snapshot.walk import show_path

_LEADING = ("core.hookspath", "core.excludesfile", "core.attributesfile")
_HOOK = "the hook is a link out of the folder, and does not run there"
_WORKTREE = "another worktree of this repository; its files stay"
_FALSE = ("false", "no", "off", "0")


def git_stays(tree: Path, seen: Scan) -> list[Kept]:
    """One line for each thing, and why. Raises `GitFailed`."""
    kept = [*_credentials(seen), *_hooks(tree, seen), *_worktrees(tree, seen)]
    for companion in seen.companions:
        kept += [*_companion_hooks(companion), *_companion_worktrees(companion)]
    roots = [*([""] if seen.git is not None else []), *seen.inner]
    for root in roots:
        settings = read_settings(tree / root)
        kept += [*_missing_objects(root, settings), *_outside(tree, root, settings, seen.companions)]
    if roots and (Path.home() / ".gitconfig").exists():
        kept.append(Kept(what="~/.gitconfig", why="your own git settings stay; the host's apply there"))
    return kept


def _credentials(seen: Scan) -> Iterator[Kept]:
    beside = {f"{each.beside.at}/{path}": names for each in seen.companions for path, names in each.withheld.items()}
    for path, names in sorted((seen.withheld | beside).items()):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        why = f"{', '.join(names[:3])}{more}: a copy without them travels"
        yield Kept(what=f"credentials in {show_path(path)}", why=why, files=1)


def _hooks(tree: Path, seen: Scan) -> Iterator[Kept]:
    root = tree.resolve()
    for path, record in seen.travels:
        if stat.S_ISLNK(record.st_mode) and is_hook(path) and leads_out(tree, path, root):
            yield Kept(what=show_path(path), why=_HOOK, files=1)


def _companion_hooks(companion: CompanionScan) -> Iterator[Kept]:
    at = companion.beside.at
    for path, record in companion.travels:
        hook = is_hook(f"{companion.beside.inside}/{path}")
        if hook and stat.S_ISLNK(record.st_mode) and leads_out(at, path, at):
            yield Kept(what=show_path(f"{at}/{path}"), why=_HOOK, files=1)


def _worktrees(tree: Path, seen: Scan) -> Iterator[Kept]:
    root = tree.resolve()
    for path, record in seen.travels:
        if stat.S_ISREG(record.st_mode) and in_git(path) and path.endswith("/gitdir") and "/worktrees/" in path:
            there = Path(f"{tree}/{path}").read_text(errors="surrogateescape").rstrip("\n")
            if not Path(there).resolve().is_relative_to(root):
                yield Kept(what=show_path(there), why=_WORKTREE)


def _companion_worktrees(companion: CompanionScan) -> Iterator[Kept]:
    """The other work trees of a repository that lies beside the tree, the main one included."""
    beside = companion.beside
    main = [beside.at.parent] if beside.at.name == ".git" and (beside.at / "index").exists() else []
    for path in [*main, *beside.working]:
        yield Kept(what=show_path(str(path)), why=_WORKTREE)


def _missing_objects(root: str, settings: list[tuple[str, str, str]]) -> Iterator[Kept]:
    partial = any(
        name == "extensions.partialclone"
        or (name.startswith("remote.") and name.endswith(".promisor") and value.lower() not in _FALSE)
        for _, name, value in settings
    )
    if partial:
        why = "a partial clone: what was never fetched is missing there as it is here, and needs its remote"
        yield Kept(what=f"missing objects of {show_path(root) or 'the repository'}", why=why)


def _outside(
    tree: Path, root: str, settings: list[tuple[str, str, str]], companions: Sequence[CompanionScan]
) -> Iterator[Kept]:
    """Settings of the repository that lead to what does not travel."""
    where, top = tree / root, tree.resolve()
    for origin, name, value in settings:
        include = name == "include.path" or (name.startswith("includeif.") and name.endswith(".path"))
        if not include and name not in _LEADING:
            continue
        beside = (where.absolute() / origin).parent if include else where
        path = (beside / Path(value).expanduser()).resolve()
        if not path.is_relative_to(top) and not any(each.beside.holds(path) for each in companions):
            setting = f"{name.partition('.')[0]}.path" if include else name
            yield Kept(what=show_path(value), why=f"the repository's setting {setting} leads outside the folder")
