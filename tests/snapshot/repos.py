"""Real repositories in every state that a handoff may meet."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

NASTY = [
    "*",
    "a*b",
    "[a-z]",
    "what?",
    "back\\slash",
    "back\\*star",
    "ends\\",
    "*\\",
    "new\nline",
    " lead",
    "trail ",
    "-rf",
    "--delete",
    "#hash",
    "; semi",
    "+ plus",
    "- minus",
    "!bang",
    'quo"te',
    "ap'os",
    "tab\there",
    "***",
    "ünï",
    "$(x)",
]


def run(tree: Path, *arguments: str, check: bool = True, stdin: bytes = b"") -> bytes:
    """The output of a git command in ``tree``."""
    command = ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, cwd=tree, input=stdin, capture_output=True, check=check).stdout


def write(tree: Path, name: str, content: str | bytes = "text\n") -> Path:
    file = tree / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def start(tree: Path) -> None:
    """a clean repository"""
    tree.mkdir(parents=True, exist_ok=True)
    run(tree, "init", "-q")
    write(tree, "README", "one\ntwo\n")
    write(tree, "src/app.py", "print(1)\n")
    write(tree, ".gitignore", "*.pyc\nbuild/\n")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "first")


def split(tree: Path) -> None:
    """staged, not staged, untracked, intent to add, removed from the index only"""
    start(tree)
    write(tree, "README", "one\nstaged\n")
    run(tree, "add", "README")
    write(tree, "README", "one\nstaged\nunstaged\n")
    write(tree, "new staged", "x")
    run(tree, "add", "new staged")
    write(tree, "untracked/deep/file", "y")
    write(tree, "intent", "later")
    run(tree, "add", "-N", "intent")
    run(tree, "rm", "-q", "--cached", "src/app.py")


def modes(tree: Path) -> None:
    """private, read-only and executable files and folders"""
    start(tree)
    (tree / "src/app.py").chmod(0o755)
    write(tree, "private").chmod(0o600)
    write(tree, "readonly").chmod(0o444)
    (tree / "src").chmod(0o700)


def links(tree: Path) -> None:
    """links to files, folders, nowhere, absolute, oddly written"""
    start(tree)
    (tree / "to file").symlink_to("README")
    (tree / "to dir").symlink_to("src")
    (tree / "dangling").symlink_to("no/such")
    (tree / "absolute").symlink_to("/etc/hostname")
    (tree / "odd").symlink_to("./src//app.py")
    run(tree, "add", "to file")


def empty_directories(tree: Path) -> None:
    """empty folders, and one that holds only ignored files"""
    start(tree)
    (tree / "empty/inner").mkdir(parents=True)
    write(tree, "only ignored/x.pyc")


def nasty(tree: Path) -> None:
    """names with newline, quotes, leading dash, blanks, wildcards"""
    start(tree)
    for name in NASTY:
        write(tree, f"tracked/{name}/{name}", name)
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "nasty")
    for name in NASTY:
        write(tree, f"untracked/{name}", name)
        write(tree, f"mixed/{name}.pyc", name)
        write(tree, f"mixed {name}/build/{name}", name)


def odd_names(tree: Path) -> None:
    """names, link targets and branches that are not UTF-8"""
    start(tree)
    for name in (b"caf\xe9/\xff", b"caf\xe9/tracked \xe4\n", b"\xfe\xfe*"):
        write(tree, os.fsdecode(name), name)
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "odd")
    write(tree, os.fsdecode(b"caf\xe9/\xff"), "changed")
    write(tree, os.fsdecode(b"new \xc3"), "untracked")
    write(tree, os.fsdecode(b"build/ignored \xc3"), "ignored")
    write(tree, os.fsdecode(b"\xc3.pyc"), "ignored")
    (tree / "link").symlink_to(os.fsdecode(b"caf\xe9/\xff"))
    run(tree, "stash", "-u")
    run(tree, "stash", "apply", "-q")
    run(tree, "branch", os.fsdecode(b"caf\xe9"))


def ignored(tree: Path) -> None:
    """ignored files of every kind, tracked though ignored"""
    start(tree)
    write(tree, "build/out.o", "o" * 1000)
    write(tree, "build/tracked.txt", "kept")
    run(tree, "add", "-f", "build/tracked.txt")
    run(tree, "commit", "-qm", "tracked though ignored")
    write(tree, "src/app.pyc", "c" * 10)
    write(tree, "web/node_modules/a/b.js", "j" * 500)
    write(tree, "web/.gitignore", "node_modules\n")
    write(tree, ".git/info/exclude", "secret.txt\n")
    write(tree, "secret.txt", "s")


def merging(tree: Path) -> None:
    """a merge with a conflict"""
    start(tree)
    run(tree, "checkout", "-qb", "other")
    write(tree, "README", "theirs\n")
    run(tree, "commit", "-qam", "theirs")
    run(tree, "checkout", "-q", "main")
    write(tree, "README", "ours\n")
    run(tree, "commit", "-qam", "ours")
    run(tree, "merge", "other", check=False)


def rebasing(tree: Path) -> None:
    """a rebase with a conflict"""
    merging(tree)
    run(tree, "merge", "--abort")
    run(tree, "rebase", "other", check=False)


def submodules(tree: Path) -> None:
    """submodules: clean, changed in every way, with one of their own, moved on, not checked out, of the old style"""
    lib = tree.parent / f"{tree.name}.lib"
    deep = tree.parent / f"{tree.name}.deep"
    start(deep)
    start(lib)
    run(lib, "submodule", "add", "-q", str(deep), "deep")
    run(lib, "commit", "-qm", "with another inside")
    start(tree)
    for name in ("clean", "changed", "libs/moved", "gone", "old style"):
        run(tree, "submodule", "add", "-q", str(lib), name)
    run(tree, "submodule", "update", "-q", "--init", "--recursive")
    run(tree, "commit", "-qm", "submodules")
    changed = tree / "changed"
    write(changed, "README", "staged\n")
    run(changed, "add", "README")
    write(changed, "README", "not staged\n")
    write(changed, "new file", "untracked\n")
    write(changed, "build/out.o", "ignored\n")
    write(changed, "deep/src/app.py", "print(2)\n")
    run(changed, "stash", "-u")
    run(changed, "stash", "apply", "-q", "--index")
    run(tree / "libs/moved", "commit", "-q", "--allow-empty", "-m", "on its own")
    run(tree, "submodule", "deinit", "-f", "gone")
    old = tree / "old style"
    (old / ".git").unlink()
    (tree / ".git/modules/old style").rename(old / ".git")
    write(old, "deep/.git", "gitdir: ../.git/modules/deep\n")
    run(tree, "config", "--file", str(old / ".git/modules/deep/config"), "core.worktree", "../../../deep")
    run(tree, "config", "--file", str(old / ".git/config"), "--unset", "core.worktree")


def inner_repositories(tree: Path) -> None:
    """repositories that the outer one does not know: changed, without a commit, ignored; and what looks like one"""
    start(tree)
    start(tree / "vendor/lib")
    write(tree / "vendor/lib", "README", "changed\n")
    write(tree / "vendor/lib", "build/out", "ignored there\n")
    write(tree / "vendor/lib", "x.pyc", "ignored there\n")
    start(tree / "vendor/lib/deeper still")
    unborn(tree / "fresh")
    start(tree / "build/ignored")
    write(tree, "stale/.git", "gitdir: ../nowhere\n")
    (tree / "hollow/.git").mkdir(parents=True)


def workspace(tree: Path) -> None:
    """a plain folder with clones in it"""
    write(tree, "notes.txt")
    start(tree / "one")
    split(tree / "two")
    merging(tree / "group/three")


def worktree_inside(tree: Path) -> None:
    """a linked worktree inside the folder"""
    start(tree)
    run(tree, "worktree", "add", "-q", "-b", "side", str(tree / "trees/side"))
    write(tree / "trees/side", "README", "on the side\n")


def stashed(tree: Path) -> None:
    """two stashes, one with untracked files"""
    start(tree)
    write(tree, "README", "stash one\n")
    run(tree, "stash")
    write(tree, "README", "stash two\n")
    write(tree, "loose", "untracked in stash")
    run(tree, "stash", "-u")
    write(tree, "README", "now\n")


def detached(tree: Path) -> None:
    """a detached HEAD"""
    start(tree)
    write(tree, "README", "more\n")
    run(tree, "commit", "-qam", "second")
    run(tree, "checkout", "-q", "HEAD~1")


def unborn(tree: Path) -> None:
    """a repository without a commit"""
    tree.mkdir(parents=True, exist_ok=True)
    run(tree, "init", "-q")
    write(tree, "first", "x")
    run(tree, "add", "first")
    write(tree, "second", "y")


def no_repository(tree: Path) -> None:
    """no repository"""
    write(tree, "notes.txt", "x")
    write(tree, "build/x.pyc", "y")
    write(tree, ".gitignore", "*.pyc\n")
    (tree / "empty").mkdir()


def empty_folder(tree: Path) -> None:
    """an empty folder"""
    tree.mkdir(parents=True, exist_ok=True)


def shallow(tree: Path) -> None:
    """a shallow clone"""
    origin = tree.parent / f"{tree.name}.origin"
    start(origin)
    for number in range(3):
        write(origin, "README", f"{number}\n")
        run(origin, "commit", "-qam", f"{number}")
    run(tree.parent, "clone", "-q", "--depth=1", f"file://{origin}", str(tree))
    write(tree, "README", "changed\n")


def sparse(tree: Path) -> None:
    """a sparse checkout"""
    start(tree)
    write(tree, "docs/page", "p")
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "docs")
    run(tree, "sparse-checkout", "set", "src")
    write(tree, "src/app.py", "print(2)\n")


def flagged(tree: Path) -> None:
    """assume-unchanged, skip-worktree, a split index"""
    start(tree)
    run(tree, "update-index", "--assume-unchanged", "README")
    run(tree, "update-index", "--skip-worktree", "src/app.py")
    run(tree, "update-index", "--split-index")


STATES: dict[str, Callable[[Path], None]] = {
    build.__name__: build
    for build in (
        start,
        split,
        modes,
        links,
        empty_directories,
        nasty,
        odd_names,
        ignored,
        submodules,
        inner_repositories,
        workspace,
        worktree_inside,
        merging,
        rebasing,
        stashed,
        detached,
        unborn,
        no_repository,
        empty_folder,
        shallow,
        sparse,
        flagged,
    )
}


def rsync(source: Path, target: Path, filters: bytes = b"", overlay: Path | None = None) -> None:
    """Send as the product does."""
    command = ["rsync", "-a", "--no-i-r", "--from0", "--exclude-from=-", "--"]
    command += [f"{overlay}/"] if overlay else []
    subprocess.run([*command, f"{source}/", f"{target}/"], input=filters, check=True, capture_output=True)
