"""An agent is installed on a host, by castoff's runtime there."""

from collections.abc import Callable

from remote.errors import AgentInstallFailed
from remote.host_client import HostClient, runner_command

_SECONDS = 1800.0


async def set_up_agent(client: HostClient, agent: str, report: Callable[[str], None]) -> None:
    """Install ``agent`` there, into castoff's own directory, if it is not there; ``report`` gets lines to show.

    Raises `AgentInstallFailed`, `ConnectionLost`, `HostTimeout`.
    """
    argv = runner_command(client.runtime, "install", agent)
    done = await client.connection.run(argv, timeout=_SECONDS, check=False)
    for line in done.stdout.decode(errors="replace").splitlines():
        report(line)
    if done.status != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        why = said[-1].removeprefix("castoff-runner: ") if said else f"{agent} was not installed ({done.status})."
        raise AgentInstallFailed(f"On {client.connection.name}: {why}")
