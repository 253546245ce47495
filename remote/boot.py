"""What takes a host's runs up again after a restart: a unit of its user's systemd with linger, else a crontab line.

One hook for each state directory, put there when a run is accepted and gone with the last one. Both start
``castoff-runner revive STATE_DIR``; the variables that matter there are kept in ``STATE_DIR/boot.json``. The texts are
pure; where neither kind works, `look_at_hook` says so.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from agent.durable import make_private, read_model, remove_record, write_model, write_record
from agent.errors import RecordDamaged
from agent.events import Frozen
from remote.errors import RebootUnready
from remote.scope import lingers

_SECONDS = 10.0
_SWITCH = "CASTOFF_BOOT"
"""``off`` in the environment keeps a host that is no machine of its own, as the demo's, from changing an account."""
_KEPT = ("PATH", "LANG", "LC_ALL", "CASTOFF_STATE", "CASTOFF_CONFIG", "CASTOFF_DATA")
_KEPT_XDG = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")

Kind = Literal["systemd", "cron"]


class BootHook(Frozen):
    """The hook as it was put there. ``lingered``: the account had linger before; ``variables``: for what it starts."""

    kind: Kind
    command: tuple[str, ...]
    lingered: bool = True
    variables: Mapping[str, str] = Field(default={})


def install_hook(state: Path) -> BootHook:
    """Put the hook there, in place of an earlier one; raises `RebootUnready` with what neither kind could do."""
    if os.environ.get(_SWITCH) == "off":
        raise RebootUnready("Taking runs up after a restart is switched off on this host.")
    known = read_hook(state)
    command = (sys.executable, "-I", "-m", "remote.runner_cli", "revive", str(state))
    variables = {name: value for name in (*_KEPT, *_KEPT_XDG) if (value := os.environ.get(name))}
    if known is not None and _is_there(known, state) and known.command == command and known.variables == variables:
        return known
    lingered = known.lingered if known is not None and known.kind == "systemd" else lingers()
    whys: list[str] = []
    for kind, install in (("systemd", _install_unit), ("cron", _install_line)):
        hook = BootHook.model_validate({"kind": kind, "command": command, "lingered": lingered, "variables": variables})
        # Known before it is there: one that nobody knows of would never be removed.
        write_model(state / "boot.json", hook)
        try:
            install(hook, state)
        except RebootUnready as error:
            whys.append(str(error))
        else:
            return hook
    remove_record(state / "boot.json")
    raise RebootUnready(" ".join(whys), "Install cron there, or ask its administrator for: loginctl enable-linger")


def remove_hook(state: Path) -> None:
    """Take the hook away, and the linger that came with it; raises `RebootUnready`."""
    hook = read_hook(state)
    if hook is None:
        return
    if hook.kind == "systemd":
        _systemctl("disable", "--quiet", unit_name(state))
        _unit_path(state).unlink(missing_ok=True)
        _systemctl("daemon-reload")
        if not hook.lingered:
            _run(["loginctl", "disable-linger"])
    else:
        _write_crontab(without_line(_read_crontab(), state))
    remove_record(state / "boot.json")


def look_at_hook(state: Path) -> str:
    """How runs are taken up after a restart, in a sentence for the user; raises `RebootUnready`."""
    hook = read_hook(state)
    if hook is None:
        raise RebootUnready("Nothing takes runs up after a restart of this host.")
    if not _is_there(hook, state):
        how = f"The {'systemd unit' if hook.kind == 'systemd' else 'crontab line'} that takes runs up"
        raise RebootUnready(f"{how} after a restart is not there any more.")
    if hook.kind == "systemd":
        return "Runs are taken up after a restart by a systemd unit of the user (with linger)."
    return "Runs are taken up after a restart by a crontab line (@reboot)."


def foresee_hook() -> str:
    """Which hook a first run would bring, as far as can be told before; raises `RebootUnready`."""
    if os.environ.get(_SWITCH) == "off":
        raise RebootUnready("Taking runs up after a restart is switched off on this host.")
    if Path("/run/systemd/system").is_dir() and _call(["systemctl", "--user", "show", "--property=Version"])[0] == 0:
        return "A first run brings a systemd unit of the user (with linger) that takes runs up after a restart."
    if shutil.which("crontab"):
        return "A first run brings a crontab line (@reboot) that takes runs up after a restart."
    raise RebootUnready(
        "Nothing would take runs up after a restart of this host: it has neither a systemd for its user nor cron.",
        "Install cron there.",
    )


def read_hook(state: Path) -> BootHook | None:
    """The hook that was put there last, or ``None``."""
    try:
        return read_model(state / "boot.json", BootHook)
    except RecordDamaged:
        return None


def unit_name(state: Path) -> str:
    """The unit of one state directory."""
    return f"castoff-revive-{hashlib.sha256(os.fsencode(state)).hexdigest()[:12]}.service"


def unit_text(command: Sequence[str]) -> str:
    """The unit (man 5 systemd.service). ``KillMode=process``: the runs that it started outlive it."""
    words = " ".join(map(_quote_for_systemd, command))
    return (
        "[Unit]\n"
        "Description=Takes up the castoff runs of this user after a restart\n\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"ExecStart={words}\n"
        "KillMode=process\n\n"
        "[Install]\n"
        "WantedBy=default.target\n"
    )


def cron_line(command: Sequence[str], state: Path) -> str:
    """The line (man 5 crontab), which ``/bin/sh`` runs; a percent sign would end it. Raises `RebootUnready`."""
    if any("\n" in word for word in command):
        raise RebootUnready("A crontab line cannot name a path with a line break.")
    return f"@reboot {shlex.join(command)} {_mark(state)}".replace("%", r"\%")


def without_line(crontab: str, state: Path) -> str:
    """``crontab`` without our line for ``state``; everything else as it is."""
    # Cron ends a line at a line feed alone.
    lines = re.findall(r"[^\n]*\n|[^\n]+", crontab)
    return "".join(line for line in lines if not line.removesuffix("\n").endswith(_mark(state)))


def _mark(state: Path) -> str:
    return f"# {unit_name(state).removesuffix('.service')}"


def _quote_for_systemd(word: str) -> str:
    escaped = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", word.replace("\\", "\\\\"))
    return '"' + escaped.replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'


def _unit_path(state: Path) -> Path:
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "systemd" / "user" / unit_name(state)


def _install_unit(hook: BootHook, state: Path) -> None:
    if not Path("/run/systemd/system").is_dir():
        raise RebootUnready("Systemd does not run here.")
    _systemctl("show", "--property=Version")
    path = _unit_path(state)
    make_private(path.parent)
    write_record(path, unit_text(hook.command).encode())
    try:
        _systemctl("daemon-reload")
        _systemctl("enable", "--quiet", path.name)
        if not lingers():
            _run(["loginctl", "enable-linger"])
    except RebootUnready:
        path.unlink(missing_ok=True)
        raise


def _install_line(hook: BootHook, state: Path) -> None:
    before = _read_crontab()
    text = without_line(before, state)
    text += "" if not text or text.endswith("\n") else "\n"
    wanted = f"{text}{cron_line(hook.command, state)}\n"
    if wanted != before:
        _write_crontab(wanted)


def _is_there(hook: BootHook, state: Path) -> bool:
    if hook.kind == "systemd":
        wanted = _unit_path(state).parent / "default.target.wants" / unit_name(state)
        return wanted.exists() and lingers()
    return cron_line(hook.command, state) in _read_crontab().split("\n")


def _read_crontab() -> str:
    """The user's crontab, "" if there is none; raises `RebootUnready`."""
    status, said, complaint = _call(["crontab", "-l"])
    if status != 0 and "no crontab for" not in complaint:
        raise RebootUnready(f"crontab: {complaint.strip() or f'status {status}'}.")
    return said if status == 0 else ""


def _write_crontab(text: str) -> None:
    _run(["crontab", "-"], text)


def _systemctl(*words: str) -> None:
    _run(["systemctl", "--user", "--no-ask-password", *words])


def _run(argv: Sequence[str], given: str = "") -> None:
    status, said, complaint = _call(argv, given)
    if status != 0:
        why = (complaint or said).strip().splitlines()
        raise RebootUnready(f"{argv[0]}: {why[-1] if why else f'status {status}'}")


def _call(argv: Sequence[str], given: str = "") -> tuple[int, str, str]:
    """Status, output and complaints; raises `RebootUnready` if it cannot be asked."""
    program = shutil.which(argv[0])
    if program is None:
        raise RebootUnready(f"There is no {argv[0]} here.")
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    env = {**os.environ, "LC_ALL": "C", "XDG_RUNTIME_DIR": runtime}
    try:
        done = subprocess.run(
            [program, *argv[1:]], input=given.encode(), capture_output=True, timeout=_SECONDS, env=env, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RebootUnready(f"{argv[0]} does not answer.") from error
    return done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="replace")
