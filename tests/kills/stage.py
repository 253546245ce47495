"""A laptop and a real sshd host between which one session goes out and home by the ``castoff`` command, under strace
where that is asked for: on the laptop, or on the host behind the same sshd. Nothing of the product is replaced."""

import fcntl
import json
import math
import shlex
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.durable import read_model
from agent.events import Prompted
from agent.journal import read_events
from agent.protocol import Lease
from remote.keeper import find_keeper
from tests.e2e.journey import tree_of
from tests.e2e.laptop import Laptop, make_laptop
from tests.hosts import HostForTests, free_port, wait_for_port
from tests.kills.agent import PROFILE
from tests.kills.points import Side
from tests.kills.tracing import CALLS, strace

COMMANDS = ("send", "handoff", "pull")
"""In this order they are one round; ``send`` takes the session up where it is home again."""
_SECONDS = 240.0
_SETUP_SECONDS = 900.0
_FORCED = """#!/bin/sh
plan={plan}
PATH={programs}:$PATH
export PATH
case "$SSH_ORIGINAL_COMMAND" in
*"runner_cli host"*) if mv "$plan" "$plan.$$" 2>/dev/null; then . "$plan.$$"; fi ;;
esac
exec sh -c "$SSH_ORIGINAL_COMMAND"
"""

# No cron runs where the tests do, and none of theirs shall change a real account's table.
_CRONTAB = """#!/bin/sh
table="$(dirname "$0")/table"
case "$1" in
    -l) if [ -e "$table" ]; then cat "$table"; else echo "no crontab for $LOGNAME" >&2; exit 1; fi ;;
    -) cat > "$table.new" && mv "$table.new" "$table" ;;
esac
"""


@dataclass
class Stage:
    """One session between two sides; every command may be killed, and is run again then."""

    laptop: Laptop
    host: HostForTests
    meeting: Path
    """A folder that the host's user may write to."""
    session: str = ""
    agreed: list[bytes] = field(default_factory=list[bytes])
    """The journal's lines as they were when a command last succeeded: they are never other ones again."""
    rounds: int = 0
    end: float = math.inf
    """When it is time to go, by `time.monotonic`."""

    @property
    def here(self) -> Path:
        """The session's directory on the laptop."""
        return Path(self.laptop.env["CASTOFF_STATE"], "sessions", self.session)

    @property
    def there(self) -> Path:
        """The session's directory on the host."""
        return self.host.home / ".local/state/castoff/sessions" / self.session

    def states(self) -> dict[Side, Path]:
        """Castoff's own directory on each side."""
        return {
            "here": Path(self.laptop.env["CASTOFF_STATE"]),
            "there": self.host.home / ".local/state/castoff",
        }

    def folders(self, side: Side) -> tuple[Path, ...]:
        """Everything that a command may change there."""
        mine = (self.laptop.project, self.laptop.home / ".cheap") if side == "here" else ()
        return (self.states()[side], *mine)

    def words(self, command: str) -> list[str]:
        """The command line of one of `COMMANDS`, without the program."""
        match command:
            case "send":
                return ["send", self.session, f"here {self.rounds}"]
            case "handoff":
                return ["handoff", self.session, "--host", "vm", "--say", f"there {self.rounds}", "--yes"]
            case _:
                return ["pull", self.session, "--yes"]

    def run(
        self, words: list[str], prefix: list[str] | None = None, seconds: float = _SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run castoff on the laptop, behind ``prefix``; raises `subprocess.TimeoutExpired` after ``seconds``."""
        return subprocess.run(
            [*(prefix or ()), sys.executable, "-I", "-m", "tui.cli", *words, "--json"],
            cwd=self.laptop.project,
            env=self.laptop.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    @contextmanager
    def traced_host(self, out: Path, *options: str, calls: Sequence[str] = CALLS) -> Generator[None]:
        """The next program of castoff's on the host, and what it starts, runs under strace."""
        plan = self.meeting / "plan"
        out.touch()
        self.host.own(out)
        words = strace(out, *options, calls=calls)
        plan.with_name("draft").write_text(f'exec {shlex.join(words)} sh -c "$SSH_ORIGINAL_COMMAND"\n')
        self.host.own(plan.with_name("draft"))
        plan.with_name("draft").rename(plan)
        try:
            yield
        finally:
            plan.unlink(missing_ok=True)

    def leases(self) -> tuple[Lease, Lease | None]:
        """What each side's record says of who holds the session."""
        there = self.there / "lease.json"
        return read_model(self.here / "lease.json", Lease), read_model(there, Lease) if there.exists() else None

    def check(self) -> None:
        """What holds at any moment: one owner at most, and no line of the journal lost, changed or told twice."""
        here, there = self.leases()
        holders = [lease for lease in (here, there) if lease is not None and lease.state == "held"]
        assert len(holders) < 2, f"two owners: {here}, {there}"
        for journal in (self.here / "journal.jsonl", self.there / "journal.jsonl"):
            if journal.exists():
                prompts = [event.prompt_id for event in read_events(journal) if isinstance(event, Prompted)]
                assert len(prompts) == len(set(prompts)), f"a prompt twice in {journal}: {prompts}"
        assert self._lines(self.here)[: len(self.agreed)] == self.agreed[: len(self._lines(self.here))]

    def settle(self, command: str) -> None:
        """What holds once ``command`` was run again: it came to what it is for, and nothing was lost on the way."""
        self.check()
        here, there = self.leases()
        owner = self.there if command == "handoff" else self.here
        states = (here.state, there.state if there is not None else "")
        assert states[0] == ("away" if command == "handoff" else "held"), (here, there)
        assert (states[1] == "held") == (command == "handoff"), (here, there)
        other = self.here if command == "handoff" else self.there
        assert not _is_locked(other / "runner.lock") and find_keeper(other) is None, "two runners"
        assert self._hooks() < 2, "two lines in the host's crontab"
        lines = self._lines(owner)
        assert lines[: len(self.agreed)] == self.agreed, f"{command} lost some of the journal"
        self.agreed = lines

    def check_trees(self) -> None:
        """What travelled is the same on both sides; what the agent writes to goes on there."""
        here, there = self.trees()
        if self.leases()[0].state == "away":
            del here["log.txt"], there["log.txt"]
        assert here == there

    def trees(self) -> tuple[dict[str, str], dict[str, str]]:
        """The files here, and of the run's tree on the host."""
        there = self.host.home / ".local/state/castoff/trees" / self.session
        return tree_of(self.laptop.project), tree_of(there)

    def describe(self) -> str:
        """Both sides' records, for whoever has to find out what went wrong."""
        parts = [str(self.leases())]
        for session in (self.here, self.there):
            parts += sorted(path.name for path in session.glob("*.json"))
            parts += [line.decode(errors="replace")[:300] for line in self._lines(session)[-6:]]
            parts += [_end_of(session / name) for name in ("runner.log", "pane.log", "agent.log")]
        return "\n".join(parts)

    def _hooks(self) -> int:
        """How many lines of the host's crontab would take runs up after a restart."""
        table = self.meeting / "programs" / "table"
        return table.read_text().count("@reboot") if table.exists() else 0

    def _lines(self, session: Path) -> list[bytes]:
        journal = session / "journal.jsonl"
        whole = journal.read_bytes().rpartition(b"\n")[0] if journal.exists() else b""
        return whole.split(b"\n") if whole else []


@contextmanager
def set_stage(host: HostForTests, scratch: Path) -> Generator[Stage]:
    """A laptop whose host ``vm`` is ``host`` behind an sshd that can put strace before castoff's program there."""
    # Nobody else looks into the scratch folder of the tests.
    meeting = host.home / scratch.name
    meeting.mkdir()
    (meeting / "programs").mkdir()
    (meeting / "programs" / "crontab").write_text(_CRONTAB)
    (meeting / "programs" / "crontab").chmod(0o755)
    host.own(meeting)
    laptop = make_laptop(scratch / "ann")
    stage = Stage(laptop, host, meeting)
    with _forcing_sshd(host, scratch, meeting) as behind:
        behind.write_settings(Path(laptop.env["CASTOFF_CONFIG"]))
        for config in (Path(laptop.env["CASTOFF_CONFIG"]), host.home / ".config/castoff"):
            (config / "agents").mkdir(parents=True, exist_ok=True)
            (config / "agents" / "cheap.toml").write_text(PROFILE)
        host.own(host.home / ".config")
        _say_done(stage.run(["host", "setup", "vm"], seconds=_SETUP_SECONDS))
        made = _say_done(stage.run(["new", "--agent", "cheap", "--prompt", "here 0", "--policy", "accept-all"]))
        stage.session = str(made["id"])
        yield stage


@contextmanager
def _forcing_sshd(host: HostForTests, scratch: Path, meeting: Path) -> Generator[HostForTests]:
    forced = meeting / "forced"
    names = {name: shlex.quote(str(meeting / name)) for name in ("plan", "programs")}
    forced.write_text(_FORCED.format_map(names))
    forced.chmod(0o755)
    port = free_port()
    before = (host.directory / "sshd_config").read_text().splitlines()
    kept = [line for line in before if not line.startswith(("Port ", "PidFile "))]
    config = scratch / "sshd_config"
    config.write_text("\n".join([f"Port {port}", f"PidFile {scratch / 'pid'}", *kept, f"ForceCommand {forced}"]) + "\n")
    argv = ["/usr/sbin/sshd", "-D", "-E", str(scratch / "sshd.log"), "-f", str(config)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, cwd="/")
    try:
        wait_for_port(port)
        for key in host.host_keys.pinned("127.0.0.1", host.host.port or 22):
            host.host_keys.pin("127.0.0.1", port, key)
        settings = host.host.model_copy(update={"port": port, "name": "vm"})
        yield HostForTests(settings, host.host_keys, host.home, host.user, host.directory)
    finally:
        process.terminate()
        process.wait()


def _say_done(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ran.returncode == 0, f"{ran.args}: {ran.returncode}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def _end_of(log: Path) -> str:
    """The last lines of ``log``, under its name; nothing if there is none."""
    return "\n".join([f"{log}:", *log.read_text(errors="replace").splitlines()[-25:]]) if log.exists() else ""


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
