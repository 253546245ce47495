"""Ways out of a sandbox, tried inside of it; ``python -m tests.remote.probes`` writes docs/sandbox.md's table.

Each is a few lines of Python that end well if the way is open and raise, or fail an assert, if it is not. They find in
``given`` what `Outside` put around the sandbox.
"""

import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote.levels import LEVELS, SAYS, Level, Promise, maps_paths
from remote.limits import bounded
from remote.sandbox import environment, wrap

USER = 65534 if os.getuid() == 0 else os.getuid()
"""Sandboxes are for ordinary users."""


@dataclass(frozen=True)
class Probe:
    """``shows``: on the machine of the tests the way is open without a sandbox, so that the probe proves itself.
    ``alone``: others would suffer from it if they ran at the same time."""

    promise: Promise
    what: str
    code: str
    shows: bool = True
    alone: bool = False


_MOST = 600
"""Processes that a sandbox of the tests may have: more than there are probes."""

_IMPORTS = "import ctypes, fcntl, mmap, os, signal, socket, struct, subprocess, sys, threading, time\n"
_IS_IT = "assert b'sleep' in open('/proc/%d/cmdline' % given['pid'], 'rb').read()\n"
_UDP = "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
_LIBC = "libc = ctypes.CDLL(None, use_errno=True)\n"
_CONNECT = "with socket.socket({family}) as s:\n s.settimeout(2); s.connect({to})"


def _connect(family: str, to: str) -> str:
    return _CONNECT.format(family=f"socket.{family}", to=to)


def _call(words: str) -> str:
    return f"{_LIBC}assert libc.{words} >= 0"


PROBES = (
    Probe("files", "read a file in the user's home", "assert open(given['secret']).read() == 'secret'"),
    Probe("files", "list the user's home", "assert 'secret' in os.listdir(given['home'])"),
    Probe("files", "leave a program in the user's home", "open(given['home'] + '/.profile', 'a').close()"),
    Probe("files", "read the user's SSH key", "open(given['home'] + '/.ssh/id')"),
    Probe("files", "let a new key in", "open(given['home'] + '/.ssh/authorized_keys', 'w')"),
    Probe("files", "a link to the user's home", "os.symlink(given['secret'], 'l'); open('l').read()"),
    Probe("files", "a hard link to the user's file", "os.link(given['secret'], 'h')"),
    Probe("files", "up and out of the tree", "assert 'secret' in os.listdir('../../../../home')"),
    Probe("files", "empty a file of the user's", "os.truncate(given['keys'], len('secret'))"),
    Probe("files", "read another run's tree", "open(given['other'] + '/tree/file').read()"),
    Probe("files", "change another run's tree", "open(given['other'] + '/tree/file', 'w')"),
    Probe("files", "read another run's HOME", "os.listdir(given['other'] + '/home')"),
    Probe("files", "read the run's journal", "open(given['journal']).read()"),
    Probe("files", "write to the run's journal", "open(given['journal'], 'a').write('x')"),
    Probe("files", "take the run's lease", "os.unlink(given['lease'])"),
    Probe("files", "read the keys of the host's settings", "open(given['keys']).read()"),
    Probe("files", "change castoff's runtime", "open(os.environ['CASTOFF_RUNTIME'] + '/x', 'w')"),
    Probe("traces", "a file in the host's /tmp", "os.stat(given['tmp'])"),
    Probe("traces", "a file in the host's /var/tmp", "os.stat(given['var'])"),
    Probe("traces", "the host's shared memory files", "os.stat(given['shm'])"),
    Probe(
        "traces",
        "the host's disks and memory in /dev",
        "assert any(os.path.exists(p) for p in ('/dev/mem', '/dev/kmsg', '/dev/vda', '/dev/sda', '/dev/loop0'))",
    ),
    Probe("files", "the host's files by process 1", "assert os.listdir('/proc/1/root' + given['home'])", shows=False),
    Probe("files", "change the system's programs", "open('/usr/x', 'w')", shows=False),
    Probe("files", "change the system's settings", "open('/etc/x', 'w')", shows=False),
    Probe("files", "read the system's passwords", "open('/etc/shadow').read()", shows=False),
    Probe(
        "processes",
        "see a process of the user",
        "assert b'VICTIM' in open('/proc/%d/environ' % given['pid'], 'rb').read()",
    ),
    Probe(
        "sight",
        "signal it",
        _IS_IT + "os.kill(given['pid'], 0)",
    ),
    Probe("sight", "its command line", "assert b'sleep' in open('/proc/%d/cmdline' % given['pid'], 'rb').read()"),
    Probe(
        "processes",
        "its working directory",
        "os.stat('/proc/%d/cwd' % given['pid']); assert os.readlink('/proc/%d/cwd' % given['pid']) == '/'",
    ),
    Probe(
        "sight",
        "its priority",
        _IS_IT + "os.setpriority(os.PRIO_PROCESS, given['pid'], 19)",
    ),
    Probe(
        "sight",
        "count the host's processes",
        _IS_IT + "assert len([name for name in os.listdir('/proc') if name.isdigit()]) > 1",
    ),
    Probe(
        "processes",
        "trace it (ptrace)",
        "assert b'sleep' in open('/proc/%d/cmdline' % given['pid'], 'rb').read()\n"
        + _call("ptrace(0x4206, given['pid'], 0, 0)"),
        shows=False,
    ),
    Probe(
        "processes",
        "read its memory",
        _IS_IT + "open('/proc/%d/mem' % given['pid'], 'rb')",
        shows=False,
    ),
    Probe(
        "sight",
        "its descriptors (pidfd)",
        _IS_IT + "os.pidfd_open(given['pid'])",
    ),
    Probe(
        "sight",
        "memory shared with it (System V)",
        _LIBC + "libc.shmat.restype = ctypes.c_void_p\nassert libc.shmat(given['shmid'], 0, 0o10000) != 2**64 - 1",
    ),
    Probe("processes", "the socket of the run's tmux", _connect("AF_UNIX", "given['tmux']")),
    Probe("processes", "the socket of the run's runner", _connect("AF_UNIX", "given['runner']")),
    Probe("processes", "a word to the system's log", "socket.socket(1, 2).sendto(b'x', given['log'])"),
    Probe("processes", "the same by a pair of sockets", "socket.socketpair(1, 2)[0].sendto(b'x', given['log'])"),
    Probe(
        "processes",
        "a lock that the host's processes obey",
        "f = open(given['lease'] + '.lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)",
    ),
    Probe(
        "privileges",
        "gain privileges by a set-user-id program",
        "assert 'NoNewPrivs:\\t0' in open('/proc/self/status').read()",
    ),
    Probe(
        "privileges",
        "capabilities",
        "assert 'CapEff:\\t0000000000000000' not in open('/proc/self/status').read()",
        shows=False,
    ),
    Probe("privileges", "mount something", _call("mount(b'none', b'/tmp', b'tmpfs', 0, 0)"), shows=False),
    Probe("privileges", "make the system writable", _call("mount(b'none', b'/usr', None, 0x1020, 0)"), shows=False),
    Probe("privileges", "make a device", "os.mknod('dev', 0o60600, os.makedev(254, 0))", shows=False),
    Probe("privileges", "another root directory", "os.chroot('/tmp')", shows=False),
    Probe(
        "privileges",
        "the namespaces of process 1 of the host",
        "fd = os.open('/proc/%d/ns/mnt' % given['pid'], os.O_RDONLY)\n" + _call("setns(fd, 0)"),
        shows=False,
    ),
    Probe("privileges", "the kernel's settings", "open('/proc/sys/kernel/hostname', 'w').write('x')", shows=False),
    Probe("privileges", "put words into the terminal", "os.open('/dev/tty', os.O_RDWR)", shows=False),
    Probe("privileges", "raw packets", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", shows=False),
    Probe("network", "TCP to the host itself", _connect("AF_INET", "('127.0.0.1', given['tcp'])")),
    Probe("network", "TCP over IPv6 to the host itself", _connect("AF_INET6", "('::1', given['tcp6'])")),
    Probe(
        "network",
        "UDP to the host itself",
        _UDP + " s.settimeout(2); s.sendto(b'x', ('127.0.0.1', given['udp'])); s.recv(1)",
    ),
    Probe("network", "an abstract unix socket", _connect("AF_UNIX", "'\\0' + given['abstract']")),
    Probe("network", "the host's network devices", "assert len(socket.if_nameindex()) > 1", shows=False),
    Probe("network", "the cloud's metadata service", _connect("AF_INET", "('169.254.169.254', 80)"), shows=False),
    Probe("network", "the same over IPv6", _connect("AF_INET6", "('fd00:ec2::254', 80)"), shows=False),
    Probe("network", "a private address", _connect("AF_INET", "('10.0.0.1', 80)"), shows=False),
    Probe("network", "an address of the internet", _connect("AF_INET", "('192.0.2.1', 443)"), shows=False),
    Probe(
        "network",
        "UDP to a name server of the internet",
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n s.sendto(b'x', ('192.0.2.1', 53))",
        shows=False,
    ),
    Probe(
        "network",
        "UDP over IPv6",
        "with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:\n s.sendto(b'x', ('2001:db8::1', 53))",
        shows=False,
    ),
    Probe("network", "look up a name", "socket.getaddrinfo('example.org', 443)", shows=False),
    Probe(
        "network",
        "multicast",
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n s.sendto(b'x', ('224.0.0.251', 5353))",
        shows=False,
    ),
    Probe(
        "number",
        "processes without end (a fork bomb)",
        "end = threading.Event()\n"
        "for _ in range(2 * given['most']): threading.Thread(target=end.wait, daemon=True).start()",
        alone=True,
    ),
    Probe(
        "machine",
        "all of the machine's memory",
        "parts = [mmap.mmap(-1, 1 << 28) for _ in range(int(given['memory']) >> 28)]",
        alone=True,
    ),
    Probe(
        "machine",
        "a large file on the machine's disk",
        "f = open('large', 'w'); os.posix_fallocate(f.fileno(), 0, 1 << 27); os.unlink('large')",
        alone=True,
    ),
    Probe("namespaces", "a user namespace of its own", _call("unshare(0x10000000)")),
)

_RUN = (
    _IMPORTS
    + """
import json
probes, given = json.load(sys.stdin)
children, outcomes = [], []
def gather():
    outcomes.extend(os.waitpid(child, 0)[1] for child in children)
    children.clear()
for code, alone in probes:
    if alone:
        gather()
    child = os.fork()
    children.append(child)
    if child == 0:
        signal.alarm(8)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            exec(code)
        except BaseException:
            os._exit(1)
        os._exit(0)
    if alone:
        gather()
gather()
for outcome in outcomes:
    print('stopped' if outcome else 'open')
"""
)


@dataclass(frozen=True)
class Outside:
    """What is around a sandbox: the state of castoff, a home, another run, a process, sockets."""

    root: Path
    given: dict[str, object]

    def run(self, level: Level, argv: list[str], said: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run ``argv`` in a sandbox of ``level``, as the user."""
        own = self.root / "state/runs/own"
        mapped = ("/home/ann/app", "/home/ann")
        at, home_at = mapped if maps_paths(level) else (str(own / "tree"), str(own / "home"))
        runtime = self.root / "runtime"
        words = wrap(
            argv if level == "none" else bounded(argv, _MOST),
            level=level,
            tree=own / "tree",
            tree_at=at,
            home=own / "home",
            home_at=home_at,
            runtime=runtime,
        )
        if level == "reduced":
            # The user of the tests may not be able to start the interpreter of the tests.
            start = f"import sys; sys.path.insert(0, {str(runtime)!r}); import remote.landlock_inside as inside; "
            words = ["/usr/bin/python3", "-I", "-c", start + "inside.main(sys.argv[1:])", *words[4:]]
        env = environment({}, level=level, home=own / "home", home_at=home_at, runtime=runtime)
        return subprocess.run(
            words, input=said, env=env, cwd=own / "tree", capture_output=True, timeout=120, check=False, **as_user()
        )

    def probe(self, level: Level) -> dict[str, bool]:
        """Which probes find a way, by what they try."""
        said = json.dumps([[(probe.code, probe.alone) for probe in PROBES], self.given]).encode()
        done = self.run(level, ["/usr/bin/python3", "-I", "-c", _RUN], said)
        outcomes = done.stdout.decode().split()
        assert len(outcomes) == len(PROBES), done.stderr.decode()
        return {probe.what: outcome == "open" for probe, outcome in zip(PROBES, outcomes, strict=True)}


def as_user() -> dict[str, Any]:
    """The words for `subprocess` to be the user."""
    return {"user": USER, "group": USER} if os.getuid() == 0 else {}


@contextlib.contextmanager
def make_outside() -> Generator[Outside]:
    """Build it, in /tmp and readable by its user alone; everything is gone at the end."""
    root = Path(tempfile.mkdtemp(prefix="probes-", dir="/tmp"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        for name in ("home/.ssh", "state/runs/own/tree", "state/runs/own/home", "state/runs/other/tree", "runtime"):
            (root / name).mkdir(parents=True)
        (root / "state/runs/other/home").mkdir()
        (root / "runtime/remote").mkdir()
        for name in ("landlock.py", "landlock_inside.py"):
            shutil.copy(Path(__file__).parents[2] / "remote" / name, root / "runtime/remote")
        files = {
            "secret": root / "home/secret",
            "key": root / "home/.ssh/id",
            "file": root / "state/runs/other/tree/file",
            "journal": root / "state/journal.jsonl",
            "lease": root / "state/lease.json",
            "keys": root / "state/agent.env",
            "var": Path("/var/tmp") / root.name,
            "shm": Path("/dev/shm") / root.name,
            "tmp": Path("/tmp") / f"{root.name}.file",
        }
        for path in files.values():
            path.write_text("secret")
            stack.callback(path.unlink, missing_ok=True)
        given: dict[str, object] = {name: str(path) for name, path in files.items()}
        given |= {"home": str(root / "home"), "other": str(root / "state/runs/other")}
        given |= _sockets(stack, root)
        for path in (root, *root.rglob("*"), *files.values()):
            os.chown(path, USER, USER)
        victim = subprocess.Popen(["sleep", "600"], env={"VICTIM": "yes"}, cwd="/", **as_user())
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        libc = ctypes.CDLL(None)
        shmid = libc.shmget(0, 4096, 0o1666)
        stack.callback(libc.shmctl, shmid, 0, None)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield Outside(root, given | {"pid": victim.pid, "shmid": shmid, "most": _MOST, "memory": memory})


def _sockets(stack: contextlib.ExitStack, root: Path) -> dict[str, object]:
    """Somebody listens on each: a connection is made by the kernel, UDP is answered by the thread."""
    import threading

    listening: dict[str, socket.socket] = {}
    for name, family, to in (
        ("tmux", socket.AF_UNIX, str(root / "tmux")),
        ("runner", socket.AF_UNIX, str(root / "state/runner.sock")),
        ("abstract", socket.AF_UNIX, f"\0{root.name}"),
        ("tcp", socket.AF_INET, ("127.0.0.1", 0)),
        ("tcp6", socket.AF_INET6, ("::1", 0)),
    ):
        listener = stack.enter_context(socket.socket(family))
        listener.bind(to)
        listener.listen(20)
        listening[name] = listener
    log = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    log.bind(str(root / "log"))
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            data, who = udp.recvfrom(10)
            if data == b"end":
                return
            udp.sendto(b"y", who)

    thread = threading.Thread(target=answer)
    thread.start()

    def end() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"end", udp.getsockname())
        thread.join()

    stack.callback(end)
    ports = {name: listening[name].getsockname()[1] for name in ("tcp", "tcp6")}
    return {
        **ports,
        "udp": udp.getsockname()[1],
        "tmux": str(root / "tmux"),
        "log": str(root / "log"),
        "runner": str(root / "state/runner.sock"),
        "abstract": root.name,
    }


def table() -> str:
    """The probes by level, as docs/sandbox.md has them: what is promised, which the tests hold castoff to."""
    rows = [
        "| What is tried | " + " | ".join(f"`{level}`" for level in LEVELS) + " |",
        "|---" * (len(LEVELS) + 1) + "|",
    ]
    for probe in PROBES:
        cells = ("stopped" if probe.promise in SAYS[level].keeps else "–" for level in LEVELS)
        rows.append(f"| {probe.what} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
