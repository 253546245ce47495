"""Forget a host: its settings, and the keys pinned for the address that its name leads to."""

from pathlib import Path

from remote.config import Host, Settings
from remote.hostkeys import HostKeys


def forget_host(
    name: str,
    *,
    settings: Settings | None = None,
    host_keys: HostKeys | None = None,
    ssh_config: Path | None = None,
) -> int:
    """Take a host out of the settings and unpin its keys; returns how many keys there were.

    Raises `remote.errors.SettingsError`. Keys stay while another host of the settings has the same address.
    """
    settings, host_keys = settings or Settings(), host_keys or HostKeys()
    ssh_config = ssh_config or Path("~/.ssh/config").expanduser()
    address = _address(settings.host(name), ssh_config)
    settings.remove(name)
    if any(_address(host, ssh_config) == address for host in settings.hosts()):
        return 0
    return host_keys.forget(*address)


def _address(host: Host, ssh_config: Path) -> tuple[str, int]:
    """The address and port that keys are pinned under: what ``~/.ssh/config`` makes of the destination."""
    import asyncssh

    options = asyncssh.SSHClientConnectionOptions(
        host=host.address,
        port=host.port or (),
        username=host.login or (),
        config=[str(ssh_config)] if ssh_config.is_file() else None,
    )
    return options.host, options.port
