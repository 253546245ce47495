"""Hostile runs: names, links, modes, kinds and times, in the run's tree and in the manifest that lies about it."""

import json
import os
import socket
from collections.abc import Callable
from typing import Any

from blake3 import blake3

from remote.parcel import parcel_digest
from tests.e2e.hostile import WORK, Act, Case, Lie, Vm

_EMPTY = blake3(b"").hexdigest()
_UNSAFE = ("unsafe-paths",)
_DAMAGED = ("manifest-damaged",)
_INCOMING = ("incoming-damaged", "rsync-failed")
_LONG = "n" * 255

Row = list[Any]
"""Path, type, mode, size, mtime in ns, digest, target: as in the manifest's file."""


def _named(name: str) -> Act:
    def act(vm: Vm) -> None:
        vm.plant(name)

    return act


def _linked(path: str, target: str) -> Act:
    def act(vm: Vm) -> None:
        link = vm.tree / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target.format(outside=vm.outside))

    return act


def _both(*acts: Act) -> Act:
    def act(vm: Vm) -> None:
        for each in acts:
            each(vm)

    return act


def _moded(path: str, mode: int) -> Act:
    def act(vm: Vm) -> None:
        vm.plant(path, mode=mode)

    return act


def _sticky(vm: Vm) -> None:
    vm.plant("modes/file.txt")
    (vm.tree / "modes").chmod(0o3777)


def _pipe(vm: Vm) -> None:
    os.mkfifo(vm.tree / "pipe")


def _pipe_for_a_file(vm: Vm) -> None:
    (vm.tree / "kept.txt").unlink()
    os.mkfifo(vm.tree / "kept.txt")


def _socket(vm: Vm) -> None:
    place = os.open(vm.tree, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(f"/proc/self/fd/{place}/plug")
    os.close(place)


def _device(vm: Vm) -> None:
    if os.getuid() == 0:
        os.mknod(vm.tree / "device", 0o060666, os.makedev(7, 0))


def _deep(vm: Vm) -> None:
    """Deeper than any path may be: made one step at a time."""
    place = os.open(vm.tree, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(_LONG, dir_fd=place)
        place, above = os.open(_LONG, os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=place))
    os.close(place)


def _times(path: str, seconds: int) -> Act:
    def act(vm: Vm) -> None:
        os.utime(vm.plant(path), ns=(seconds * 10**9, seconds * 10**9))

    return act


def _not_utf8(vm: Vm) -> None:
    (vm.tree / _LATIN).write_text("planted\n")


def after_pack(do: Act) -> Lie:
    """Something that the host does to the run when its manifest is made."""

    def lie(vm: Vm, op: str, reply: dict[str, Any]) -> dict[str, Any]:
        if op == "pack" and reply["ok"]:
            do(vm)
        return reply

    return lie


def _swap_for_link(path: str, target: str) -> Act:
    def act(vm: Vm) -> None:
        (vm.tree / path).rename(vm.home / "swapped")
        (vm.tree / path).symlink_to(target.format(outside=vm.outside))

    return act


def _swap_for_content(vm: Vm) -> None:
    (vm.tree / WORK).write_text("not what the manifest says\n")


def _swap_for_pipe(vm: Vm) -> None:
    (vm.tree / WORK).unlink()
    os.mkfifo(vm.tree / WORK)


def _swap_for_huge(vm: Vm) -> None:
    """A hole of a tebibyte takes no room there, and would take all of it here."""
    with (vm.tree / WORK).open("wb") as file:
        file.truncate(1 << 40)


def manifest(change: Callable[[list[Row]], None], *, honest_digest: bool = True, raw: bytes | None = None) -> Lie:
    """A manifest with changed rows, and digests that fit it (`snapshot.manifest` writes no such thing)."""

    def lie(vm: Vm, op: str, reply: dict[str, Any]) -> dict[str, Any]:
        if op != "pack" or not reply["ok"]:
            return reply
        file = vm.parcel / "manifest.json"
        page = json.loads(file.read_bytes())
        change(page["entries"])
        page["entries"].sort(key=_path_of)
        page["digest"] = _digest(page)
        file.write_bytes(json.dumps(page).encode() if raw is None else raw)
        body = {**reply["body"], "parcel_digest": parcel_digest(vm.parcel)}
        if honest_digest:
            body["tree_digest"] = page["digest"]
        return {**reply, "body": body}

    return lie


def _path_of(row: Row) -> str:
    return str(row[0])


def _digest(page: dict[str, Any]) -> str:
    state = blake3(f"castoff manifest {page['version']}\0".encode())
    for path, kind, mode, size, mtime, digest, target in page["entries"]:
        state.update(f"{path}\0{kind}\0{mode:o}\0{size}\0{mtime}\0{digest}\0{target}\0".encode(errors="surrogatepass"))
    return state.hexdigest()


def _add(path: str, kind: str = "file", digest: str = _EMPTY, target: str = "") -> Lie:
    return manifest(lambda rows: rows.append([path, kind, 0o644, 0, 0, digest, target]))


def _change(**values: Any) -> Lie:
    """The row of the run's honest work, with other values."""
    fields = ("path", "type", "mode", "size", "mtime_ns", "digest", "target")

    def change(rows: list[Row]) -> None:
        row = next(row for row in rows if row[0] == WORK)
        for field, value in values.items():
            row[fields.index(field)] = value

    return manifest(change)


def _twice(rows: list[Row]) -> None:
    rows.append(list(next(row for row in rows if row[0] == WORK)))


def _outside(vm: Vm, op: str, reply: dict[str, Any]) -> dict[str, Any]:
    """An absolute path that exists on this very machine."""
    return _add(f"{vm.outside}/evil")(vm, op, reply)  # type: ignore[return-value]


def _through_a_link(rows: list[Row]) -> None:
    digest = blake3(b"doc").hexdigest()
    rows.append(["way", "symlink", 0o777, 3, 0, digest, "doc"])
    rows.append(["way/evil", "file", 0o644, 0, 0, _EMPTY, ""])


def _drop_one(rows: list[Row]) -> None:
    rows.pop()


def _drop_all(rows: list[Row]) -> None:
    rows.clear()


def _nothing(_: list[Row]) -> None:
    return


_NAMES = {
    "trailing-dot": "name.",
    "trailing-space": "name ",
    "device-con": "con",
    "device-aux": "doc/aux.c",
    "device-stream": "nul:x",
}
_GIT_NAMES = {
    "case-of-git": ".GIT/config",
    "short-name-of-git": "git~1/config",
    "ignorable-in-git": ".g\u200cit/config",
    "stream-of-git": ".git::$INDEX_ALLOCATION/config",
    "git-with-a-space": ".git /config",
    "backslashes": "a\\..\\..\\evil",
}
"""What git on the host refuses already; a host that lies may send it."""
_LINKS = {
    "absolute": ("to-outside", "{outside}"),
    "up": ("up", "../.."),
    "up-from-below": ("doc/up", "../../../x"),
    "through-a-link": ("through", "odd-link/../../x"),
    "into-git": ("hook", ".git/hooks/pre-commit"),
    "into-git-by-case": ("settings", "doc/.GIT/config"),
}
_ODD_LINKS = {
    "to-home": ("tilde", "~/.bashrc"),
    "dangling": ("dangling", "doc/nowhere"),
    "circle": ("circle", "circle"),
    "with-a-newline": ("line", "no\nwhere"),
}
_LATIN = os.fsdecode(b"caf\xe9.txt")
_ODD_NAMES = {
    "escape-sequence": "clip\x1b]52;c;ZXZpbA==\x07\x1b[2J.txt",
    "bidi": "safe\u202etxt.exe",
    "newline": "line\nA\tdone.txt",
    "carriage-return": "over\rwritten.txt",
    "option": "--rsync-path=evil",
    "option-short": "-e sh evil.sh",
    "markup": "[@click=app.quit]x[/].txt",
    "glob": "*",
    "shell": "$(touch evil);`touch evil`|&.txt",
    "longest": _LONG,
    "partial": ".castoff-partial",
}

CASES = (
    *(
        Case(f"name-{name}", act=_named(path), ends=_UNSAFE, group="unsafe", unsafe=path)
        for name, path in _NAMES.items()
    ),
    *(Case(f"name-{name}", act=_named(path), arrives=(path,), group="odd") for name, path in _ODD_NAMES.items()),
    *(
        Case(f"name-{name}", lie=_add(path), ends=_UNSAFE, group="manifest-unsafe", unsafe=path)
        for name, path in _GIT_NAMES.items()
    ),
    Case("name-git-refuses", act=_named(".GIT/config"), ends=("remote",)),
    Case(
        "name-two-cases", act=_both(_named("README"), _named("readme")), ends=_UNSAFE, group="unsafe", unsafe="readme"
    ),
    Case(
        "name-two-forms",
        act=_both(_named("caf\u00e9"), _named("cafe\u0301")),
        ends=_UNSAFE,
        group="unsafe",
        unsafe="caf\u00e9",
    ),
    Case("name-not-utf8", act=_not_utf8, ends=("home", "snapshot-refused", "remote"), may=(_LATIN,)),
    Case("too-deep", act=_deep, ends=(*_UNSAFE, "remote", "snapshot-refused")),
    *(
        Case(f"link-{name}", act=_linked(path, target), ends=_UNSAFE, group="unsafe", unsafe=path)
        for name, (path, target) in _LINKS.items()
    ),
    *(
        Case(f"link-{name}", act=_linked(path, target), arrives=(path,), group="odd")
        for name, (path, target) in _ODD_LINKS.items()
    ),
    Case("setuid", act=_moded("setuid.txt", 0o6755), may=("setuid.txt",), group="odd"),
    Case("world-writable", act=_moded("open.txt", 0o666), arrives=("open.txt",), group="odd"),
    Case("unreadable", act=_moded("closed.txt", 0o000), ends=("remote",)),
    Case("sticky-folder", act=_sticky, arrives=("modes/file.txt",), may=("modes",), group="odd"),
    Case("pipe", act=_pipe, ends=("snapshot-refused",), group="special"),
    Case("socket", act=_socket, ends=("snapshot-refused",), group="special"),
    Case("device", act=_device, ends=("snapshot-refused",), group="special"),
    Case("pipe-in-place-of-a-file", act=_pipe_for_a_file, ends=("home", "snapshot-refused"), may=("kept.txt",)),
    Case("time-before-1970", act=_times("old.txt", -(1 << 32)), arrives=("old.txt",), group="odd"),
    Case("time-far-ahead", act=_times("new.txt", 1 << 33), arrives=("new.txt",), group="odd"),
    Case("folder-becomes-link", lie=after_pack(_swap_for_link("doc", "{outside}"))),
    Case("file-becomes-link", lie=after_pack(_swap_for_link(WORK, "{outside}/secret")), ends=_INCOMING),
    Case("file-becomes-another", lie=after_pack(_swap_for_content), ends=_INCOMING),
    Case("file-becomes-pipe", lie=after_pack(_swap_for_pipe), ends=_INCOMING),
    Case("file-becomes-huge", lie=after_pack(_swap_for_huge), ends=(*_INCOMING, "too-much")),
    Case("manifest-up", lie=_add("../outside/evil"), ends=_UNSAFE, group="manifest-unsafe", unsafe="../outside/evil"),
    Case(
        "manifest-up-inside",
        lie=_add("doc/../../outside/evil"),
        ends=_UNSAFE,
        group="manifest-unsafe",
        unsafe="doc/../../outside/evil",
    ),
    Case("manifest-absolute", lie=_outside, ends=_UNSAFE, group="manifest-unsafe"),
    Case("manifest-git-hook", lie=_add(".git/hooks/post-index-change")),
    Case(
        "manifest-inner-git",
        lie=_add("doc/.git/config"),
        ends=_UNSAFE,
        group="manifest-unsafe",
        unsafe="doc/.git/config",
    ),
    Case("manifest-nul", lie=_add("a\0b"), ends=(*_UNSAFE, *_DAMAGED)),
    Case("manifest-empty-name", lie=_add(""), ends=_UNSAFE, group="manifest-unsafe"),
    Case("manifest-dot", lie=_add("."), ends=_UNSAFE, group="manifest-unsafe", unsafe="."),
    Case("manifest-surrogate", lie=_add("caf\udce9"), ends=(*_UNSAFE, *_DAMAGED, *_INCOMING)),
    Case("manifest-file-never-sent", lie=_add("never-sent"), ends=_INCOMING),
    Case("manifest-below-a-file", lie=_add("kept.txt/evil"), ends=(*_UNSAFE, *_INCOMING, "placing-failed")),
    Case("manifest-through-a-link", lie=manifest(_through_a_link), ends=(*_UNSAFE, *_INCOMING)),
    Case(
        "manifest-link-lie",
        lie=_add("way", "symlink", _EMPTY, "doc"),
        ends=_UNSAFE,
        group="manifest-unsafe",
        unsafe="way",
    ),
    Case("manifest-file-is-folder", lie=_change(type="dir"), ends=("home", *_INCOMING, *_DAMAGED), may=(WORK,)),
    Case("manifest-unknown-type", lie=_change(type="fifo"), ends=_DAMAGED),
    Case("manifest-twice", lie=manifest(_twice), ends=_DAMAGED),
    Case("manifest-digest-lie", lie=_change(digest="0" * 64), ends=_INCOMING),
    Case("manifest-digest-nonsense", lie=_change(digest="../../evil"), ends=_DAMAGED),
    Case("manifest-size-lie", lie=_change(size=1), ends=("home", *_INCOMING, "too-much"), may=(WORK,)),
    Case("manifest-size-huge", lie=_change(size=1 << 62), ends=("local-full", *_DAMAGED)),
    Case("manifest-size-beyond-numbers", lie=_change(size=10**40), ends=("local-full", *_DAMAGED)),
    Case("manifest-setuid", lie=_change(mode=0o6666), arrives=(WORK,)),
    Case("manifest-mode-beyond", lie=_change(mode=0o140777), ends=_DAMAGED),
    Case("manifest-time-beyond", lie=_change(mtime_ns=10**30), ends=_DAMAGED),
    Case("manifest-time-below", lie=_change(mtime_ns=-(10**30)), ends=_DAMAGED),
    Case("manifest-promised-otherwise", lie=manifest(_drop_one, honest_digest=False), ends=("remote",)),
    Case("manifest-no-json", lie=manifest(_nothing, raw=b"\x00\xff{"), ends=_DAMAGED),
    Case("manifest-deep-json", lie=manifest(_nothing, raw=b"[" * 200_000), ends=_DAMAGED),
    Case("manifest-of-nothing", lie=manifest(_drop_all), ends=("mass-deletion", "home"), may=(WORK,)),
)
