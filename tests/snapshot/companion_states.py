"""Repositories that need what lies outside their folder; each docstring is a line in docs/fidelity.md."""

from collections.abc import Callable
from pathlib import Path

from tests.snapshot.repos import merging, run, start, write


def _beside(tree: Path, name: str) -> Path:
    return tree.parent / f"{tree.name}.{name}"


def _dirty(tree: Path) -> None:
    write(tree, "README", "one\nstaged\n")
    run(tree, "add", "README")
    write(tree, "README", "one\nstaged\nnot staged\n")
    write(tree, "untracked/file")
    run(tree, "rm", "-q", "--cached", "src/app.py")


def linked(tree: Path) -> None:
    """a linked worktree"""
    main = _beside(tree, "main repository")
    start(main)
    run(main, "worktree", "add", "-q", "-b", "side", str(tree))


def linked_changed(tree: Path) -> None:
    """a linked worktree with changes and a stash, and two more of its repository elsewhere"""
    linked(tree)
    main = _beside(tree, "main repository")
    write(main, "README", "changed in the main one\n")
    for name in ("third", "fourth"):
        run(main, "worktree", "add", "-q", "-b", name, str(_beside(tree, name)))
    write(tree, "README", "for the stash\n")
    run(tree, "stash")
    _dirty(tree)


def linked_rebasing(tree: Path) -> None:
    """a linked worktree in a rebase with a conflict, of a repository whose path has a line break in it"""
    main = _beside(tree, "main\nrepository")
    merging(main)
    run(main, "merge", "--abort")
    run(main, "worktree", "add", "-q", "-b", "mine", str(tree))
    run(tree, "rebase", "other", check=False)


def linked_own_settings(tree: Path) -> None:
    """a linked worktree with settings, a sparse checkout and a submodule of its own"""
    lib = _beside(tree, "lib")
    start(lib)
    linked(tree)
    run(tree, "submodule", "add", "-q", str(lib), "libs/one")
    run(tree, "commit", "-qm", "a submodule")
    write(tree / "libs/one", "README", "changed\n")
    run(tree, "config", "extensions.worktreeConfig", "true")
    run(tree, "config", "--worktree", "core.editor", "true")
    run(tree, "sparse-checkout", "set", "src", "libs")


def bare_beside(tree: Path) -> None:
    """a worktree of a bare repository in a folder beside it"""
    start(_beside(tree, "origin"))
    run(tree.parent, "clone", "-q", "--bare", str(_beside(tree, "origin")), ".bare")
    write(tree.parent, ".git", "gitdir: ./.bare\n")
    run(tree.parent / ".bare", "worktree", "add", "-q", "-b", "side", str(tree))
    run(tree.parent / ".bare", "worktree", "add", "-q", "-b", "feature", str(tree.parent / "feature"))
    _dirty(tree)


def bare_around(tree: Path) -> None:
    """a worktree that lies in its bare repository, with another one"""
    start(_beside(tree, "origin"))
    run(tree.parent, "init", "-q", "--bare", ".")
    run(tree.parent, "fetch", "-q", str(_beside(tree, "origin")), "main:main")
    run(tree.parent, "worktree", "add", "-q", str(tree), "main")
    run(tree.parent, "worktree", "add", "-q", "-b", "feature", str(tree.parent / "feature"))
    _dirty(tree)


def shared(tree: Path) -> None:
    """objects borrowed by `git clone --shared`, through a link"""
    start(_beside(tree, "lender"))
    (tree.parent / "link").symlink_to(_beside(tree, "lender").name)
    run(tree.parent, "clone", "-q", "--shared", str(tree.parent / "link"), str(tree))
    _dirty(tree)


def referring(tree: Path) -> None:
    """objects borrowed by `git clone --reference`, also a submodule's"""
    lender, lib = _beside(tree, "lender"), _beside(tree, "lib")
    start(lender)
    start(lib)
    run(lender, "gc", "-q")
    run(tree.parent, "clone", "-q", "--reference", str(lender), f"file://{lender}", str(tree))
    run(tree, "submodule", "add", "-q", "--reference", str(lib), str(lib), "lib")
    run(tree, "commit", "-qm", "a submodule")
    _dirty(tree)


def chained(tree: Path) -> None:
    """objects borrowed from one that borrows"""
    start(_beside(tree, "first"))
    run(tree.parent, "clone", "-q", "--shared", str(_beside(tree, "first")), str(_beside(tree, "second")))
    run(_beside(tree, "second"), "commit", "-q", "--allow-empty", "-m", "second")
    run(tree.parent, "clone", "-q", "--shared", str(_beside(tree, "second")), str(tree))
    run(tree, "commit", "-q", "--allow-empty", "-m", "third")


def submodule_alone(tree: Path) -> None:
    """a submodule opened by itself"""
    lib, around = _beside(tree, "lib"), tree.parent
    start(lib)
    start(around)
    run(around, "submodule", "add", "-q", str(lib), tree.name)
    run(around, "commit", "-qm", "a submodule")
    _dirty(tree)


def separate(tree: Path) -> None:
    """a repository kept elsewhere (`git init --separate-git-dir`)"""
    run(tree.parent, "init", "-q", f"--separate-git-dir={_beside(tree, 'kept')}", str(tree))
    start(tree)
    _dirty(tree)


def several(tree: Path) -> None:
    """a plain folder with worktrees of repositories elsewhere"""
    for name in ("one", "two"):
        start(_beside(tree, name))
        run(_beside(tree, name), "worktree", "add", "-q", "-b", "side", str(tree / name))
        run(_beside(tree, name), "worktree", "add", "-q", "-b", "other", str(tree / f"more/{name}"))


COMPANIONS: dict[str, Callable[[Path], None]] = {
    build.__name__: build
    for build in (
        linked,
        linked_changed,
        linked_rebasing,
        linked_own_settings,
        bare_beside,
        bare_around,
        shared,
        referring,
        chained,
        submodule_alone,
        separate,
        several,
    )
}
