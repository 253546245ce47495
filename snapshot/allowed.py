"""Secrets that the user allowed to travel, by fingerprint: a record of one project, kept outside its tree."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from snapshot.errors import AllowListDamaged
from snapshot.manifest import Frozen, write_durably
from snapshot.secrets import Hit

SHORTEST_PREFIX = 8
"""Fewer digits of a fingerprint name nothing."""


class Allowed(Frozen):
    """What was allowed, and when (seconds since 1970)."""

    secrets: Mapping[str, float] = {}


_ALLOWED: TypeAdapter[Allowed] = TypeAdapter(Allowed)


def list_allowed(file: Path) -> Allowed:
    """The record in ``file``, empty if there is none; raises `AllowListDamaged`."""
    try:
        return _ALLOWED.validate_json(file.read_bytes())
    except FileNotFoundError:
        return Allowed()
    except (OSError, ValidationError) as error:
        raise AllowListDamaged(f"The list of allowed secrets {str(file)!r} cannot be read.", "Delete it.") from error


def allow(file: Path, fingerprints: Iterable[str], at: float | None = None) -> Allowed:
    """Let these travel from now on; what was allowed before keeps its time. The directory of ``file`` must exist."""
    now = time.time() if at is None else at
    known = list_allowed(file)
    return _write(file, {**dict.fromkeys(fingerprints, now), **known.secrets})


def forget(file: Path, fingerprints: Iterable[str]) -> Allowed:
    """Let these not travel any more."""
    dropped = set(fingerprints)
    return _write(file, {key: at for key, at in list_allowed(file).secrets.items() if key not in dropped})


def choose(hits: Iterable[Hit], prefixes: Iterable[str]) -> set[str]:
    """The fingerprints of those ``hits`` that begin with one of ``prefixes`` (at least `SHORTEST_PREFIX` digits)."""
    usable = tuple(prefix.lower() for prefix in prefixes if len(prefix) >= SHORTEST_PREFIX)
    return {hit.fingerprint for hit in hits if hit.fingerprint.startswith(usable)}


def _write(file: Path, secrets: Mapping[str, float]) -> Allowed:
    allowed = Allowed(secrets=secrets)
    write_durably(file, _ALLOWED.dump_json(allowed))
    return allowed
