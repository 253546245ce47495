"""Hostile hosts: answers of wrong types, without end, of wrong epochs; and an rsync that sends other names."""

import sys
from typing import Any

from tests.e2e.hostile import WORK, Case, Lie, Vm

_PROTOCOL = ("protocol", "remote")
_TRANSFER = ("rsync-failed", "remote", "snapshot", "manifest-damaged", "incoming-damaged")
_SENT = b"a-name-that-lie"
ABSOLUTE = b"/tmp/castoffevi"
"""What the rsync that lies makes of it."""
_EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2J[@click=app.quit]x[/]\u202e\nTwo lines.\n"


def _raw(op: str, answer: bytes | None) -> Lie:
    def lie(_: Vm, asked: str, reply: dict[str, Any]) -> dict[str, Any] | bytes | None:
        return answer if asked == op else reply

    return lie


def _body(op: str, **values: Any) -> Lie:
    def lie(_: Vm, asked: str, reply: dict[str, Any]) -> dict[str, Any]:
        return {**reply, "body": {**reply["body"], **values}} if asked == op and reply["ok"] else reply

    return lie


def _whole(op: str, **values: Any) -> Lie:
    def lie(_: Vm, asked: str, reply: dict[str, Any]) -> dict[str, Any]:
        return {**reply, **values} if asked == op else reply

    return lie


def _torn(_: Vm, op: str, reply: dict[str, Any]) -> dict[str, Any] | None:
    if op != "pack":
        return reply
    sys.stdout.buffer.write(b'{"ok": true')
    sys.stdout.buffer.flush()
    return None


def _plant(vm: Vm) -> None:
    vm.plant(_SENT.decode())


def _endless(_: Vm, op: str, reply: dict[str, Any]) -> dict[str, Any]:
    while op == "pack":
        sys.stdout.buffer.write(b"x" * (1 << 20))
    return reply


def _refusal(text: str) -> Lie:
    return _whole("pack", ok=False, code=text, sentence=text, way_out=text)


_LATE = {"epoch": 77, "state": "offered", "to": "home"}
_ODD_DIFF = {"base": "1" * 40, "now": "2" * 40, "files": [{"path": f"../../{_EVIL}", "change": "added", "text": _EVIL}]}

CASES = (
    Case("answer-is-no-json", lie=_raw("pack", b"evil\n"), ends=_PROTOCOL),
    Case("answer-is-no-utf8", lie=_raw("pack", b'{"ok": "\xff\xfe"}\n'), ends=_PROTOCOL),
    Case("answer-is-deep", lie=_raw("pack", b"[" * 100_000 + b"\n"), ends=_PROTOCOL),
    Case("answer-is-empty", lie=_raw("pack", b"\n"), ends=_PROTOCOL),
    Case("answer-never-ends", lie=_endless, ends=("line-too-long", "connection-lost", "remote")),
    Case("answer-is-none", lie=_raw("pack", None), ends=("remote", "connection-lost")),
    Case("answer-is-torn", lie=_torn, ends=("remote", "connection-lost")),
    Case("packed-is-a-list", lie=_whole("pack", body=[1, 2]), ends=_PROTOCOL),
    Case("packed-is-null", lie=_whole("pack", body=None), ends=_PROTOCOL),
    Case("packed-epoch-is-text", lie=_body("pack", epoch="two; touch evil"), ends=_PROTOCOL),
    Case("packed-epoch-is-old", lie=_body("pack", epoch=1), ends=("epoch", *_PROTOCOL, "not-owner")),
    Case("packed-epoch-is-negative", lie=_body("pack", epoch=-1), ends=("epoch", *_PROTOCOL, "not-owner")),
    Case("packed-epoch-is-late", lie=_body("pack", epoch=10**9), ends=("epoch", *_PROTOCOL, "not-owner")),
    Case("packed-epoch-is-beyond", lie=_body("pack", epoch=10**40), ends=("epoch", *_PROTOCOL, "not-owner")),
    Case("packed-tree-is-an-option", lie=_body("pack", tree="--rsh=sh -c 'touch evil'"), ends=_TRANSFER),
    Case("packed-tree-is-elsewhere", lie=_body("pack", tree="/etc"), ends=_TRANSFER),
    Case("packed-parcel-is-an-option", lie=_body("pack", parcel="-e sh"), ends=_TRANSFER),
    Case("packed-parcel-has-commands", lie=_body("pack", parcel="/nowhere; touch evil; `touch evil`"), ends=_TRANSFER),
    Case("packed-parcel-is-elsewhere", lie=_body("pack", parcel="/etc/ssl"), ends=_TRANSFER),
    Case("packed-digest-is-another", lie=_body("pack", parcel_digest="0" * 64), ends=("remote",)),
    Case("packed-tree-digest-is-another", lie=_body("pack", tree_digest="0" * 64), ends=("remote",)),
    Case("given-is-held", lie=_body("give", lease={"epoch": 2, "state": "held"}), ends=("remote",)),
    Case("given-is-nothing", lie=_body("give", lease=None), ends=("remote",)),
    Case("given-is-of-another-epoch", lie=_body("give", lease=_LATE), ends=("remote", "home", "epoch")),
    Case("given-is-of-a-wrong-type", lie=_body("give", lease={"epoch": [], "state": 1}), ends=_PROTOCOL),
    Case("confirm-is-nonsense", lie=_raw("confirm", b"evil\n")),
    Case("refusal-with-escape-sequences", lie=_refusal(_EVIL), ends=("*",)),
    Case("refusal-of-a-megabyte", lie=_refusal("x" * 10**6), ends=("*",)),
    Case("diff-is-nonsense", lie=_body("diff", diff=[{"path": 7}]), ends=(*_PROTOCOL, "home")),
    Case("diff-with-odd-names", lie=_body("diff", diff=_ODD_DIFF)),
    Case("diff-is-no-answer", lie=_raw("diff", b"evil\n"), ends=_PROTOCOL),
    Case("rsync-sends-another-name", names={WORK.encode(): b"evilname"}, ends=_TRANSFER),
    Case("rsync-climbs", names={_SENT: b"../../outside/e"}, act=_plant, ends=_TRANSFER),
    Case("rsync-is-absolute", names={_SENT: ABSOLUTE}, act=_plant, ends=_TRANSFER),
    Case("rsync-places-git", names={_SENT: b".git/hooks/evil"}, act=_plant, ends=_TRANSFER),
    Case("rsync-speaks-nonsense", names={WORK.encode(): b"\xff" * 8}, ends=_TRANSFER),
)
