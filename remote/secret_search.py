"""Where secrets are searched before a handoff: the tree, what its repositories hold, and the session's own files."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from agent.durable import make_private
from agent.profiles import load_profile
from agent.sessions import SessionDir
from remote.parcel import packed_files
from snapshot.beneath import Beneath
from snapshot.digest import DigestCache, read_file
from snapshot.repository import has_repository
from snapshot.roots import root_of
from snapshot.secret_objects import Held, find_copies, find_held, find_versions, scan_held
from snapshot.secret_tree import Difference, ScanCache, changed_paths, read_differences, scan_tree
from snapshot.secrets import Hit, scan_bytes
from snapshot.strangers import find_strangers
from snapshot.walk import walk


class SecretRecord(NamedTuple):
    """The files that castoff keeps of a project's secrets, outside its tree: none of them holds a value."""

    allowed: Path
    scanned: Path
    packs: Path
    digests: Path


def secret_record(state: Path, project: str) -> SecretRecord:
    """The record of ``project``, an absolute path, in the state directory ``state``."""
    name = hashlib.sha256(project.encode(errors="surrogateescape")).hexdigest()[:20]
    folder = make_private(make_private(state / "projects") / name)
    return SecretRecord(
        folder / "allowed-secrets.json", folder / "scanned.json", folder / "packs.json", folder / "scanned-digests.json"
    )


class SecretSearch:
    """Searches the tree of one project; what was searched before is not read again."""

    def __init__(self, tree: Path, record: SecretRecord) -> None:
        self._tree = tree
        self._record = record

    def read_differences(self) -> list[Difference]:
        """How the tree's own repository differs from its last commit; nothing without one. Raises `GitFailed`."""
        return read_differences(self._tree) if has_repository(self._tree) else []

    def in_files(self, travels: Iterable[str], differences: Iterable[Difference]) -> tuple[Hit, ...]:
        """What the changed files hold. Runs git on the tree. Raises `SnapshotError`."""
        return self.in_tree(changed_paths(self._tree, travels, differences))

    def in_tree(self, paths: Iterable[str]) -> tuple[Hit, ...]:
        """What ``paths`` of the tree hold. Raises `SecretsUnread`."""
        return scan_tree(self._tree, paths, cache=self._cache, digests=DigestCache(self._record.digests))

    def in_folder(self, folder: Path, paths: Iterable[str]) -> tuple[Hit, ...]:
        """What ``paths`` of ``folder`` hold. Raises `SecretsUnread`."""
        return scan_tree(folder, paths, cache=self._cache)

    def beside(self, companions: Iterable[tuple[str, Iterable[str]]]) -> tuple[Hit, ...]:
        """What files that are not git's hold in repositories' directories outside the tree, given as path and content.

        They are told by their absolute paths without the first slash. Raises `SecretsUnread`.
        """
        strange = (f"{at[1:]}/{path}" for at, paths in companions for path in find_strangers(at, paths))
        return self.in_folder(Path("/"), strange)

    def in_git(self, roots: Iterable[str], differences: Iterable[Difference]) -> tuple[Hit, ...]:
        """What the repositories of the work trees ``roots`` hold unpublished; "" is the tree's own.

        ``differences`` are those of the tree's own. Raises `GitFailed`.
        """
        return tuple(hit for root in roots for hit in self._in_repository(root, differences))

    def in_versions(self, roots: Sequence[str], path: str) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
        """What the file ``path`` holds, and what git keeps of it. Raises `GitFailed`, `OSError`."""
        with Beneath(self._tree) as below:
            where, name = below.at(path)
            data = read_file(name, where)
        root = root_of(path, roots)
        hits = scan_bytes(data, path)
        if root is None or not hits:
            return hits, ()
        inside = path.removeprefix(f"{root}/") if root else path
        return hits, self._scan_held(root, find_versions(self._tree / root, inside, data))

    def copies(
        self, roots: Sequence[str], paths: Sequence[str], differences: Iterable[Difference]
    ) -> list[tuple[str, Held]]:
        """Which of ``paths`` and the files below them, told from the tree's top, git holds unpublished. Raises
        `GitFailed`, `OSError`."""
        found: list[tuple[str, Held]] = []
        for root, inside in self._by_root(roots, paths).items():
            above = f"{root}/" if root else ""
            copies = find_copies(self._tree / root, inside, self._find_held(root, differences))
            found += [(above + path, item) for path, item in copies]
        return found

    def _by_root(self, roots: Sequence[str], paths: Iterable[str]) -> dict[str, list[str]]:
        """The files at and below ``paths`` as their repositories name them."""
        files: dict[str, list[str]] = {}
        for path in paths:
            below = walk(self._tree / path).found if (self._tree / path).is_dir() else ()
            for file in (path, *(f"{path}/{item.path}" for item in below)):
                if (root := root_of(file, roots)) is not None:
                    files.setdefault(root, []).append(file.removeprefix(f"{root}/") if root else file)
        return files

    def in_history(self, session: SessionDir) -> tuple[Hit, ...]:
        """What the session's own files hold, told by their places in the parcel. Raises `agent.errors.AgentError`."""
        profile = load_profile(session.info.agent)
        hits: list[Hit] = []
        for name, file in packed_files(session, profile, Path(session.info.home)):
            found = scan_tree(file.parent, [file.name], cache=self._cache)
            hits += [hit.model_copy(update={"path": name}) for hit in found]
        return tuple(hits)

    def _in_repository(self, root: str, differences: Iterable[Difference]) -> Iterator[Hit]:
        yield from self._scan_held(root, self._find_held(root, differences))

    def _find_held(self, root: str, differences: Iterable[Difference]) -> list[Held]:
        known = None if root else differences
        suspects = self._cache.blobs_with_secrets()
        return find_held(self._tree / root, known, packs=self._record.packs, suspects=suspects)

    def _scan_held(self, root: str, items: Sequence[Held]) -> tuple[Hit, ...]:
        above = f"{root}/" if root else ""
        hits = scan_held(self._tree / root, items, cache=self._cache)
        return tuple(hit.model_copy(update={"path": above + hit.path}) for hit in hits)

    @cached_property
    def _cache(self) -> ScanCache:
        return ScanCache(self._record.scanned)
