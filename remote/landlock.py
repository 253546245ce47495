"""Landlock and a filter of system calls: what keeps a program to some directories where bubblewrap cannot be had.

The kernel's own interface (landlock(7), seccomp(2)), by ctypes: what there is for Python on package indexes is
unfinished or brings a sandbox of its own. Both hold for the program and all that it starts, and cannot be undone.

Sockets of the kind AF_UNIX are refused, because Landlock does not know of them before its ABI 9: by one, tmux, a user's
systemd or an SSH agent would do outside what cannot be done inside. So is io_uring, which makes sockets unseen.
"""

import ctypes
import os
import platform
import stat
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

LEAST = 3
"""The first ABI (Linux 6.2) that keeps files from being truncated."""

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ = 0b1101  # execute, read a file, list a directory
_FILE_READ = 0b101
_DEVICE = 1 << 15
_ALL = (1 << 15) - 1
_FILE_ALL = 1 << 14 | 0b111
_SIGNALS_AND_ABSTRACT = 0b11
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2

_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
"""Words of classic BPF (linux/bpf_common.h)."""
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # EPERM
_NUMBER_AT, _MACHINE_AT, _FIRST_AT, _SECOND_AT = 0, 4, 16, 24
"""Where struct seccomp_data has them; both machines are little-endian."""
_UNIX, _INET, _INET6, _NETLINK, _STREAM, _SEQPACKET = 1, 2, 10, 16, 1, 5
_X32 = 0x40000000


class _Machine:
    """The numbers of one kind of machine: ``audit`` (linux/audit.h) and its system calls."""

    def __init__(self, audit: int, socket: int, socketpair: int) -> None:
        self.audit = audit
        self.socket = socket
        self.socketpair = socketpair


_MACHINES = {"x86_64": _Machine(0xC000003E, 41, 53), "aarch64": _Machine(0xC00000B7, 198, 199)}
_IO_URING = 425

_libc = ctypes.CDLL(None, use_errno=True)


def find_abi() -> int:
    """The version of Landlock here; 0 where the kernel has none, or this is no machine that is known."""
    if platform.system() != "Linux" or platform.machine() not in _MACHINES:
        return 0
    return max(0, int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def confine(readable: Iterable[Path], writable: Iterable[Path], devices: Iterable[Path] = ()) -> None:
    """Keep this process, and all that it starts, to these files and directories, for ever.

    ``devices`` may be read, written and controlled. Paths that are not there are left out. Raises `OSError`.
    """
    abi = find_abi()
    if abi < LEAST:
        raise OSError(f"Landlock's ABI {LEAST} is needed, and there is {abi}")
    handled = _ALL | (_DEVICE if abi >= 5 else 0)
    attributes = struct.pack("=QQQ", handled, 0, _SIGNALS_AND_ABSTRACT)[: 24 if abi >= 6 else 8]
    ruleset = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for paths, folder, file in (
            (readable, _READ, _FILE_READ),
            (writable, _ALL, _FILE_ALL),
            (devices, _FILE_ALL, _FILE_ALL | _DEVICE),
        ):
            for path in paths:
                _allow(ruleset, path, handled & folder, handled & file)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _call(_RESTRICT, ruleset, ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    _refuse_sockets(_MACHINES[platform.machine()])


def _allow(ruleset: int, path: Path, folder: int, file: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        allowed = folder if stat.S_ISDIR(os.fstat(opened).st_mode) else file
        _call(_ADD, ruleset, ctypes.c_uint32(1), struct.pack("=Qi", allowed, opened), ctypes.c_uint32(0))
    finally:
        os.close(opened)


def _refuse_sockets(machine: _Machine) -> None:
    """All but those of IP and netlink, which name look-ups need, and pairs of streams, which have no address."""
    program = _assemble(
        [
            (_LOAD, _MACHINE_AT),
            (_EQUAL, machine.audit, "number", "kill"),
            "number",
            (_LOAD, _NUMBER_AT),
            # The same machine's other numbering (x32) would be a way past all others.
            (_AT_LEAST, _X32, "deny", "which"),
            "which",
            (_EQUAL, _IO_URING, "deny", "socket?"),
            "socket?",
            (_EQUAL, machine.socket, "family", "pair?"),
            "pair?",
            (_EQUAL, machine.socketpair, "kind", "allow"),
            "family",
            (_LOAD, _FIRST_AT),
            *_one_of([_INET, _INET6, _NETLINK]),
            "kind",
            (_LOAD, _SECOND_AT),
            (_AND, 0xF),
            *_one_of([_STREAM, _SEQPACKET]),
            "allow",
            (_RETURN, _ALLOW),
            "deny",
            (_RETURN, _DENY),
            "kill",
            (_RETURN, _KILL),
        ]
    )
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    _prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(Program(len(program) // 8, ctypes.addressof(code))))


_Row = tuple[int, int] | tuple[int, int, str, str] | str
"""An instruction and its number, with the names of where it goes on if it is so or not; or a name."""


def _one_of(numbers: Sequence[int]) -> list[_Row]:
    rows: list[_Row] = []
    for number in numbers:
        after = f"not {number} of {numbers}"
        rows += [(_EQUAL, number, "allow", after), after]
    # A comparison that is always so.
    return [*rows, (_AT_LEAST, 0, "deny", "deny")]


def _assemble(rows: Sequence[_Row]) -> bytes:
    """Struct sock_filter for each instruction: its jumps are counted from the next one."""
    places: dict[str, int] = {}
    lines: list[tuple[int, int] | tuple[int, int, str, str]] = []
    for row in rows:
        if isinstance(row, str):
            places[row] = len(lines)
        else:
            lines.append(row)
    done = b""
    for place, line in enumerate(lines):
        yes, no = (places[name] - place - 1 for name in line[2:]) if len(line) == 4 else (0, 0)
        done += struct.pack("=HBBI", line[0], yes, no, line[1])
    return done


def _call(number: int, *words: object) -> int:
    return _checked(int(_libc.syscall(ctypes.c_long(number), *words)))


def _prctl(*words: object) -> None:
    padded = [*words, *[0] * (5 - len(words))]
    _checked(int(_libc.prctl(*(ctypes.c_ulong(word) if isinstance(word, int) else word for word in padded))))


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
