"""A run on a real sshd, in tmux and bubblewrap, whose agent, runner, terminal, or everything is killed in mid-turn.

Cron is played by the test: the ``crontab`` on the host is a double, and its ``@reboot`` line is run as cron would.
"""

import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from agent.durable import read_model, write_model
from agent.events import Noted, Prompted
from agent.journal import read_events
from agent.paths import state_dir
from agent.reception import BootRecord, RunnerRecord
from agent.sessions import SessionDir, create_session
from agent.state import SessionState
from remote.handoff import hand_off
from remote.links import Links
from remote.pull import pull_back
from remote.steps import Away, Home
from remote.terms import Terms
from tests.e2e.errands import Voyage
from tests.e2e.journey import drive, wait_for_run
from tests.remote.test_boot import CRONTAB
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
ERRAND = "echo once >> ran; touch begun; while [ ! -e go ]; do sleep 0.1; done"


async def set_out(voyage: Voyage) -> SessionDir:
    """A run in the middle of its errand."""
    tree = voyage.make_tree("crash", Path.mkdir)
    session = create_session(state_dir(), tree, "errand")
    steps = await drive(hand_off(session, voyage.links.host("vm"), Terms(say=f"[[do: {ERRAND}]]"), voyage.links))
    assert isinstance(steps[-1], Away), steps[-1]
    await until((voyage.there("trees", session) / "begun").exists)
    return session


def runner_record(voyage: Voyage, session: SessionDir) -> RunnerRecord:
    return read_model(voyage.there("sessions", session) / "runner.json", RunnerRecord)


def kill(voyage: Voyage, word: str) -> int:
    """Kill the host user's processes whose command lines hold ``word``; how many there were."""
    uid, killed = voyage.host.home.stat().st_uid, 0
    for entry in Path("/proc").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            mine = entry.name.isdigit() and entry.stat().st_uid == uid
            if mine and word in (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
    return killed


def told(voyage: Voyage, session: SessionDir) -> tuple[list[str], list[str]]:
    """What the user and what the agent was told of crashes."""
    events = list(read_events(voyage.there("sessions", session) / "journal.jsonl"))
    notes = [event.text for event in events if isinstance(event, Noted) and event.recovered]
    return notes, [event.text for event in events if isinstance(event, Prompted) and event.ahead]


def assert_done_once(voyage: Voyage, session: SessionDir, state: SessionState) -> None:
    assert state.phase == "finished", state.detail
    assert (voyage.there("trees", session) / "ran").read_text() == "once\n"
    assert len(voyage.host.processes("errand_agent.py")) <= 4  # sandbox, its first process, the agent: one of each


async def finish(voyage: Voyage, session: SessionDir) -> SessionState:
    return await wait_for_run(voyage.host, session.id, lambda s: s.phase in ("finished", "failed", "paused"))


async def clear_away(voyage: Voyage, session: SessionDir, links: Links | None = None) -> None:
    steps = await drive(pull_back(links or voyage.links, "vm", session.id))
    assert isinstance(steps[-1], Home), steps[-1]


async def test_the_agent_is_killed(voyage: Voyage) -> None:
    session = await set_out(voyage)
    runner = runner_record(voyage, session).pid
    scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (runner, agent_pid(voyage))]
    assert scores[0] < scores[1]
    assert kill(voyage, "errand_agent.py")
    state = await finish(voyage, session)
    notes, prompts = told(voyage, session)
    assert len(notes) == len(prompts) == 1 and "The agent ended" in notes[0] and "started again" in prompts[0]
    assert_done_once(voyage, session, state)
    assert runner_record(voyage, session).pid == runner
    await clear_away(voyage, session)


def agent_pid(voyage: Voyage) -> int:
    uid = voyage.host.home.stat().st_uid
    for entry in Path("/proc").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith((b"python3", b"python")) and words[1].endswith(b"errand_agent.py"):
                    return int(entry.name)
    raise AssertionError("there is no agent")


async def test_the_runner_is_killed(voyage: Voyage) -> None:
    session = await set_out(voyage)
    runner = runner_record(voyage, session).pid
    os.kill(runner, signal.SIGKILL)
    state = await finish(voyage, session)
    notes, prompts = told(voyage, session)
    assert len(notes) == len(prompts) == 1 and "The runner ended" in notes[0]
    assert_done_once(voyage, session, state)
    assert runner_record(voyage, session).pid != runner
    assert "started again" in (voyage.there("sessions", session) / "pane.log").read_text()
    await clear_away(voyage, session)


async def test_the_terminal_is_killed(voyage: Voyage) -> None:
    """The run goes on without it, in the same runner."""
    session = await set_out(voyage)
    runner = runner_record(voyage, session).pid
    assert kill(voyage, f"tmux -S {voyage.host.home}") or kill(voyage, "tmux -S /tmp/castoff-")
    (voyage.there("trees", session) / "go").touch()
    state = await finish(voyage, session)
    assert told(voyage, session) == ([], [])
    assert_done_once(voyage, session, state)
    assert runner_record(voyage, session).pid == runner
    await clear_away(voyage, session)


async def test_the_machine_is_restarted(voyage: Voyage) -> None:
    """All processes of the user are gone, and what they had in /tmp; then comes what cron does after a boot."""
    home = voyage.host.home
    # The hook stays while any run is held there, and other tests have left theirs.
    await until(lambda: kill(voyage, "") == 0)
    shutil.rmtree(home / ".local/state/castoff", ignore_errors=True)
    provide_cron(voyage)
    links = Links(voyage.links.settings)
    await links.client("vm")
    session = await set_out(Voyage(voyage.place, voyage.host, links))
    table = home / "bin" / "table"
    lines = table.read_text().splitlines()
    assert len(lines) == 1
    await until(lambda: kill(voyage, "") == 0)
    assert voyage.host.processes("") == []
    for leftover in (Path(f"/tmp/castoff-{home.stat().st_uid}"), home / ".local/state/castoff/tmux"):
        shutil.rmtree(leftover, ignore_errors=True)
    path = voyage.there("sessions", session) / "boot.json"
    # The boot's id is the one thing that only a real restart changes.
    write_model(path, BootRecord(boot="of-before"))
    voyage.host.own(path)
    run_at_boot(voyage, lines[0])
    state = await finish(voyage, session)
    notes, prompts = told(voyage, session)
    assert len(notes) == len(prompts) == 1 and "machine was restarted" in notes[0] + prompts[0]
    assert_done_once(voyage, session, state)
    again = Links(voyage.links.settings)
    await clear_away(voyage, session, again)
    assert table.read_text() == ""
    await again.close()
    await links.close()


def provide_cron(voyage: Voyage) -> None:
    """The double on the host's PATH."""
    programs = voyage.host.home / "bin"
    programs.mkdir()
    (programs / "crontab").write_text(CRONTAB)
    (programs / "crontab").chmod(0o755)
    voyage.host.own(programs)
    shell = voyage.host.home / ".bashrc"
    shell.write_text('PATH="$HOME/bin:$PATH"\n' + (shell.read_text() if shell.exists() else ""))
    voyage.host.own(shell)


def run_at_boot(voyage: Voyage, line: str) -> None:
    """As Debian's cron does: by ``/bin/sh``, with its own few variables."""
    user = pwd.getpwnam(voyage.host.user)
    env = {"HOME": user.pw_dir, "LOGNAME": user.pw_name, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    command = line.removeprefix("@reboot ").replace(r"\%", "%")
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=env,
        cwd=user.pw_dir,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
