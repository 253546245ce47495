"""More states of repositories, for the fidelity matrix; each docstring is its line in docs/fidelity.md."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.snapshot.repos import merging, run, start, write


def _diverged(tree: Path) -> None:
    merging(tree)
    run(tree, "merge", "--abort")


def cherry_picking(tree: Path) -> None:
    """a cherry-pick that stopped at a conflict"""
    _diverged(tree)
    run(tree, "cherry-pick", "other", check=False)


def reverting(tree: Path) -> None:
    """a revert that stopped at a conflict"""
    _diverged(tree)
    write(tree, "README", "later\n")
    run(tree, "commit", "-qam", "later")
    run(tree, "revert", "--no-edit", "HEAD~1", check=False)


def bisecting(tree: Path) -> None:
    """a bisect under way"""
    start(tree)
    for number in range(6):
        write(tree, "README", f"{number}\n")
        run(tree, "commit", "-qam", f"{number}")
    run(tree, "bisect", "start", "HEAD", "HEAD~5")


def rebasing_merges(tree: Path) -> None:
    """an interactive rebase stopped for an edit, with an autostash"""
    start(tree)
    for number in range(3):
        write(tree, f"file{number}", f"{number}\n")
        run(tree, "add", "-A")
        run(tree, "commit", "-qm", f"{number}")
    write(tree, "file0", "not committed\n")
    run(tree, "-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "-q", "--autostash", "-i", "HEAD~2", check=False)


def applying_mail(tree: Path) -> None:
    """`git am` that stopped at a conflict"""
    _diverged(tree)
    patch = run(tree, "format-patch", "-1", "--stdout", "other")
    run(tree, "am", stdin=patch, check=False)


def squashing(tree: Path) -> None:
    """a merge without its commit, and a prepared message"""
    start(tree)
    run(tree, "checkout", "-qb", "other")
    write(tree, "more")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "more")
    run(tree, "checkout", "-q", "main")
    run(tree, "merge", "--no-ff", "--no-commit", "other")
    write(tree, ".git/COMMIT_EDITMSG", "half a message\n")


def clashes(tree: Path) -> None:
    """conflicts of every kind: added twice, deleted and changed, renamed apart, file and folder"""
    start(tree)
    for name in ("deleted", "renamed", "turned"):
        write(tree, name, f"{name}\n" * 5)
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "base")
    run(tree, "checkout", "-qb", "other")
    run(tree, "mv", "renamed", "there")
    run(tree, "rm", "-q", "deleted", "turned")
    write(tree, "turned/inside")
    write(tree, "added", "theirs\n")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "theirs")
    run(tree, "checkout", "-q", "main")
    run(tree, "mv", "renamed", "here")
    write(tree, "deleted", "changed\n")
    write(tree, "turned", "changed\n")
    write(tree, "added", "ours\n")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "ours")
    run(tree, "merge", "other", check=False)


def deletions(tree: Path) -> None:
    """deletions: staged, not staged, staged with the file back"""
    start(tree)
    for name in ("a", "b", "c"):
        write(tree, name)
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "three")
    run(tree, "rm", "-q", "a")
    (tree / "b").unlink()
    run(tree, "rm", "-q", "--cached", "c")


def renames(tree: Path) -> None:
    """renames, also in case only, and a swap"""
    start(tree)
    for name in ("one", "two", "Name"):
        write(tree, name, f"{name}\n")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "names")
    run(tree, "mv", "one", "third")
    run(tree, "mv", "two", "one")
    run(tree, "mv", "Name", "name")


def type_changes(tree: Path) -> None:
    """a file that became a link, a link that became a folder, a folder that became a file"""
    start(tree)
    (tree / "link").symlink_to("README")
    write(tree, "folder/x")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "before")
    (tree / "README").unlink()
    (tree / "README").symlink_to("src")
    (tree / "link").unlink()
    write(tree, "link/inside")
    (tree / "folder/x").unlink()
    (tree / "folder").rmdir()
    write(tree, "folder")


def mode_changes(tree: Path) -> None:
    """executable bits: staged, not staged, and not counted (core.fileMode)"""
    start(tree)
    (tree / "README").chmod(0o755)
    run(tree, "add", "README")
    (tree / "src/app.py").chmod(0o755)
    run(tree, "update-index", "--chmod=+x", ".gitignore")
    start(tree / "uncounted")
    run(tree / "uncounted", "config", "core.fileMode", "false")
    (tree / "uncounted/README").chmod(0o755)


def all_refs(tree: Path) -> None:
    """tags, notes, remote branches, replacements, odd names, packed and loose, symbolic"""
    start(tree)
    run(tree, "tag", "light")
    run(tree, "tag", "-am", "annotated", "v1")
    run(tree, "notes", "add", "-m", "a note")
    run(tree, "update-ref", "refs/remotes/origin/main", "HEAD")
    run(tree, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    run(tree, "update-ref", "refs/odd/place/x", "HEAD")
    run(tree, "pack-refs", "--all")
    run(tree, "commit", "-q", "--allow-empty", "-m", "second")
    run(tree, "replace", "HEAD", "HEAD~1")
    run(tree, "branch", "feature/deep/er")


def reflogs(tree: Path) -> None:
    """commits that only the reflog still has"""
    start(tree)
    run(tree, "commit", "-q", "--allow-empty", "-m", "lost")
    run(tree, "reset", "-q", "--hard", "HEAD~1")
    run(tree, "commit", "-q", "--amend", "-m", "amended")


def hooks(tree: Path) -> None:
    """hooks, executable and not, and a hooks folder in the tree"""
    start(tree)
    write(tree, ".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n").chmod(0o755)
    write(tree, ".git/hooks/post-merge", "#!/bin/sh\nexit 0\n")
    write(tree, "tools/hooks/pre-push", "#!/bin/sh\n").chmod(0o755)
    run(tree, "config", "core.hooksPath", "tools/hooks")


def line_ends(tree: Path) -> None:
    """line ends and encodings converted by attributes"""
    start(tree)
    write(tree, ".gitattributes", "*.txt text eol=crlf\n*.utf16 working-tree-encoding=UTF-16LE\n*.id ident\n")
    write(tree, "dos.txt", "one\r\ntwo\r\n")
    write(tree, "wide.utf16", "wide\n".encode("utf-16-le"))
    write(tree, "x.id", "$Id$\n")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "converted")
    write(tree, "mixed.txt", "one\r\ntwo\n")


def filtered(tree: Path) -> None:
    """a clean and smudge filter, as LFS has it, with its store in .git/lfs"""
    start(tree)
    run(tree, "config", "filter.up.clean", "tr a-z A-Z")
    run(tree, "config", "filter.up.smudge", "tr A-Z a-z")
    write(tree, ".gitattributes", "*.up filter=up\n")
    write(tree, "x.up", "lower\n")
    write(tree, ".git/lfs/objects/ab/cd/abcd", "large")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "filtered")
    write(tree, "x.up", "changed\n")


def large_files(tree: Path) -> None:
    """Git LFS: large files as they were committed, modified, staged, and one that was never fetched"""
    start(tree)
    run(tree, "lfs", "install", "--local")
    run(tree, "lfs", "track", "*.big")
    for name in ("kept", "modified", "staged", "missing"):
        write(tree, f"{name}.big", f"{name}\n" * 1000)
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "large")
    write(tree, "modified.big", "changed\n")
    write(tree, "staged.big", "newly staged\n")
    run(tree, "add", "staged.big")
    (pointer,) = (line for line in run(tree, "show", "HEAD:missing.big").split() if line.startswith(b"sha256:"))
    name = pointer.decode().removeprefix("sha256:")
    (tree / f".git/lfs/objects/{name[:2]}/{name[2:4]}/{name}").unlink()
    (tree / "missing.big").unlink()
    skip = ("-c", "filter.lfs.process=git-lfs filter-process --skip", "-c", "filter.lfs.smudge=git-lfs smudge --skip")
    run(tree, *skip, "checkout", "--", "missing.big")
    run(tree, "diff")  # LFS keeps what it was asked to compare; any later question would


def packed(tree: Path) -> None:
    """packed, with commit graph, bitmap and several packs"""
    start(tree)
    run(tree, "repack", "-qadb")
    run(tree, "commit", "-q", "--allow-empty", "-m", "second")
    run(tree, "repack", "-q")
    run(tree, "commit-graph", "write", "--reachable")
    run(tree, "multi-pack-index", "write")


def partial(tree: Path) -> None:
    """a partial clone whose blobs were never fetched"""
    origin = tree.parent / f"{tree.name}.origin"
    start(origin)
    write(origin, "README", "second\n")
    run(origin, "commit", "-qam", "second")
    run(origin, "config", "uploadpack.allowFilter", "true")
    run(tree.parent, "clone", "-q", "--filter=blob:none", f"file://{origin}", str(tree))
    write(tree, "README", "changed\n")


def partial_sparse(tree: Path) -> None:
    """a partial clone, and in it a sparse checkout by patterns without the large files"""
    origin = tree.parent / f"{tree.name}.origin"
    start(origin)
    for number in range(3):
        write(origin, f"docs/{number}.txt", f"{number}\n")
        write(origin, f"docs/{number}.bin", f"binary {number}\n")
    run(origin, "add", "-A")
    run(origin, "commit", "-qm", "docs")
    run(origin, "config", "uploadpack.allowFilter", "true")
    run(tree.parent, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{origin}", str(tree))
    run(tree, "sparse-checkout", "set", "--no-cone", "/*", "!*.bin")
    run(tree, "checkout", "-q", "main")
    write(tree, "docs/1.txt", "changed\n")


def sparse_index(tree: Path) -> None:
    """a sparse checkout in cone mode with a sparse index"""
    start(tree)
    write(tree, "docs/deep/page", "p")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "docs")
    run(tree, "sparse-checkout", "init", "--cone", "--sparse-index")
    run(tree, "sparse-checkout", "set", "src")


def sparse_patterns(tree: Path) -> None:
    """a sparse checkout by patterns"""
    start(tree)
    run(tree, "sparse-checkout", "set", "--no-cone", "/*", "!README")


def sha256(tree: Path) -> None:
    """objects named by SHA-256"""
    tree.mkdir(parents=True, exist_ok=True)
    run(tree, "init", "-q", "--object-format=sha256")
    write(tree, "first")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "first")
    write(tree, "first", "changed\n")


def orphan(tree: Path) -> None:
    """an orphan branch with nothing committed yet"""
    start(tree)
    run(tree, "checkout", "-q", "--orphan", "fresh")


def index_extras(tree: Path) -> None:
    """an index with untracked cache, version 4, resolve-undo"""
    merging(tree)
    write(tree, "README", "resolved\n")
    run(tree, "add", "README")
    run(tree, "update-index", "--untracked-cache", "--index-version", "4")


def rerere(tree: Path) -> None:
    """recorded resolutions of conflicts"""
    _diverged(tree)
    run(tree, "config", "rerere.enabled", "true")
    run(tree, "merge", "other", check=False)
    write(tree, "README", "resolved\n")
    run(tree, "commit", "-qam", "merged")


def unpushed(tree: Path) -> None:
    """commits ahead of and behind the branch they follow"""
    origin = tree.parent / f"{tree.name}.origin"
    start(origin)
    run(tree.parent, "clone", "-q", str(origin), str(tree))
    write(origin, "README", "newer\n")
    run(origin, "commit", "-qam", "newer")
    run(tree, "fetch", "-q")
    run(tree, "commit", "-q", "--allow-empty", "-m", "mine")


def own_settings(tree: Path) -> None:
    """settings per worktree, includes and conditions inside the repository"""
    start(tree)
    run(tree, "config", "extensions.worktreeConfig", "true")
    run(tree, "config", "--worktree", "core.editor", "true")
    run(tree, "config", "include.path", "more")
    write(tree, ".git/more", "[user]\n\tname = Other\n")


def bare_inside(tree: Path) -> None:
    """a bare repository among the files"""
    start(tree)
    run(tree, "init", "-q", "--bare", "fixtures/sample.git")
    run(tree, "push", "-q", "fixtures/sample.git", "main")


def deep_names(tree: Path) -> None:
    """long names and deep folders"""
    start(tree)
    write(tree, "/".join(["d" * 100] * 9 + ["x" * 250]))


def fine_times(tree: Path) -> None:
    """files older than 1980, in the future, and with nanoseconds"""
    start(tree)
    for number, (name, time) in enumerate((("old", 1), ("next", 4_000_000_000), ("fine", 1_600_000_000))):
        os.utime(write(tree, name), ns=(0, time * 10**9 + number * 111))


def racy(tree: Path) -> None:
    """the same-size edit within the second of the last `git add`"""
    start(tree)
    write(tree, "README", "two\none\n")
    run(tree, "add", "README")
    write(tree, "README", "ten\none\n")


MORE: dict[str, Callable[[Path], None]] = {
    build.__name__: build
    for build in (
        cherry_picking,
        reverting,
        bisecting,
        rebasing_merges,
        applying_mail,
        squashing,
        clashes,
        deletions,
        renames,
        type_changes,
        mode_changes,
        all_refs,
        reflogs,
        hooks,
        line_ends,
        filtered,
        large_files,
        packed,
        partial,
        partial_sparse,
        sparse_index,
        sparse_patterns,
        sha256,
        orphan,
        index_extras,
        rerere,
        unpushed,
        own_settings,
        bare_inside,
        deep_names,
        fine_times,
        racy,
    )
}
