"""``castoff-runner``: what runs headless, here and on hosts.

castoff-runner serve SESSION_DIR    drive a session until it is over
castoff-runner attach RUN_ID        speak the control protocol on standard input and output
castoff-runner terminal RUN_ID      show a run's tmux in this terminal, only to look at
castoff-runner host                 answer one connection's requests (JSON lines) on standard input and output
castoff-runner mirror SESSION_DIR   keep a copy of what arrived of a run's project, for its next handoff
castoff-runner revive STATE_DIR     take up the runs of this host that were at work, after a restart
castoff-runner install AGENT        install an agent into castoff's own directory on this machine
castoff-runner version
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from types import TracebackType

from agent.errors import AgentError, RunnerBusy
from agent.sessions import open_session
from remote.errors import RemoteError
from remote.keeper import CRASHED
from remote.redaction import redact_output
from snapshot.errors import SnapshotError

_LOGGED = ("serve", "mirror", "revive")
"""Commands whose output is kept in a file, or in a terminal that nobody sits at."""
BUSY = 75
"""Exit status of a runner that found another one serving its session (EX_TEMPFAIL of sysexits.h)."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0, 1 failed (one sentence on standard error), 2 misused, `BUSY` another runner serves the session, 128 + the
    signal's number when ended by one; `CRASHED` a runner's own fault.
    """
    options = _parser().parse_args(arguments)
    if options.command in _LOGGED:
        redact_output()
    try:
        return asyncio.run(_run(options))
    except (AgentError, RemoteError, SnapshotError) as error:
        sys.stderr.write(f"castoff-runner: {error} {error.way_out}".rstrip() + "\n")
        return BUSY if isinstance(error, RunnerBusy) else 1
    except OSError as error:
        sys.stderr.write(f"castoff-runner: {error}\n")
        return 1
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="castoff-runner", description="The headless part of castoff.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="drive a session until it is over")
    serve.add_argument("session", type=Path, help="the session's directory")
    serve.add_argument("--held", default="", metavar="WHY", help="wait for its user instead of going on")
    attach = commands.add_parser("attach", help="speak the control protocol on standard input and output")
    attach.add_argument("run", help="the run's id")
    terminal = commands.add_parser("terminal", help="show a run's tmux in this terminal, only to look at")
    terminal.add_argument("run", help="the run's id")
    commands.add_parser("host", help="answer one connection's requests on standard input and output")
    mirror = commands.add_parser("mirror", help="keep a copy of what arrived of a run's project, for its next handoff")
    mirror.add_argument("session", type=Path, help="the session's directory")
    revive = commands.add_parser("revive", help="take up the runs of this host that were at work, after a restart")
    revive.add_argument("state", type=Path, help="the directory that holds them")
    install = commands.add_parser("install", help="install an agent into castoff's own directory on this machine")
    install.add_argument("agent", help="its profile's name")
    commands.add_parser("version", help="print the version")
    return parser


async def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "serve":
            await _serve(options.session, options.held)
        case "attach":
            from remote.relay import relay_run

            await relay_run(options.run)
        case "terminal":
            from remote.host_terminal import show_terminal

            await show_terminal(options.run)
        case "host":
            from remote.host_service import serve_requests

            await serve_requests()
        case "revive":
            from remote.revive import revive

            await revive(options.state)
        case "mirror":
            from remote.mirror import make_mirror

            os.nice(19)  # the agent has just begun
            make_mirror(open_session(options.session))
        case "install":
            from agent.profiles import load_profile
            from remote.agent_install import install_agent

            install_agent(load_profile(options.agent), _say)
        case _:
            from remote.wheel import runtime_id

            sys.stdout.write(f"{runtime_id()}\n")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def _serve(path: Path, held: str) -> None:
    from remote.serve import serve_session

    task = asyncio.current_task()
    assert task is not None
    # A terminal or tmux that goes away must not take the run with it; a polite end is a cancel.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # One that was asked for twice, as by its keeper and by a system that shuts down, is not cut short.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: task.cancelling() or task.cancel())
    # Whoever keeps it can tell a fault of ours from an error that was told.
    sys.excepthook = _crash
    await serve_session(path, held)


def _crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, trace)
    sys.stderr.flush()
    os._exit(CRASHED)


if __name__ == "__main__":
    sys.exit(main())
