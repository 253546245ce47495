"""Credentials on their way out: what is found before anything moves, and what the user decided about it.

Three answers are taken: the file stays here, travels with its secrets masked, or the secret is allowed, which is
remembered for the project. What is found is told by place, kind and fingerprint, never by value.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

from agent.sessions import SessionDir
from remote.errors import RemoteError
from remote.findings import Problem
from remote.secret_problems import (
    SHOWN_DIGITS,
    beside_problems,
    file_problems,
    git_problems,
    history_problems,
    refuse_leave,
    refuse_mask,
    tell_place,
    tell_secret,
)
from remote.secret_search import SecretSearch, secret_record
from remote.terms import Terms
from snapshot.allowed import allow, choose, list_allowed
from snapshot.draft import Draft
from snapshot.manifest import Manifest
from snapshot.overlay import Change
from snapshot.repository import has_repository
from snapshot.scan import Scan
from snapshot.secret_tree import Difference, Standing, changed_paths
from snapshot.secrets import Hit, mask, scan_bytes
from snapshot.walk import show_path

_NOT_SEARCHED = (".bundle", "manifest.json")
"""Ends of names in a parcel: what git has published already, and the list of names and digests."""


class Leaving(NamedTuple):
    """What leaves: files of the tree, the work trees in it ("" is its own), and files of directories beside it."""

    files: list[str]
    roots: list[str]
    beside: list[tuple[str, list[str]]]

    @classmethod
    def of_draft(cls, draft: Draft) -> Self:
        """What leaves if nothing changes meanwhile."""
        seen = draft.seen
        return cls(
            [item.path for item in draft.list_tree() if item.type == "file"],
            [*([""] if seen.git else []), *seen.inner],
            [(str(each.beside.at), [path for path, _ in each.travels]) for each in seen.companions],
        )

    @classmethod
    def of_manifest(cls, manifest: Manifest) -> Self:
        """What was captured."""
        besides = [(each, len(each.inside) + 1) for each in manifest.companions]
        return cls(
            [entry.path for entry in manifest.entries if entry.type == "file"],
            [*([""] if manifest.git else []), *(inner.path for inner in manifest.inner)],
            [(each.at, [entry.path[cut:] for entry in each.entries]) for each, cut in besides],
        )


class SecretCheck:
    """The secrets of one handoff of ``session`` under ``terms``; what is in ``terms`` is decided."""

    def __init__(self, session: SessionDir, terms: Terms) -> None:
        self._session = session
        self._terms = terms
        self._tree = Path(session.info.project)
        record = secret_record(session.path.parents[1], session.info.project)
        self._allowed = record.allowed
        self._search = SecretSearch(self._tree, record)

    def look(self, seen: Scan) -> tuple[Problem, ...]:
        """A blocking problem for each file with a secret that nothing is decided about, of what ``seen`` says travels.

        Runs git on the tree. Allows what the terms name. Raises `SnapshotError`, `agent.errors.AgentError`.
        """
        travels = [item.path for item in seen.travels]
        # A tree that is refused as it is cannot be searched whole, and need not be.
        whole = not seen.refusals
        roots = [*([""] if seen.git else []), *seen.inner] if whole else []
        differences = self._search.read_differences() if whole else []
        in_files = self._search.in_files(travels, differences) if whole else ()
        in_git = self._search.in_git(roots, differences)
        in_history = self._search.in_history(self._session)
        in_beside = self._search.beside(
            (str(each.beside.at), [path for path, _ in each.travels]) for each in seen.companions
        )
        chosen = choose([*in_files, *in_git, *in_history, *in_beside], self._terms.allow_secrets)
        if chosen:
            allow(self._allowed, chosen)
        standing: dict[str, Standing] = {each.path: each.standing for each in differences}
        return (
            *self._unknown(travels),
            *history_problems(self._open(in_history)),
            *file_problems(self._undecided(in_files), standing if has_repository(self._tree) else None),
            *git_problems(self._open(in_git)),
            *beside_problems(self._open(in_beside)),
            *self._useless(travels, roots),
            *self._held(roots, differences),
        )

    def changes(self) -> dict[str, Change]:
        """How the bytes of the masked files change on their way."""
        return {path: partial(self._mask, path) for path in self._terms.mask}

    def confirm(self, leaving: Leaving, parcel: Path, overlay: Path) -> None:
        """Look once more, at exactly what leaves: the session was still at work before. Raises `RemoteError`.

        ``overlay`` has the masked files as they travel.
        """
        differences = self._search.read_differences()
        paths = changed_paths(self._tree, leaving.files, differences)
        masked = [path for path in paths if (overlay / path).exists()]
        hits = self._open(self._search.in_tree([path for path in paths if path not in masked]))
        hits += self._open(self._search.in_folder(overlay, masked))
        hits += self._open(self._search.in_git(leaving.roots, differences))
        hits += self._open(self._search.beside(leaving.beside))
        inside = [path.relative_to(parcel).as_posix() for path in sorted(parcel.rglob("*")) if path.is_file()]
        packed = [path for path in inside if not path.endswith(_NOT_SEARCHED)]
        hits += self._open(self._search.in_folder(parcel, packed))
        if hits:
            first = hits[0]
            raise RemoteError(
                f"A secret would travel that nothing was decided about: {tell_secret(first)} in {tell_place(first)}.",
                "Nothing was moved. Hand it off again, and see what can be done; "
                f"or --allow-secret {first.fingerprint[:SHOWN_DIGITS]}",
                code="secret",
            )

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

    def _useless(self, travels: Sequence[str], roots: Sequence[str]) -> Iterable[Problem]:
        """A problem for each masked file of which git holds the same secret."""
        for path in sorted(set(self._terms.mask).intersection(travels)):
            in_file, in_git = self._search.in_versions(roots, path)
            masked = {hit.fingerprint for hit in self._open(in_file)}
            if held := [hit for hit in in_git if hit.fingerprint in masked]:
                yield refuse_mask(path, held)

    def _held(self, roots: Sequence[str], differences: Sequence[Difference]) -> Iterable[Problem]:
        """A problem for each file that shall stay and of which git holds the content."""
        for path, held in self._search.copies(roots, self._terms.leave, differences) if self._terms.leave else ():
            yield refuse_leave(path, held)

    def _mask(self, path: str, data: bytes) -> bytes:
        masked = mask(data, self._open(scan_bytes(data, path)))
        if self._open(scan_bytes(masked, path)):
            raise RemoteError(
                f"The secrets in {show_path(path)!r} cannot be masked.", f"Leave it here: --leave {path}", code="mask"
            )
        return masked
