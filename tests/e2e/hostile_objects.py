"""Hostile runs: commits whose trees, links and messages git would not write, refs with odd names, broken bundles."""

import subprocess
from collections.abc import Callable
from typing import Any

from remote.parcel import parcel_digest
from tests.e2e.hostile import Act, Case, Lie, Vm
from tests.e2e.hostile_git import NEUTRAL

_REFUSED = ("home", "hostile-objects")
"""The files come home with a word that the commits did not, or nothing comes; never the commits."""
_PERSON = b"Evil <evil@example.org> 1700000000 +0000"


def _git(vm: Vm, *words: str, stdin: bytes = b"") -> str:
    command = ["git", f"--git-dir={vm.tree}/.git", "-c", "core.fsmonitor=false", *words]
    return subprocess.run(command, input=stdin, check=True, capture_output=True, env=NEUTRAL).stdout.decode().strip()


def _object(vm: Vm, kind: str, content: bytes) -> str:
    return _git(vm, "hash-object", "-t", kind, "--literally", "-w", "--stdin", stdin=content)


def _commit(vm: Vm, tree: str, ref: str = "refs/heads/main", extra: bytes = b"", person: bytes = _PERSON) -> None:
    parent = _git(vm, "rev-parse", "HEAD").encode()
    body = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n%s\nevil\n"
    made = _object(vm, "commit", body % (tree.encode(), parent, person, person, extra))
    target = vm.tree / ".git" / ref
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(made + "\n")


def _tree(name: bytes, mode: bytes = b"100644", content: bytes = b"evil\n", kind: str = "blob") -> Act:
    """A commit whose tree holds one entry that no honest git writes."""

    def act(vm: Vm) -> None:
        inner = _object(vm, kind, content)
        _commit(vm, _object(vm, "tree", mode + b" " + name + b"\0" + bytes.fromhex(inner)))

    return act


def _folder(name: bytes) -> Act:
    def act(vm: Vm) -> None:
        blob = bytes.fromhex(_object(vm, "blob", b"#!/bin/sh\nfalse\n"))
        inner = bytes.fromhex(_object(vm, "tree", b"100755 post-checkout\0" + blob))
        _commit(vm, _object(vm, "tree", b"40000 " + name + b"\0" + inner))

    return act


def _unsorted(vm: Vm) -> None:
    blob = bytes.fromhex(_object(vm, "blob", b"evil\n"))
    entries = [b"100644 " + name + b"\0" + blob for name in (b"z", b"a", b"a")]
    _commit(vm, _object(vm, "tree", b"".join(entries)))


def _gitlink(vm: Vm) -> None:
    modules = bytes.fromhex(
        _object(vm, "blob", b'[submodule "sub"]\n\tpath = sub\n\turl = -u./evil\n\tupdate = !touch evil\n')
    )
    entries = b"100644 .gitmodules\0" + modules + b"160000 sub\0" + b"\x11" * 20
    _commit(vm, _object(vm, "tree", entries))


def _modules_is_a_link(vm: Vm) -> None:
    blob = bytes.fromhex(_object(vm, "blob", b"../outside/modules"))
    _commit(vm, _object(vm, "tree", b"120000 .gitmodules\0" + blob))


def _bad_commit(vm: Vm) -> None:
    _commit(vm, _git(vm, "rev-parse", "HEAD^{tree}"), person=b"Evil <evil@example.org> 99999999999999999999999 +0000")


def _header_with_escapes(vm: Vm) -> None:
    _commit(vm, _git(vm, "rev-parse", "HEAD^{tree}"), person=b"\x1b]0;evil\x07 <e@x> 1700000000 +0000")


def _refs(*names: str) -> Act:
    """Good commits under bad names."""

    def act(vm: Vm) -> None:
        for name in names:
            _commit(vm, _git(vm, "rev-parse", "HEAD^{tree}"), ref=name)

    return act


def _bundle(change: Callable[[bytes], bytes]) -> Lie:
    """A bundle that the host wrote by hand, with a parcel's digest that fits."""

    def lie(vm: Vm, op: str, reply: dict[str, Any]) -> dict[str, Any]:
        if op != "pack" or not reply["ok"]:
            return reply
        _good(vm)
        file = vm.parcel / "commits.bundle"
        _git(vm, "bundle", "create", "--quiet", str(file), "HEAD", "^HEAD~1")
        file.write_bytes(change(file.read_bytes()))
        file.chmod(0o600)
        return {**reply, "body": {**reply["body"], "parcel_digest": parcel_digest(vm.parcel)}}

    return lie


def _header(old: bytes, new: bytes) -> Lie:
    def change(bundle: bytes) -> bytes:
        head, end, pack = bundle.partition(b"\n\n")
        return head.replace(old, new) + end + pack

    return _bundle(change)


def _good(vm: Vm) -> None:
    _commit(vm, _git(vm, "rev-parse", "HEAD^{tree}"))


def _broken(bundle: bytes) -> bytes:
    return bundle[:-40] + b"\0" * 40


_TREES: dict[str, Act] = {
    "tree-with-git": _folder(b".git"),
    "tree-with-case-of-git": _folder(b".GIT"),
    "tree-with-short-git": _folder(b"git~1"),
    "tree-with-ignorable-git": _folder(".g\u200cit".encode()),
    "tree-with-slash": _tree(b"a/b"),
    "tree-with-dots": _tree(b".."),
    "tree-unsorted-and-double": _unsorted,
    "commit-of-a-bad-submodule": _gitlink,
    "commit-of-a-linked-gitmodules": _modules_is_a_link,
    "commit-with-a-bad-date": _bad_commit,
}
_HANDMADE: dict[str, Lie] = {
    "bundle-ref-outside": _header(b" HEAD", b" refs/heads/../../../outside/evil"),
    "bundle-ref-is-an-option": _header(b" HEAD", b" --upload-pack=touch evil"),
    "bundle-broken": _bundle(_broken),
    "bundle-of-nothing": _bundle(lambda _: b""),
    "bundle-builds-on-nothing": _header(b"\n-", b"\n-" + b"2" * 40 + b" x\n-"),
}

CASES = (
    Case("tree-with-traversal", act=_tree(b"../evil"), ends=_REFUSED),
    *(Case(name, act=act, part=True, ends=_REFUSED) for name, act in _TREES.items()),
    # Git itself reads it as an ordinary file.
    Case("tree-with-odd-mode", act=_tree(b"evil", b"107777"), part=True),
    Case("commit-with-escape-sequences", act=_header_with_escapes, part=True),
    Case("refs-like-options", act=_refs("refs/heads/--upload-pack=evil", "refs/heads/-x"), group="refs"),
    Case("refs-like-head", act=_refs("refs/heads/HEAD", "refs/heads/refs/heads/main"), group="refs"),
    Case("refs-elsewhere", act=_refs("refs/replace/" + "1" * 40, "refs/remotes/x/y", "refs/castoff/x"), group="refs"),
    Case("refs-with-bad-names", act=_refs("refs/heads/a..b", "refs/heads/a~1", "refs/heads/\x1b[2J"), group="refs"),
    *(Case(name, lie=lie, ends=(*_REFUSED, "git-failed")) for name, lie in _HANDMADE.items()),
)
