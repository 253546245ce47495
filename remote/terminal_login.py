"""An agent's own login, run on a host in this terminal by OpenSSH: nothing of it passes through castoff."""

import shlex
from pathlib import Path, PurePosixPath

from agent.profiles import Profile
from remote.config import Host
from remote.errors import RemoteError
from remote.hostkeys import HostKeys

_NOT_FOUND = 127
_SSH_FAILED = 255


def login_command(host: Host, profile: Profile, host_keys: HostKeys, ssh_config: Path | None = None) -> list[str]:
    """The argument list that opens the login of ``profile`` on ``host``, whose key must be pinned.

    It runs below a login shell, which knows where the user's programs are. Raises `RemoteError` where there is none.
    """
    if not profile.login_command:
        raise RemoteError(
            f"{profile.title} has no login of its own that castoff knows.",
            f"Keep its key on the host: castoff host secrets set {host.name} VARIABLE",
            code="no-login",
        )
    # As castoff's own connections: the pinned keys decide, and nothing of this machine goes along.
    options = {
        "UserKnownHostsFile": _quoted(host_keys.path),
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "SendEnv": "-*",
    }
    argv = ["ssh", *(["-F", str(ssh_config)] if ssh_config else []), "-t"]
    argv += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    argv += ["-p", str(host.port)] if host.port else []
    argv += ["-l", host.login] if host.login else []
    argv += ["-i", host.identity] if host.identity else []
    inner = shlex.quote("exec " + shlex.join(["/bin/sh", "-c", _script(profile)]))
    return [*argv, "--", host.address, f'exec "${{SHELL:-/bin/sh}}" -lc {inner}']


def judge_login(name: str, profile: Profile, status: int) -> None:
    """Raise `RemoteError` unless ``status`` is that of a login on the host ``name`` that went well."""
    if status == _NOT_FOUND:
        program = profile.login_command[0]
        raise RemoteError(
            f"{program}, which logs {profile.title} in, is not on {name}.",
            f"castoff host setup {name} --agent {profile.name} installs the agent; where {program} is none of it, see "
            "to it.",
            code="agent-missing",
        )
    if status == _SSH_FAILED:
        sentence = f"ssh could not open a terminal on {name}; why, it says in the terminal, above."
        raise RemoteError(sentence, f"castoff doctor {name} says more.", code="login-failed")
    if status != 0:
        raise RemoteError(f"The login ended with status {status}.", "Try again.", code="login-failed")


def _script(profile: Profile) -> str:
    """Runs the login with castoff's own agent first in PATH, as a run would, then what the user's PATH has."""
    folders = [str(PurePosixPath(glob).parent) for glob in (*profile.find, *profile.interpreter)]
    agents = '"${XDG_DATA_HOME:-$HOME/.local/share}"/castoff/agents/'
    places = [agents + shlex.quote(folder) for folder in dict.fromkeys(folders) if "*" not in folder]
    return f"PATH={':'.join([*places, '$PATH'])}; export PATH; exec {shlex.join(profile.login_command)}"


def _quoted(path: Path) -> str:
    """A path as ssh's options take it: in quotes, with its own sign for tokens doubled (man 5 ssh_config)."""
    return '"' + str(path).replace("%", "%%") + '"'
