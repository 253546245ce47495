"""Where the time of a handoff and a pull-back goes, step by step, on loopback.

    python -I bench/handoff.py [--files N | --project DIR] [--rounds N] [--scratch DIR]

A project of N small files (2,000 unless said) under git with everything dirty that can be, or the one that is given,
which is moved where it is; a session without work of its agent's own, and the demo's embedded SSH host. The peer, in
the same run: ``rsync -az --delete`` of the same tree over OpenSSH's client to the same host, which neither verifies nor
moves a session.
"""

import argparse
import asyncio
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from agent.paths import state_dir
from agent.sessions import create_session
from remote import embedded_host
from remote.config import Settings
from remote.embedded_host import EmbeddedHost
from remote.handoff import hand_off
from remote.host_protocol import Nothing
from remote.hostkeys import HostKeys
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.settings_protocol import SetVariable
from remote.steps import Away, Home, Timing
from remote.terms import Decision, Terms


def make_project(path: Path, files: int) -> None:
    """A repository of ``files`` source-like files: committed, then some staged, changed and new."""
    dice = random.Random(7)
    words = ["".join(dice.choices("abcdefghij", k=dice.randint(2, 9))) for _ in range(2000)]
    for number in range(files):
        folder = path / f"d{number % 40:02}" / f"e{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = (" ".join(dice.choices(words, k=9)) for _ in range(dice.randint(5, 120)))
        (folder / f"f{number}.py").write_text("\n".join(lines))
    git(path, "init", "-q")
    git(path, "add", "-A")
    git(path, "-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "-qm", "first")
    for number, file in enumerate(sorted(path.rglob("f*1.py"))[:30]):
        file.write_text(file.read_text() + "changed\n")
        if number % 2:
            git(path, "add", "--", str(file))
    (path / "new.txt").write_text("new\n")


def git(path: Path, *words: str) -> None:
    """Run git there."""
    subprocess.run(["git", *words], cwd=path, check=True)


def rsync_peer(host: EmbeddedHost, root: Path, project: Path) -> float:
    """Seconds of the peer: one cold ``rsync -az`` over OpenSSH."""
    known = root / "peer_known_hosts"
    known.write_text(f"[127.0.0.1]:{host.port} {host.host_key.algorithm} {host.host_key.encoded}\n")
    shell = (
        f"ssh -F none -p {host.port} -i {host.identity} -o UserKnownHostsFile={known} -o BatchMode=yes -l {host.user}"
    )
    target = root / "peer-target"
    began = time.monotonic()
    subprocess.run(["rsync", "-az", "--delete", "-e", shell, "--", f"{project}/", f"127.0.0.1:{target}/"], check=True)
    seconds = time.monotonic() - began
    shutil.rmtree(target)
    return seconds


async def last(steps: AsyncGenerator[Any, Decision | None]) -> Any:
    """The last step of a move that is agreed to."""
    step = await anext(steps)
    try:
        while True:
            step = await steps.asend("go")
    except StopAsyncIteration:
        return step


def show(title: str, timings: tuple[Timing, ...], seconds: float) -> None:
    """Print one move."""
    print(f"\n{title}: {seconds:.2f} s")
    for timing in timings:
        print(f"  {timing.step:<18}{timing.seconds:8.3f} s")


async def measure(root: Path, project: Path, rounds: int) -> None:
    """Set the scene, then move a session there and back a few times."""
    sizes = [file.stat().st_size for file in project.rglob("*") if file.is_file()]
    print(f"{len(sizes)} files, {sum(sizes) / 1e6:.1f} MB with .git; ", end="")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    host = await embedded_host.start(root / "host")
    try:
        host.pin(HostKeys())
        settings = Settings()
        settings.add(host.host("vm"))
        peer = rsync_peer(host, root, project)
        links = Links(settings)
        began = time.monotonic()
        client = await links.client("vm")
        print(f"first contact, with the runtime installed: {time.monotonic() - began:.1f} s")
        # No prompt is ever sent: a key of any kind lets the agent start.
        await client.ask(SetVariable(name="OPENAI_API_KEY", value="none"), Nothing)
        away = None
        for number in range(1, rounds + 1):
            session = create_session(state_dir(), project, "builtin")
            viewer = await open_local(session)
            await viewer.close()
            away = await last(hand_off(session, links.host("vm"), Terms(), links))
            if not isinstance(away, Away):
                raise SystemExit(f"the handoff failed: {away}")
            show(f"handoff {number}", away.timings, away.seconds)
            home = await last(pull_back(links, "vm", session.id))
            if not isinstance(home, Home):
                raise SystemExit(f"the pull failed: {home}")
            show(f"pull-back {number}", home.timings, home.seconds)
        assert away is not None
        send = next(timing.seconds for timing in away.timings if timing.step == "send")
        print(f"\npeer, rsync -az over ssh, cold: {peer:.2f} s; castoff's send alone is {send / peer:.2f} x that,")
        print(f"the whole handoff {away.seconds / peer:.2f} x")
        print(f"most memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
        await links.close()
    finally:
        await embedded_host.stop(root / "host")


def main() -> None:
    """Measure in a directory of its own that is removed after."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--project", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="castoff-bench-", dir=options.scratch) as folder:
        root = Path(folder)
        for name in ("STATE", "CONFIG", "DATA"):
            os.environ[f"CASTOFF_{name}"] = str(root / name.lower())
        os.environ.update(HOME=str(root / "home"), CASTOFF_MODEL="openai-chat:none", OPENAI_API_KEY="none")
        project = options.project
        if project is None:
            project = root / "home" / "project"
            project.mkdir(parents=True)
            make_project(project, options.files)
        asyncio.run(measure(root, project.resolve(), options.rounds))


if __name__ == "__main__":
    sys.exit(main())
