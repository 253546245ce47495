"""Secrets that the user allowed to travel, by fingerprint: a record of one project, kept outside its tree."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from snapshot.durable import write_durably
from snapshot.errors import AllowListDamaged
from snapshot.manifest import Frozen
from snapshot.names import Name
from snapshot.secrets import Hit

SHORTEST_PREFIX = 8
"""Fewer digits of a fingerprint name nothing."""


class Grant(Frozen):
    """When a secret was allowed (seconds since 1970), and where it was found then: the file, and the rule."""

    at: float
    path: Name
    rule: str
    description: str


class Allowed(Frozen):
    """What was allowed, by fingerprint."""

    secrets: Mapping[str, Grant] = {}


_ALLOWED: TypeAdapter[Allowed] = TypeAdapter(Allowed)


def list_allowed(file: Path) -> Allowed:
    """The record in ``file``, empty if there is none; raises `AllowListDamaged`."""
    try:
        return _ALLOWED.validate_json(file.read_bytes())
    except FileNotFoundError:
        return Allowed()
    except (OSError, ValidationError) as error:
        raise AllowListDamaged(f"The list of allowed secrets {str(file)!r} cannot be read.", "Delete it.") from error


def allow(file: Path, hits: Iterable[Hit], at: float | None = None) -> Allowed:
    """Let these travel from now on; what was allowed before keeps its grant. The directory of ``file`` must exist."""
    now = time.time() if at is None else at
    known = list_allowed(file).secrets
    fresh = {h.fingerprint: Grant(at=now, path=h.path, rule=h.rule, description=h.description) for h in hits}
    return _write(file, {**fresh, **known})


def forget(file: Path, fingerprints: Iterable[str]) -> Allowed:
    """Let these not travel any more."""
    dropped = set(fingerprints)
    return _write(file, {key: at for key, at in list_allowed(file).secrets.items() if key not in dropped})


def choose(hits: Iterable[Hit], prefixes: Iterable[str]) -> list[Hit]:
    """Those ``hits`` whose fingerprints begin with one of ``prefixes`` (at least `SHORTEST_PREFIX` digits)."""
    return [hit for hit in hits if is_named(hit.fingerprint, prefixes)]


def is_named(fingerprint: str, prefixes: Iterable[str]) -> bool:
    """Whether one of ``prefixes`` is long enough and its beginning."""
    return fingerprint.startswith(tuple(prefix.lower() for prefix in prefixes if len(prefix) >= SHORTEST_PREFIX))


def _write(file: Path, secrets: Mapping[str, Grant]) -> Allowed:
    allowed = Allowed(secrets=secrets)
    write_durably(file, _ALLOWED.dump_json(allowed))
    return allowed
