"""How quick the app is: a long transcript, the first paint, keys while tokens stream in or sessions move. On a pty.

``python bench/tui.py [--beside DIR]``; ``--beside`` installs mistral-vibe, another agent app for the terminal, into
an environment of its own in DIR and measures it in the same run. CPU times hold on a busy machine too; wall times do
not, so what the machine itself takes to echo a key stands beside them.
"""

import argparse
import asyncio
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZE = (40, 120)
STEPS = 60
KEYS = 40
PER_SECOND = 500
LETTERS = [chr(c) for c in range(0x0561, 0x0561 + 38)] + [chr(c) for c in range(0x10D0, 0x10D0 + 33)]
"""Typed one by one: letters that no screen shows already."""


class Painted:
    """A program on a pty, and what it painted."""

    def __init__(self, argv: list[str], env: dict[str, str], cwd: str = "/") -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=cwd, start_new_session=True
        )
        os.close(theirs)
        self.seen = b""

    def send(self, data: bytes) -> None:
        """Type."""
        os.write(self._ours, data)

    def wait(self, is_there: Callable[[bytes], bool], seconds: float = 120) -> float | None:
        """When ``is_there`` held of what was painted; ``None``: it never did."""
        end = time.perf_counter() + seconds
        while not is_there(self.seen):
            left = end - time.perf_counter()
            if left <= 0 or not select.select([self._ours], [], [], left)[0]:
                return None
            try:
                got = os.read(self._ours, 1 << 16)
            except OSError:
                return None
            if b"\x1b[?2026$p" in got:
                self.send(b"\x1b[?2026;2$y")
            self.seen = self.seen[-65536:] + got
        return time.perf_counter()

    def drain(self, seconds: float) -> None:
        """Read on for a while."""
        self.wait(lambda _: False, seconds)

    def end(self) -> None:
        """End the program and what it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._ours)


def environment(**more: str) -> dict[str, str]:
    """Of the same terminal for all."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")}
    return (
        kept
        | {"TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none", "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
        | more
    )


@contextmanager
def painted(argv: list[str], env: dict[str, str], cwd: str = "/") -> Generator[Painted]:
    """A program on a pty, ended afterwards."""
    program = Painted(argv, env, cwd)
    try:
        yield program
    finally:
        program.end()


# The app itself, run as a child of this file


def history(count: int) -> list[object]:
    """``count`` events of which each is one block: messages, calls with output, edits, thoughts, prompts."""
    from agent.events import DiffContent, Moved, Text, TextContent, Thought, ToolCalled

    code = "\n".join(f"def step_{i}(row: list[str]) -> int:\n    return len(row) + {i}  # one" for i in range(2))
    said = "## A step\n\nSome **words** on `parse` and why it *splits* at a comma.\n\n- one\n- two\n\n"
    said += f"```python\n{code}\n```\n"
    made: list[object] = []
    for i in range(count):
        at, seq = float(i), i + 1
        match i % 5:
            case 0 | 3:
                made.append(Text(seq=seq, at=at, text=f"{said}\nNumber {i}."))
            case 1:
                lines = TextContent(text="\n".join(f"{n} passed" for n in range(12)))
                made.append(
                    ToolCalled(
                        seq=seq,
                        at=at,
                        call_id=f"t{i}",
                        title=f"pytest {i}",
                        tool_kind="execute",
                        status="completed",
                        content=(lines,),
                    )
                )
            case 2:
                edit = DiffContent(path=f"src/m{i}.py", old_text="a\nb\nc\n", new_text=f"a\nb{i}\nc\nd\n")
                made.append(
                    ToolCalled(
                        seq=seq,
                        at=at,
                        call_id=f"t{i}",
                        title=f"edit m{i}.py",
                        tool_kind="edit",
                        status="completed",
                        content=(edit,),
                    )
                )
            case _:
                made.append(
                    Thought(seq=seq, at=at, text="Let me see.\nIt splits.")
                    if i % 50
                    else Moved(
                        seq=seq, at=at, origin="here", to="vm", files=412, size=3_100_000, seconds=2.4, sandbox="full"
                    )
                )
    return made


def rss() -> float:
    """MB of this process's memory, where the system tells of it."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def run_app(what: str, count: int, out: Path) -> None:
    """The app over recorded data; what it measured of itself goes to ``out``."""
    sys.path.insert(0, str(ROOT))
    from agent.events import Text, ToolCalled
    from tests.tui.doubles import DoubleBackend
    from tui.app import CastoffApp, rest_collector
    from tui.transcript import Transcript

    class App(CastoffApp):
        """Tells of each paint."""

        CSS_PATH = ROOT / "tui" / "app.tcss"
        paints = 0
        changed = asyncio.Event()

        def post_display_hook(self) -> None:
            """One more."""
            self.paints += 1
            self.changed.set()

        async def next_paint(self, before: int) -> None:
            """Wait for a paint after the ``before``th."""
            while self.paints <= before:
                self.changed.clear()
                await self.changed.wait()

    begun = time.process_time()
    backend = DoubleBackend(history(count))  # type: ignore[arg-type]  # events, each of them
    app = App(lambda: backend, verase=b"\x7f")

    async def measured(do: Callable[[], object]) -> tuple[float, float]:
        """CPU and wall ms from ``do`` to the paint that shows it."""
        await asyncio.sleep(0.06)
        before, cpu, wall = app.paints, time.process_time(), time.perf_counter()
        do()
        await app.next_paint(before)
        return 1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall)

    async def measure() -> None:
        while not (app.screen.query(Transcript) and app.screen.query_one(Transcript).state.head_seq == count):  # noqa: ASYNC110  # told by no event
            await asyncio.sleep(0.005)
        transcript = app.screen.query_one(Transcript)
        await app.next_paint(app.paints - 1)
        told: dict[str, object] = {"first": time.process_time() - begun, "rss_first": rss()}
        await asyncio.sleep(1)
        while getattr(transcript, "is_behind", False):  # noqa: ASYNC110  # the same
            await asyncio.sleep(0.1)
        seq = count

        def append() -> None:
            nonlocal seq
            seq += 1
            backend.viewer.add(ToolCalled(seq=seq, at=float(seq), call_id=f"n{seq}", title="new", status="completed"))

        def grow() -> None:
            nonlocal seq
            seq += 1
            backend.viewer.add(Text(seq=seq, at=float(seq), text="some words more "))

        told["append"] = [await measured(append) for _ in range(STEPS)]
        told["grow"] = [await measured(grow) for _ in range(STEPS)]
        told["rss_before"] = rss()
        step = max(1, len(transcript.lines) // STEPS)
        far = [await measured(lambda i=i: transcript.scroll_to(y=i * step, animate=False)) for i in range(STEPS)]
        told["scroll_far"] = far[1:]
        told["scroll_line"] = [
            await measured(lambda: transcript.scroll_relative(y=-1, animate=False)) for _ in range(STEPS)
        ]
        for i in range(len(transcript.lines) // 400):
            transcript.scroll_to(y=i * 400, animate=False)
            await asyncio.sleep(0)
        told["rss_after"] = rss()
        told["nodes"] = len(list(app.screen.walk_children()))
        told["lines"] = len(transcript.lines)
        out.write_text(json.dumps(told))
        app.exit()

    async def stream() -> None:
        """Tokens as from a quick model, for ever."""
        seq, begun, sent = count, time.monotonic(), 0
        while True:
            await asyncio.sleep(0.004)
            due = int((time.monotonic() - begun) * PER_SECOND)
            for n in range(sent, due):
                seq += 1
                text = "token " if n % 40 else "\n\nNext `paragraph` of it: "
                if n % 4000 == 3999:
                    backend.viewer.add(
                        ToolCalled(seq=seq, at=float(seq), call_id=f"s{seq}", title="x", status="completed")
                    )
                else:
                    backend.viewer.add(Text(seq=seq, at=float(seq), text=text))
            sent = due

    async def move() -> None:
        """Hand a session of 3,000 files off to a host on this machine and take it home, for ever."""
        from agent.paths import state_dir
        from agent.sessions import create_session
        from bench.handoff import last, make_project
        from remote import embedded_host
        from remote.config import Settings
        from remote.handoff import hand_off
        from remote.host_protocol import Nothing
        from remote.hostkeys import HostKeys
        from remote.links import Links
        from remote.local import open_local
        from remote.pull import pull_back
        from remote.settings_protocol import SetVariable
        from remote.terms import Terms

        project = out.parent / "project"
        await asyncio.to_thread(make_project, project, 3_000)
        host = await embedded_host.start(out.parent / "host")
        host.pin(HostKeys())
        settings = Settings()
        settings.add(host.host("vm"))
        links = Links(settings)
        await (await links.client("vm")).ask(SetVariable(name="OPENAI_API_KEY", value="none"), Nothing)
        while True:
            session = create_session(state_dir(), project, "builtin")
            await (await open_local(session)).close()
            with out.open("a") as told:
                told.write("out\n")
            await last(hand_off(session, links.host("vm"), Terms(), links))
            with out.open("a") as told:
                told.write("home\n")
            await last(pull_back(links, "vm", session.id))

    async def begin() -> None:
        while not backend.viewers:  # noqa: ASYNC110  # the same
            await asyncio.sleep(0.01)
        await {"measure": measure, "stream": stream, "move": move}[what]()

    if what in ("measure", "stream", "move"):
        app.call_later(lambda: app.run_worker(begin()))
    rest_collector()
    app.run()


def child(*words: str) -> list[str]:
    """This file as a program."""
    return [sys.executable, "-I", str(Path(__file__).resolve()), "--child", *words]


# What is told


def long_transcript(count: int) -> None:
    """Append, grow and scroll a transcript of ``count`` blocks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        with painted(child("measure", str(count), str(out)), environment()) as app:
            app.wait(lambda _: app.process.poll() is not None, 570)
            if not out.exists():
                raise SystemExit(f"the app ended: {app.seen[-3000:].decode(errors='replace')}")
        told = json.loads(out.read_text())
    row = [f"{count:>6} blocks", f"{told['lines']} lines, {told['nodes']} nodes"]
    row.append(f"first screen {1000 * told['first']:.0f} ms CPU after the imports")
    for name in ("append", "grow", "scroll_line", "scroll_far"):
        cpu, wall = zip(*told[name], strict=True)
        row.append(f"{name} {statistics.median(cpu):.1f} ms CPU ({statistics.median(wall):.1f} wall)")
    row.append(
        f"memory {told['rss_first']:.0f} MB at first, {told['rss_before']:.0f} -> {told['rss_after']:.0f} scrolled"
    )
    print("; ".join(row), flush=True)


def type_keys(program: Painted) -> list[float]:
    """Wall ms from each key to its paint."""
    took: list[float] = []
    for letter in LETTERS[:KEYS]:
        program.drain(0.08)
        program.seen = b""
        code = letter.encode()
        begun = time.perf_counter()
        program.send(code)
        end = program.wait(lambda seen, code=code: code in seen, 20)
        if end is None:
            break
        took.append(1000 * (end - begun))
    return took


def told_keys(name: str, took: list[float]) -> None:
    """Median and p95."""
    if len(took) < KEYS:
        print(f"{name}: only {len(took)} of {KEYS} keys were painted", flush=True)
        return
    print(
        f"{name}: median {statistics.median(took):.1f} ms, p95 {statistics.quantiles(took, n=20)[-1]:.1f} ms",
        flush=True,
    )


def keys() -> None:
    """Keypress to paint: what a bare echo takes, then the app idle and under a stream of tokens."""
    with painted(["cat"], environment()) as echo:
        told_keys("key to paint, echo of the machine", type_keys(echo))
    for what, name in (("idle", "idle"), ("stream", f"under {PER_SECOND} tokens/s")):
        with painted(child(what, "2000", "-"), environment()) as app:
            if app.wait(lambda seen: b"builtin" in seen) is None:
                print(f"{name}: the app never came", flush=True)
                continue
            app.drain(4)
            cpu, begun = cpu_now(app.process.pid), time.monotonic()
            told_keys(f"key to paint, castoff {name}", type_keys(app))
            share = (cpu_now(app.process.pid) - cpu) / (time.monotonic() - begun)
            print(f"  with {100 * share:.0f} % of a core", flush=True)


def moving() -> None:
    """Keypress to paint while sessions move to a host on this machine and home, as fast as they can."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        out = root / "moves"
        places = {f"CASTOFF_{n}": f"{folder}/{n}" for n in ("STATE", "CONFIG", "DATA")}
        with painted(child("move", "2000", str(out)), environment(**places)) as app:
            while not out.exists() and app.process.poll() is None:
                app.drain(1)
            if not out.exists():
                raise SystemExit(f"the app ended: {app.seen[-3000:].decode(errors='replace')}")
            told_keys("key to paint, castoff during handoffs and pulls", type_keys(app))
            print(f"  with {len(out.read_text().split())} moves begun", flush=True)
        stop = "import asyncio, pathlib, sys; from remote.embedded_host import stop; "
        stop += "asyncio.run(stop(pathlib.Path(sys.argv[1])))"
        subprocess.run([sys.executable, "-I", "-c", stop, str(root / "host")], env=environment(**places), check=True)


def cpu_of(argv: list[str], env: dict[str, str]) -> float:
    """CPU seconds of a program that ends."""
    before = os.times()
    subprocess.run(argv, env=env, check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def first_paint(name: str, argv: list[str], env: dict[str, str], mark: bytes, cwd: str = "/") -> float:
    """CPU and wall seconds from start to the paint that holds ``mark``; the CPU seconds."""
    cpu: list[float] = []
    wall: list[float] = []
    for _ in range(3):
        with painted(argv, env, cwd) as app:
            end = app.wait(lambda seen: mark in seen)
            if end is None:
                print(f"first paint, {name}: it never came; last: {app.seen[-200:]!r}", flush=True)
                return 0.0
            cpu.append(cpu_now(app.process.pid))
            wall.append(end - app.begun)
    print(f"first paint, {name}: {min(cpu):.2f} s CPU, {min(wall):.2f} s wall", flush=True)
    return min(cpu)


def cpu_now(group: int) -> float:
    """CPU seconds so far of all processes of a group that are alive."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            ticks += sum(int(f) for f in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def beside(folder: Path) -> None:
    """The same of mistral-vibe 2, the last made with Textual; installed into ``folder`` unless there."""
    vibe = folder / "bin" / "vibe"
    if not vibe.exists():
        uv = Path(sys.prefix) / "bin" / "uv"
        subprocess.run([uv, "venv", "-q", "--clear", "--python", ">=3.12", folder], check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", folder / "bin" / "python", "mistral-vibe<3"], check=True
        )
    with tempfile.TemporaryDirectory() as home:
        env = environment(HOME=home, VIBE_HOME=f"{home}/.vibe", MISTRAL_API_KEY="none")
        first_paint("mistral-vibe", [str(vibe)], env, b"/help", home)
        with painted([str(vibe)], env, home) as app:
            app.drain(12)
            told_keys("key to paint, mistral-vibe idle", type_keys(app))


def start() -> None:
    """Start to first paint beside the imports it needs."""
    env = environment()
    bare = min(cpu_of([sys.executable, "-I", "-c", "pass"], env) for _ in range(3))
    needed = "import textual.app, textual.screen, textual.widgets, textual.widgets._text_area"
    imports = min(cpu_of([sys.executable, "-I", "-c", needed], env) for _ in range(3))
    print(f"import of textual: {imports:.2f} s CPU (python alone {bare:.2f} s)", flush=True)
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "project").mkdir()
        words = [str(Path(sys.executable).with_name("castoff")), f"{home}/project"]
        env = environment(HOME=home)
        took = first_paint("castoff", words, env, b"sk the agent")
        ready = first_paint("castoff, all of the workspace", words, env, b"builtin")
    print(f"in imports of textual: first paint {took / imports:.2f}, workspace {ready / imports:.2f}", flush=True)


def main() -> None:
    """All of it."""
    words = argparse.ArgumentParser()
    words.add_argument("--child", nargs=3)
    words.add_argument("--beside", type=Path, metavar="DIR", help="measure mistral-vibe too, installed into DIR")
    words.add_argument("--only", choices=("long", "keys", "move", "start"))
    given = words.parse_args()
    if given.child:
        what, count, out = given.child
        run_app(what, int(count), Path(out))
        return
    if given.only in (None, "start"):
        start()
    if given.only in (None, "long"):
        for count in (2_000, 20_000):
            long_transcript(count)
    if given.only in (None, "keys"):
        keys()
    if given.only in (None, "move"):
        moving()
    if given.beside:
        beside(given.beside.resolve())


if __name__ == "__main__":
    main()
