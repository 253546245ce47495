"""Commits, tags and stashes that a run made come home as objects only, through a quarantine, into refs of our own.

Git does not check what it fetches from a bundle, so there are two hops: the bundle goes into a scratch repository of
ours, what is new there is checked strictly, and only then it is fetched, checked once more, into the user's.
HEAD, index and every other ref of the user's repository are never touched.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3
from pydantic import TypeAdapter

from snapshot.errors import GitFailed, HostileObjects
from snapshot.git import OWN_CONFIG, git, quote_path
from snapshot.manifest import Frozen, Manifest
from snapshot.names import Name
from snapshot.repository import checks_for, git_path, is_partial, is_readable, read_stashes

_QUARANTINE = "refs/quarantine"
_STASHES = "refs/castoff/stashes"
"""Names that older stashes have while they are put into a bundle, which carries only what has a name."""


class Imported(Frozen):
    """What came: the number of new commits, and the refs made here, HEAD's first, as (name, commit)."""

    commits: int
    refs: tuple[tuple[str, str], ...] = ()


def bundle(tree: Path, base_head: str | None, out: Path, *, known: Sequence[str] = ()) -> int:
    """Write to ``out`` what HEAD, branches, tags and stashes of ``tree`` have and ``base_head`` and ``known`` have not.

    Returns the number of commits and annotated tags; with 0 no file is written. ``known`` are ids of other objects that
    home has: those that do not exist here (any more) are left out. It runs git on the tree: inside the sandbox, and
    what it names there for the bundle's sake is unnamed again. Raises `GitFailed`.
    """
    home = frozenset(filter(None, (base_head, *known)))
    with _name_stashes(tree, home):
        refs = [(name, made) for name, made in _refs(tree) if made not in home]
        wanted = _existing(tree, ["HEAD", *(name for name, _ in refs)])
        if not wanted:
            return 0
        listing = _lines([*wanted, *(f"^{commit}" for commit in _existing(tree, sorted(home)))])
        commits = int(git("rev-list", "--count", "--stdin", tree=tree, stdin=listing).out)
        count = commits + len(set(_existing(tree, [made for _, made in refs], kind="tag")))
        if count:
            # Threads that share the search for deltas end otherwise each time, and the same must be the same again.
            config = ("pack.threads=1",)
            git("bundle", "create", "--quiet", str(out.absolute()), "--stdin", tree=tree, stdin=listing, config=config)
        return count


class Left(Frozen):
    """What home has of one repository: ``path`` is its work tree's in the tree, ``head`` and ``known`` are commits."""

    path: Name
    head: str | None
    known: tuple[str, ...]


LEFT: TypeAdapter[tuple[Left, ...]] = TypeAdapter(tuple[Left, ...])


def what_left(manifest: Manifest) -> tuple[Left, ...]:
    """The repositories of ``manifest``, the tree's own first if it has one."""
    own = [("", manifest.git)] if manifest.git is not None else []
    each = [*own, *((inner.path, inner.git) for inner in manifest.inner)]
    return tuple(Left(path=path, head=git.head, known=tuple(commit for _, commit in git.refs)) for path, git in each)


def bundle_all(tree: Path, left: Sequence[Left], folder: Path) -> int:
    """Make a `bundle` (`bundle_name`) of each repository of ``left`` that is still there and has new commits.

    Returns the number of commits. It runs git on the tree: inside the sandbox. Raises `GitFailed`.
    """
    there = [each for each in left if is_readable(tree / each.path)]
    return sum(bundle(tree / each.path, each.head, folder / bundle_name(each.path), known=each.known) for each in there)


def bundle_name(path: str) -> str:
    """The file name of the bundle of the repository at ``path`` in the tree; ``commits.bundle`` for the tree's own."""
    return f"commits-{blake3(os.fsencode(path)).hexdigest(16)}.bundle" if path else "commits.bundle"


def import_inner(tree: Path, manifest: Manifest, folder: Path, ref: str) -> tuple[Imported, ...]:
    """`import_bundle` for each repository inside ``tree``, from its bundle in ``folder`` if there is one.

    Only those that left: what ``folder`` holds beyond that is not looked at. Linked worktrees have their refs in
    common: each but the first gets ``ref/worktree-N`` for ``ref``. Raises what `import_bundle` does.
    """
    bundles = [(tree / inner.path, folder / bundle_name(inner.path)) for inner in manifest.inner]
    shared = Counter([_common(tree)] if manifest.git is not None else [])
    done: list[Imported] = []
    for repo, file in bundles:
        if file.exists():
            number = shared[common := _common(repo)]
            shared[common] += 1
            done.append(import_bundle(repo, file, f"{ref}/worktree-{number}" if number else ref))
    return tuple(done)


def _common(repo: Path) -> Path:
    return (repo / os.fsdecode(git("rev-parse", "--git-common-dir", tree=repo).out[:-1])).resolve()


def import_bundle(repo: Path, bundle_file: Path, ref: str) -> Imported:
    """Bring the commits of a bundle into the repository of the tree ``repo``, below ``ref`` (``refs/castoff/...``).

    HEAD becomes ``ref/HEAD``, branches ``ref/heads/NAME``, tags ``ref/tags/NAME``, the newest stash ``ref/stash`` and
    older ones ``ref/stashes/N``. Raises `HostileObjects` when git's strict check refuses anything in it, and nothing is
    kept; `GitFailed`.
    """
    git("check-ref-format", ref, tree=repo)
    with tempfile.TemporaryDirectory(prefix="castoff-quarantine-") as folder:
        quarantine = Path(folder) / "q.git"
        _make_quarantine(repo, quarantine)
        _fetch_bundle(quarantine, bundle_file)
        _check_strictly(quarantine, partial=is_partial(repo))
        # Everything was checked by now: what fails here is a full disk, or a ref in the way.
        git(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
            *("--no-recurse-submodules", "--force", str(quarantine), f"{_QUARANTINE}/*:{ref}/*"),
            tree=repo,
            config=(*checks_for(repo), "protocol.file.allow=always", "fetch.writeCommitGraph=false"),
        )
    made = _made(repo, ref)
    return Imported(commits=_count(repo, made, ref), refs=made)


def _make_quarantine(repo: Path, quarantine: Path) -> None:
    form = git("rev-parse", "--show-object-format", tree=repo).out.decode().strip()
    git("init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(quarantine), environment=OWN_CONFIG)
    (quarantine / "objects" / "info").mkdir(exist_ok=True)
    borrowed = os.fsencode(quote_path(git_path(repo.resolve(), "objects")))
    (quarantine / "objects" / "info" / "alternates").write_bytes(borrowed + b"\n")
    shallow = git_path(repo, "shallow")
    if shallow.exists():
        shutil.copyfile(shallow, quarantine / "shallow")


def _fetch_bundle(quarantine: Path, bundle_file: Path) -> None:
    heads = git("bundle", "list-heads", str(bundle_file.absolute()), git_dir=quarantine).out
    names = {line.partition(b" ")[2] for line in heads.split(b"\n")}
    specs = [f"+HEAD:{_QUARANTINE}/HEAD"] if b"HEAD" in names else []
    specs += [f"+refs/stash:{_QUARANTINE}/stash"] if b"refs/stash" in names else []
    git(
        *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
        *(str(bundle_file.absolute()), *specs, f"+refs/heads/*:{_QUARANTINE}/heads/*"),
        *(f"+refs/tags/*:{_QUARANTINE}/tags/*", f"+{_STASHES}/*:{_QUARANTINE}/stashes/*"),
        git_dir=quarantine,
        config=("fetch.unpackLimit=1", "transfer.unpackLimit=1"),
        environment=OWN_CONFIG,
    )


def _check_strictly(quarantine: Path, *, partial: bool) -> None:
    """Check every object that came; those borrowed from the user's repository are the user's own business.

    ``partial`` says that objects which others name need not be there.
    """
    checks = ("--fsck-objects",) if partial else ("--strict", "--fsck-objects")
    packs = sorted((quarantine / "objects" / "pack").glob("*.pack"))
    loose = [path for path in (quarantine / "objects").glob("[0-9a-f][0-9a-f]/*")]
    if loose:
        raise HostileObjects("The run's commits came in an unexpected form.", "Its files can still be pulled.")
    for pack in packs:
        try:
            git(
                *("index-pack", *checks, "-o", str(quarantine / "check.idx"), str(pack)),
                git_dir=quarantine,
                environment=OWN_CONFIG,
            )
        except GitFailed as error:
            raise HostileObjects(
                f"The run's commits were refused: {error}", "Its files can still be pulled."
            ) from error
        (quarantine / "check.idx").unlink(missing_ok=True)


@contextmanager
def _name_stashes(tree: Path, home: Collection[str]) -> Generator[None]:
    """Give names to the stashes below the newest that are not in ``home``, for the block's length."""
    older = [(number, made) for number, made in enumerate(read_stashes(tree)) if number and made not in home]
    git("update-ref", "--stdin", tree=tree, stdin=_lines(f"update {_STASHES}/{n} {made}" for n, made in older))
    try:
        yield
    finally:
        git("update-ref", "--stdin", tree=tree, stdin=_lines(f"delete {_STASHES}/{n}" for n, _ in older))


def _refs(tree: Path) -> list[tuple[str, str]]:
    """Names and objects of what comes home by its name."""
    asked = ("refs/heads", "refs/tags", "refs/stash", _STASHES)
    out = git("for-each-ref", "--format=%(objectname) %(refname)", *asked, tree=tree).out
    # Names may hold what `str.splitlines` takes for the end of a line.
    pairs = (os.fsdecode(line).partition(" ") for line in out.split(b"\n") if line)
    return [(name, made) for made, _, name in pairs]


def _existing(tree: Path, names: Sequence[str], kind: str = "commit") -> list[str]:
    """Those of ``names`` that lead to an object of the kind; one git command, however many they are."""
    asked = _lines(f"{name}^{{{kind}}}" for name in names)
    out = git("cat-file", "--batch-check=%(objecttype)", tree=tree, stdin=asked).out
    return [name for name, said in zip(names, out.split(b"\n"), strict=False) if said == kind.encode()]


def _lines(items: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(item) + b"\n" for item in items)


def _made(repo: Path, ref: str) -> tuple[tuple[str, str], ...]:
    out = git("for-each-ref", "--format=%(refname) %(objectname)", f"{ref}/", tree=repo).out
    pairs = [line.rpartition(" ") for line in out.decode(errors="backslashreplace").split("\n") if line]
    return tuple(
        sorted(((name, commit) for name, _, commit in pairs), key=lambda pair: (pair[0] != f"{ref}/HEAD", pair))
    )


def _count(repo: Path, made: Sequence[tuple[str, str]], ref: str) -> int:
    tips = _lines(commit for _, commit in made)
    counted = ("rev-list", "--count", "--stdin", "--not", f"--exclude={ref}/*", "--all")
    return int(git(*counted, tree=repo, stdin=tips).out) if tips else 0
