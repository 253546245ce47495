"""The secrets of a project that may travel: listing, adding and taking back what the user allowed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.paths import state_dir
from agent.sessions import list_sessions
from remote.project import read_project
from remote.secret_search import SecretSearch, secret_record
from snapshot.allowed import Grant, allow, choose, forget, is_named, list_allowed
from snapshot.errors import SnapshotRefused
from snapshot.scan import scan
from snapshot.secrets import Hit


def list_grants(tree: Path) -> Mapping[str, Grant]:
    """What may travel of the project ``tree`` and of its sessions, by fingerprint. Raises `AllowListDamaged`."""
    return list_allowed(secret_record(state_dir(), str(tree)).allowed).secrets


def withdraw_grants(tree: Path, prefixes: Sequence[str] | None) -> tuple[str, ...]:
    """Let those that begin with one of ``prefixes``, or all, not travel any more; returns their fingerprints."""
    record = secret_record(state_dir(), str(tree))
    named = [name for name in list_allowed(record.allowed).secrets if prefixes is None or is_named(name, prefixes)]
    if named:
        forget(record.allowed, named)
    return tuple(named)


def grant_secrets(tree: Path, prefixes: Sequence[str]) -> tuple[Hit, ...]:
    """Let the secrets that a search finds now, and that begin with one of ``prefixes``, travel from now on; each once.

    Searches what a handoff from here would. Raises `SnapshotError`, `agent.errors.AgentError`,
    `remote.errors.ProjectFileInvalid`.
    """
    record = secret_record(state_dir(), str(tree))
    chosen = choose(_search(tree, SecretSearch(tree, record)), prefixes)
    named = {hit.fingerprint: hit for hit in reversed(chosen)}
    if named:
        allow(record.allowed, named.values())
    return tuple(named.values())


def _search(tree: Path, search: SecretSearch) -> list[Hit]:
    seen = scan(tree, read_project(tree).selection(leave=()))
    if seen.refusals:
        raise SnapshotRefused(seen.refusals)
    differences = search.read_differences()
    hits = list(search.in_files([item.path for item in seen.travels], differences))
    hits += search.in_git([*([""] if seen.git else []), *seen.inner], differences)
    for session in list_sessions(state_dir()):
        if session.info.project == str(tree):
            hits += search.in_history(session)
    return hits
