"""Credentials on their way out: what is found before anything moves, and what the user decided about it.

Three answers are taken: the file stays here, travels with its secrets masked, or the secret is allowed, which is
remembered for the project. What is found is told by place, kind and fingerprint, never by value.
"""

import hashlib
import shlex
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from agent.durable import make_private
from agent.profiles import load_profile
from agent.sessions import SessionDir
from remote.errors import RemoteError
from remote.findings import Problem
from remote.parcel import packed_files
from remote.terms import Terms
from snapshot.allowed import allow, choose, list_allowed
from snapshot.manifest import Manifest
from snapshot.overlay import Change
from snapshot.repository import has_repository
from snapshot.scan import scan
from snapshot.secret_tree import ScanCache, Standing, changed_paths, read_standing, scan_tree
from snapshot.secrets import Hit, mask, scan_bytes
from snapshot.selection import Selection
from snapshot.walk import show_path

SHOWN_DIGITS = 12
"""So much of a fingerprint is shown, and is enough to name it."""

_SHOWN_HITS = 3
_NOT_SEARCHED = (".bundle", "manifest.json")
"""Ends of names in a parcel: what git has published already, and the list of names and digests."""


class SecretCheck:
    """The secrets of one handoff of ``session`` under ``terms``; what is in ``terms`` is decided."""

    def __init__(self, session: SessionDir, terms: Terms) -> None:
        self._session = session
        self._terms = terms
        self._tree = Path(session.info.project)
        record = make_private(session.path.parents[1] / "projects") / _name(session.info.project)
        self._allowed = make_private(record) / "allowed-secrets.json"
        self._cache = record / "scanned.json"

    def look(self, selection: Selection) -> tuple[Problem, ...]:
        """A blocking problem for each file with a secret that nothing is decided about. Runs git on the tree.

        Allows what the terms name. Raises `SnapshotError`, `agent.errors.AgentError`.
        """
        seen = scan(self._tree, selection)
        travels = [item.path for item in seen.travels]
        # A tree that is refused as it is cannot be searched whole, and need not be.
        in_tree = () if seen.refusals else self._scan(self._tree, changed_paths(self._tree, travels))
        in_history = self._scan_history()
        chosen = choose([*in_tree, *in_history], self._terms.allow_secrets)
        if chosen:
            allow(self._allowed, chosen)
        problems = [*self._unknown(travels), *_problems(self._undecided(in_history), None)]
        open_hits = self._undecided(in_tree)
        if open_hits:
            standing = read_standing(self._tree) if has_repository(self._tree) else None
            problems += _problems(open_hits, standing or {}, repository=standing is not None)
        return tuple(problems)

    def changes(self) -> dict[str, Change]:
        """How the bytes of the masked files change on their way."""
        return {path: partial(self._mask, path) for path in self._terms.mask}

    def confirm(self, manifest: Manifest, parcel: Path, overlay: Path) -> None:
        """Look once more, at exactly what was captured: the session was still at work before. Raises `RemoteError`.

        ``overlay`` has the masked files as they travel.
        """
        travels = [entry.path for entry in manifest.entries if entry.type == "file"]
        paths = changed_paths(self._tree, travels)
        masked = [path for path in paths if (overlay / path).exists()]
        hits = self._open(self._scan(self._tree, [path for path in paths if path not in masked]))
        hits += self._open(self._scan(overlay, masked))
        inside = [path.relative_to(parcel).as_posix() for path in sorted(parcel.rglob("*")) if path.is_file()]
        packed = [path for path in inside if not path.endswith(_NOT_SEARCHED)]
        hits += self._open(self._scan(parcel, packed))
        if hits:
            first = hits[0]
            raise RemoteError(
                f"A secret would travel that nothing was decided about: {_tell(first)} in {show_path(first.path)}.",
                f"Nothing was moved. Hand it off again, and see what can be done; or --allow-secret {_short(first)}",
                code="secret",
            )

    def _scan(self, folder: Path, paths: Sequence[str]) -> tuple[Hit, ...]:
        return scan_tree(folder, paths, cache=ScanCache(self._cache))

    def _scan_history(self) -> tuple[Hit, ...]:
        """What the session's own files hold, told by their places in the parcel."""
        profile = load_profile(self._session.info.agent)
        hits: list[Hit] = []
        cache = ScanCache(self._cache)
        for name, file in packed_files(self._session, profile, Path(self._session.info.home)):
            found = scan_tree(file.parent, [file.name], cache=cache)
            hits += [hit.model_copy(update={"path": name}) for hit in found]
        return tuple(hits)

    def _undecided(self, hits: Iterable[Hit]) -> list[Hit]:
        return [hit for hit in self._open(hits) if hit.path not in self._terms.mask]

    def _open(self, hits: Iterable[Hit]) -> list[Hit]:
        """Those that are not allowed."""
        allowed = list_allowed(self._allowed).secrets
        return [hit for hit in hits if hit.fingerprint not in allowed]

    def _unknown(self, travels: Sequence[str]) -> list[Problem]:
        unknown = sorted(set(self._terms.mask) - set(travels))
        return [
            Problem(
                code="mask-unknown",
                sentence=f"{show_path(path)!r} is no file that travels.",
                way_out="Look at its name.",
            )
            for path in unknown
        ]

    def _mask(self, path: str, data: bytes) -> bytes:
        masked = mask(data, self._open(scan_bytes(data, path)))
        if self._open(scan_bytes(masked, path)):
            raise RemoteError(
                f"The secrets in {show_path(path)!r} cannot be masked.", f"Leave it here: --leave {path}", code="mask"
            )
        return masked


def _problems(
    hits: Iterable[Hit], standing: dict[str, Standing] | None, *, repository: bool = False
) -> Iterable[Problem]:
    """One problem a file; ``standing`` is None for the session's own files."""
    for path, group in groupby(sorted(hits, key=lambda hit: (hit.path, hit.line)), key=lambda hit: hit.path):
        found = list(group)
        shown = "; ".join(_tell(hit) for hit in found[:_SHOWN_HITS])
        more = f" and {len(found) - _SHOWN_HITS} more" if len(found) > _SHOWN_HITS else ""
        names = tuple(dict.fromkeys(hit.fingerprint for hit in found))
        of = "the session's own file " if standing is None else ""
        yield Problem(
            code="secret",
            sentence=f"A secret is in {of}{show_path(path)}: {shown}{more}.",
            way_out=_way_out(path, names, standing, repository=repository),
            secrets=names,
        )


def _tell(hit: Hit) -> str:
    return f"{hit.description} in line {hit.line} ({hit.rule}, {_short(hit)})"


def _short(hit: Hit) -> str:
    return hit.fingerprint[:SHOWN_DIGITS]


def _way_out(path: str, names: Sequence[str], standing: dict[str, Standing] | None, *, repository: bool) -> str:
    allowing = " ".join(f"--allow-secret {name[:SHOWN_DIGITS]}" for name in names[:_SHOWN_HITS])
    if standing is None:
        return f"If the host may know it: {allowing}"
    how = standing.get(path, "modified") if repository else "untracked"
    if how == "staged":
        return f"The repository holds it as well: unstage it (git restore --staged), or allow it: {allowing}"
    named = shlex.quote(show_path(path))
    leave = f"leave it here: --leave {named}, or " if how == "untracked" else ""
    return f"Either {leave}send it masked: --mask {named}, or allow it: {allowing}"


def _name(project: str) -> str:
    return hashlib.sha256(project.encode()).hexdigest()[:20]
