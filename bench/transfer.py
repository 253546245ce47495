"""Castoff's send against what one would do by hand, over a slow link: cold, without a change, ten files changed.

    python -I bench/transfer.py [--full] [--files N --mib M] [--rtt MS] [--mbit RATE] [--rounds N] [--scratch DIR]

3,000 files of 60 MiB unless said; ``--full`` is 50,000 files of 1 GiB. The peers, in the same run and interleaved:
``rsync -az`` over ssh, ``git push`` and a clone there, ``tar | zstd | ssh``. All go through one emulated link
(`bench/link.py`; 40 ms round trip and 100 Mbit/s unless said) to one real sshd, and its counters give the bytes. The
bound of a row is those bytes at the link's rate and one round trip. castoff has its connection open, as it has while
its handoff screen is read; the peers connect each time, which is what they do.

castoff has two rows: its send, and its send with the scan before it, which reads every name in the tree twice and every
file that is not known yet. A cold send begins after the first look at the names, and its row counts from there; the
files are digested meanwhile. What the host does for a send beforehand is asked for during the scan; in a handoff it is
asked for while the agent is drained. The comparison by digest on the host is no part of either, as no peer does it.

Git carries commits only: what is ignored, staged or stashed does not come along. tar always sends everything.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from agent.durable import make_private
from agent.paths import state_dir
from remote.bootstrap import Runtime
from remote.config import Host
from remote.connection import Connection, connect
from remote.holding import Holding, state_holding
from remote.host_client import HostClient
from remote.host_protocol import ListRuns, Prepare, Room, Rows
from remote.hostkeys import HostKey, HostKeys
from remote.progress import meanwhile
from remote.rsync import sending_ahead
from remote.sending import Outgoing, send_listed, send_tree
from snapshot.capture import complete
from snapshot.digest import DigestCache
from snapshot.draft import make_draft
from snapshot.manifest import write_manifest

CASES = ("cold", "no change", "10 changed")
RUN = "transfer"
_SSHD = Path("/usr/sbin/sshd")


class Link(NamedTuple):
    """The emulated link's process, its port here, its round trip in seconds and its rate in bytes a second."""

    process: subprocess.Popen[str]
    port: int
    rtt: float
    rate: float

    def counted(self) -> int:
        """Bytes that have gone over it, both ways."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return sum(json.loads(self.process.stdout.readline()))


class Sample(NamedTuple):
    seconds: float
    bytes: int


class Scene:
    """A tree, a repository of it beside, a host behind the link, and the words that peers reach it with."""

    def __init__(self, root: Path, link: Link) -> None:
        self.root, self.link = root, link
        self.tree, self.repository, self.there = root / "tree", root / "tree.git", root / "there"
        options = f"-F none -p {link.port} -i {root / 'id'} -o UserKnownHostsFile={root / 'known'} -o BatchMode=yes"
        self.ssh = ["ssh", *options.split(), "127.0.0.1"]
        self.shell = " ".join(self.ssh[:-1])
        self._edits = itertools.count()

    def git(self, *words: str) -> None:
        """Run git on the tree with its repository, which lies elsewhere."""
        config = ("-c", "user.name=b", "-c", "user.email=b@localhost", "-c", "gc.auto=0")
        where = (f"--git-dir={self.repository}", f"--work-tree={self.tree}")
        env = {**os.environ, "GIT_SSH_COMMAND": self.shell, "GIT_CONFIG_GLOBAL": "/dev/null"}
        subprocess.run(["git", *config, *where, *words], check=True, env=env, cwd=self.tree)

    def over_ssh(self, command: str) -> None:
        """Run a command on the host."""
        subprocess.run([*self.ssh, command], check=True, stdin=subprocess.DEVNULL)

    def edit(self) -> None:
        """Change ten files."""
        edit = next(self._edits)
        for file in sorted(self.tree.rglob("f*0.*"))[edit::7][:10]:
            with file.open("a") as text:
                text.write(f"changed {edit}\n")


Method = Callable[[Scene, str], Awaitable[None]]


class Castoff:
    """castoff's own scan and send, by its code on both sides."""

    def __init__(self, scene: Scene, connection: Connection) -> None:
        runtime = Runtime.model_construct(python=PurePosixPath(sys.executable))
        self.client = HostClient(connection, runtime)
        self.scene = scene

    async def run(self) -> tuple[float, float]:
        """Seconds of the scan, and of the send after it."""
        began = time.monotonic()
        tree, digests = self.scene.tree, DigestCache(self.scene.root / "digests.json")
        async with AsyncExitStack() as waiting:
            making_ready = asyncio.create_task(self._make_ready(waiting))
            draft = await asyncio.to_thread(make_draft, tree)
            room = await making_ready
            if room.holding is None:
                scanned = time.monotonic()
                sending = send_listed(self.client.connection, tree, draft.list_tree(), room, lambda _: None)
                async with meanwhile(sending):
                    manifest = await asyncio.to_thread(complete, draft, cache=digests)
            else:
                manifest = await asyncio.to_thread(complete, draft, cache=digests)
                scanned = time.monotonic()
                outgoing = Outgoing(run_id=RUN, epoch=1, tree=tree, manifest=manifest)
                await send_tree(self.client, outgoing, room, lambda _: None)
            ended = time.monotonic()
        # What a handoff leaves: the manifest here, and there, after the comparison, that it was equal.
        write_manifest(make_private(state_dir() / "sessions" / RUN / "moves" / "1") / "manifest.json", manifest)
        state_holding(Path(room.tree).parent, Holding(digest=manifest.digest))
        return scanned - began, ended - scanned

    async def _make_ready(self, waiting: AsyncExitStack) -> Room:
        await waiting.enter_async_context(sending_ahead(self.client.connection, 1))
        return await self.client.ask(Prepare(run_id=RUN, epoch=1, project=RUN), Room)


async def rsync_over_ssh(scene: Scene, _: str) -> None:
    target = f"127.0.0.1:{scene.there}/rsync/"
    await asyncio.to_thread(
        subprocess.run, ["rsync", "-az", "--delete", "-e", scene.shell, "--", f"{scene.tree}/", target], check=True
    )


async def git_push(scene: Scene, case: str) -> None:
    bare, clone = scene.there / "git.git", scene.there / "git"

    def run() -> None:
        scene.git("add", "-A")
        scene.git("commit", "-q", "--allow-empty", "-m", case)
        if case == "cold":
            scene.over_ssh(f"git init -q --bare {bare}")
        scene.git("push", "-q", f"ssh://127.0.0.1{bare}", "+HEAD:refs/heads/main")
        again = f"git -C {clone} pull -q origin main"
        scene.over_ssh(f"git clone -q -b main {bare} {clone}" if case == "cold" else again)

    await asyncio.to_thread(run)


async def tar_and_zstd(scene: Scene, _: str) -> None:
    there = f"mkdir -p {scene.there}/tar && tar -x --zstd -C {scene.there}/tar"
    command = f'tar -c --zstd -C "$1" . | {scene.shell} 127.0.0.1 "$2"'
    words = ["sh", "-c", command, "sh", str(scene.tree), there]
    await asyncio.to_thread(subprocess.run, words, check=True)


async def take(scene: Scene, name: str, method: Method | Castoff, case: str) -> dict[str, Sample]:
    """One measurement, by the row that it belongs to; the tree there is made or left as the case wants it."""
    before, began = scene.link.counted(), time.monotonic()
    if isinstance(method, Castoff):
        scan, sent = await method.run()
        wire = scene.link.counted() - before
        return {name: Sample(sent, wire), f"{name}, scan and send": Sample(scan + sent, wire)}
    await method(scene, case)
    seconds = time.monotonic() - began
    return {name: Sample(seconds, scene.link.counted() - before)}


async def measure(scene: Scene, rounds: int) -> None:
    """All methods in all cases, taking turns, and the table of their medians."""
    keys = HostKeys(scene.root / "pinned")
    words = (scene.root / "host_key.pub").read_text().split()
    keys.pin("127.0.0.1", scene.link.port, HostKey(algorithm=words[0], encoded=words[1]))
    host = Host(name="vm", destination="127.0.0.1", port=scene.link.port, identity=str(scene.root / "id"))
    began = time.monotonic()
    async with await connect(host, host_keys=keys, ssh_config=scene.root / "none") as connection:
        castoff = Castoff(scene, connection)
        await castoff.client.ask(ListRuns(), Rows)
        print(f"castoff's connection: {time.monotonic() - began:.2f} s, once; round trip {connection.rtt * 1e3:.0f} ms")
        methods: dict[str, Method | Castoff] = {"castoff": castoff, "rsync -az, ssh": rsync_over_ssh}
        methods |= {"git push, clone": git_push}
        if shutil.which("zstd"):
            methods["tar, zstd, ssh"] = tar_and_zstd
        taken: dict[tuple[str, str], list[Sample]] = {}
        for _ in range(rounds):
            shutil.rmtree(scene.there, ignore_errors=True)
            scene.there.mkdir()
            (scene.root / "digests.json").unlink(missing_ok=True)
            for case in CASES:
                for name, method in methods.items():
                    if case == "10 changed":
                        scene.edit()
                    if case == "cold" or method is not tar_and_zstd:
                        for row, sample in (await take(scene, name, method, case)).items():
                            taken.setdefault((case, row), []).append(sample)
                            print(f"{case}, {row}: {sample.seconds:.2f} s", file=sys.stderr, flush=True)
        show(taken, scene.link)


def show(taken: dict[tuple[str, str], list[Sample]], link: Link) -> None:
    """The table, as Markdown."""
    print("\n| case | method | seconds (least to most) | MB sent | bound, s | x bound | x rsync |")
    print("|---|---|---|---|---|---|---|")
    for (case, name), samples in taken.items():
        times = [sample.seconds for sample in samples]
        middle, sent = statistics.median(times), statistics.median(sample.bytes for sample in samples)
        bound = sent / link.rate + link.rtt
        peer = statistics.median(sample.seconds for sample in taken[case, "rsync -az, ssh"])
        spread = f"{middle:.2f} ({min(times):.2f} to {max(times):.2f})"
        ratios = f"{bound:.2f} | {middle / bound:.2f} | {middle / peer:.2f}"
        print(f"| {case} | {name} | {spread} | {sent / 1e6:.2f} | {ratios} |")


def make_tree(tree: Path, files: int, size: int) -> None:
    """Source-like text in folders, every tenth file incompressible; ``size`` bytes altogether, about."""
    dice = random.Random(7)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 11))) for _ in range(6000)]
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(words))))
    chosen = dice.choices(words, cum_weights=weights, k=min(5_000_000, size // 6 + 10_000))
    pool = " ".join(f"{word}\n" if dice.random() < 0.1 else word for word in chosen).encode()
    sizes = [dice.lognormvariate(8.7, 1.2) for _ in range(files)]
    for number, share in enumerate(sizes):
        folder = tree / f"top{number // 12 % 31}" / f"m{number // 12 % 403}" / f"d{number // 12}"
        folder.mkdir(parents=True, exist_ok=True)
        left = max(40, int(share * size / sum(sizes)))
        (folder / f"f{number}.{dice.choice(('py', 'ts', 'c', 'md'))}").write_bytes(
            dice.randbytes(left) if number % 10 == 1 else b"".join(pieces(dice, pool, left))
        )


def pieces(dice: random.Random, pool: bytes, left: int) -> Generator[bytes]:
    """Slices of the pool, ``left`` bytes of them."""
    while left > 0:
        begin, length = dice.randrange(len(pool) - 4000), min(dice.randint(500, 4000), left)
        yield pool[begin : begin + length]
        left -= length


@contextmanager
def serving(root: Path) -> Generator[int]:
    """A real sshd for this user alone; its port on the loopback address."""
    for name in ("host_key", "id"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(root / name)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    lines = [f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {root / 'host_key'}", "PidFile none", "UsePAM no"]
    lines += [f"AuthorizedKeysFile {root / 'id.pub'}", "StrictModes no", "PasswordAuthentication no", "UseDNS no"]
    lines += [f"SetEnv CASTOFF_STATE={root / 'there' / 'state'}"]
    (root / "sshd_config").write_text("\n".join(lines) + "\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([_SSHD, "-D", "-E", str(root / "sshd.log"), "-f", str(root / "sshd_config")], cwd="/")
    try:
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def linked(root: Path, to: int, rtt: float, mbit: float) -> Generator[Link]:
    """The emulated link to port ``to``; its host key is known to OpenSSH."""
    words = [sys.executable, "-I", str(Path(__file__).with_name("link.py")), f"--to={to}", f"--rtt={rtt}"]
    with subprocess.Popen(
        [*words, f"--mbit={mbit}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        port = int(process.stdout.readline())
        (root / "known").write_text(f"[127.0.0.1]:{port} {(root / 'host_key.pub').read_text()}")
        yield Link(process, port, rtt / 1e3, mbit * 1e6 / 8)
        process.stdin.close()


def main() -> None:
    """Measure in a directory of its own that is removed after."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="50,000 files of 1 GiB")
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--mib", type=int, default=60)
    parser.add_argument("--rtt", type=float, default=40, help="milliseconds")
    parser.add_argument("--mbit", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path, help="where to make the trees; a RAM disk keeps the disk out of it")
    options = parser.parse_args()
    files, mib = (50_000, 1024) if options.full else (options.files, options.mib)
    if not _SSHD.exists():
        raise SystemExit("This needs OpenSSH's server: apt install openssh-server")
    with tempfile.TemporaryDirectory(prefix="castoff-bench-", dir=options.scratch) as folder:
        root = Path(folder)
        os.environ["CASTOFF_STATE"] = str(root / "state")
        make_tree(root / "tree", files, mib << 20)
        print(
            f"{files:,} files, {mib} MiB; link {options.rtt:g} ms, {options.mbit:g} Mbit/s; {os.cpu_count()} processors"
        )
        with serving(root) as port, linked(root, port, options.rtt, options.mbit) as link:
            scene = Scene(root, link)
            subprocess.run(["git", "init", "-q", "--bare", str(scene.repository)], check=True)
            print(f"load before: {os.getloadavg()[0]:.1f}", flush=True)
            asyncio.run(measure(scene, options.rounds))
            print(f"\nload after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    sys.exit(main())
