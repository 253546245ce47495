"""A run's terminal on its host: one tmux server for each run, with its own socket.

``ssh HOST`` and ``tmux -S SOCKET attach`` shows the run without castoff. tmux is never the record: the
journal is. The output also goes to a log file, and the pane stays after the command ended, with its status.
"""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent import children
from agent.durable import make_private
from agent.events import Frozen
from agent.paths import short_socket_path, state_dir
from remote.errors import HostLacks, TerminalFailed
from remote.scope import scoped

_SECONDS = 15.0
_STATUS_ATTEMPTS = 12
_LOG_VARIABLE = "CASTOFF_TMUX_LOG"


class Ended(Frozen):
    """How the command ended: ``status``, or the number of the ``signal`` that ended it; neither if tmux cannot say."""

    status: int | None = None
    signal: int | None = None


class Terminal:
    """The tmux server on one socket. Use a fresh ``name`` for each start: a dying server still holds its socket."""

    def __init__(self, name: str, state: Path | None = None) -> None:
        wanted = (state or state_dir()) / "tmux" / name
        make_private(wanted.parent)
        self.socket = short_socket_path(wanted)

    async def start(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        """Run ``argv`` in a new detached terminal of 200 x 50 with exactly ``env`` (and TERM) as its environment.

        Its output is appended to ``log``; what it prints within a millisecond of its end may be missing there (one
        end in a hundred: Linux may report a closed terminal before its last output). Raises `HostLacks` without
        tmux, `TerminalFailed` with what tmux said.
        """
        if await self.alive():
            raise TerminalFailed(f"A terminal of this name already runs at {self.socket}.", "Look at the run first.")
        log.touch(mode=0o600)
        # The options must be set before the command starts, or a quick end is lost with its output: hence respawn.
        # The log's path travels in a variable, because tmux expands formats in what pipe-pane is given.
        words = ["new-session", "-d", "-s", "run", "-x", "200", "-y", "50", "exec cat"]
        words += [";", "set-option", "-g", "default-shell", "/bin/sh"]
        words += [";", "set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "history-limit", "20000"]
        words += [";", "pipe-pane", "-o", f'exec cat >> "${_LOG_VARIABLE}"']
        words += [";", "respawn-pane", "-k", "-c", _literal(str(cwd)), f"exec {shlex.join(argv)}"]
        await self._tmux(words, env={**env, "SHELL": "/bin/sh", _LOG_VARIABLE: str(log)}, alone=True)

    async def alive(self) -> bool:
        """Whether the command runs."""
        pane = await self._pane()
        return pane is not None and pane[0] != "1"

    async def ended(self) -> Ended | None:
        """How the command ended, or ``None`` while it runs; raises `TerminalFailed` if the server is gone."""
        for attempt in range(_STATUS_ATTEMPTS):
            pane = await self._pane()
            if pane is None:
                raise TerminalFailed(f"No terminal runs at {self.socket}.")
            dead, status, signal = pane
            if dead != "1":
                return None
            if status or signal:
                return Ended(status=int(status) if status else None, signal=int(signal) if signal else None)
            # tmux 3.3 misses about one end in twenty and leaves a zombie, until another child of its own ends.
            # (Before 3.3 it never tells a signal.)
            await self._tmux(["run-shell", "true"])
            await asyncio.sleep(0.02 * attempt)
        return Ended()

    async def text(self) -> str:
        """What the pane shows, history included: untrusted text."""
        return await self._tmux(["capture-pane", "-p", "-S", "-", "-t", "run:"])

    async def kill(self) -> None:
        """End the command and the server; nothing to do if there is none."""
        if await self._pane() is not None:
            await self._tmux(["kill-server"])
        self.socket.unlink(missing_ok=True)

    def attach_command(self) -> list[str]:
        """What a user types on the host to look at the run."""
        return ["tmux", "-S", str(self.socket), "attach"]

    async def exists(self) -> bool:
        """Whether there is anything to look at: also a command that ended leaves what it printed."""
        return await self._pane() is not None

    async def look_command(self) -> list[str]:
        """What shows the run to somebody who only looks: no key reaches it, q and Esc go away."""
        leave = [part for key in ("q", "Escape") for part in ("bind-key", "-n", key, "detach-client", ";")]
        hint = ["set-option", "-g", "status-right", " q goes back ", ";"]
        # Where tmux can, without `ignore-size`: a view of 200 columns in a terminal of 80 hides most of each line.
        read_only = ["-f", "read-only"] if await self._version() >= (3, 2) else ["-r"]
        return ["tmux", "-u", "-S", str(self.socket), *leave, *hint, "attach-session", *read_only, "-t", "run"]

    async def _version(self) -> tuple[int, int]:
        found = re.search(r"(\d+)\.(\d+)", (await self._call(["-V"]))[1])
        return (int(found[1]), int(found[2])) if found else (0, 0)

    async def _pane(self) -> tuple[str, str, str] | None:
        """``pane_dead``, ``pane_dead_status``, ``pane_dead_signal``, or ``None`` without a server."""
        if not self.socket.exists():
            return None
        words = ["list-panes", "-s", "-t", "run", "-F", "#{pane_dead} #{pane_dead_status} #{pane_dead_signal}"]
        failed, said, _ = await self._call(words)
        if failed:
            return None
        dead, status, signal = (*said.splitlines()[0].split(" "), "", "")[:3]
        return dead, status, signal

    async def _tmux(self, words: Sequence[str], env: Mapping[str, str] | None = None, *, alone: bool = False) -> str:
        """What tmux prints; raises `TerminalFailed` with what it complains about.

        ``alone``: in a control group of its own where that can be had; some hosts end a login's when it logs out.
        """
        status, said, complaint = await self._call(words, env, alone=alone)
        if status != 0:
            raise TerminalFailed(f"tmux failed with status {status}: {complaint.strip()}.")
        return said

    async def _call(
        self, words: Sequence[str], env: Mapping[str, str] | None = None, *, alone: bool = False
    ) -> tuple[int, str, str]:
        """tmux's exit status, output and complaints; raises `TerminalFailed` if it stays silent: that is no answer."""
        environ = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **(env or {})}
        argv = [_program(), "-S", str(self.socket), "-f", "/dev/null", *words]
        process = await children.start(
            await asyncio.to_thread(scoped, argv) if alone else argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                stdout, stderr = await children.hear_out(process)
        except TimeoutError as error:
            raise TerminalFailed(f"tmux did not answer within {_SECONDS:g} seconds.") from error
        return await process.wait(), stdout.decode(errors="replace"), stderr.decode(errors="replace")


def _program() -> str:
    """The absolute path of tmux; raises `HostLacks`."""
    found = shutil.which("tmux")
    if found is None:
        raise HostLacks("tmux is not installed.", "Install tmux.", missing=("tmux",))
    return found


def _literal(text: str) -> str:
    """A text in which tmux expands nothing."""
    return text.replace("#", "##")
