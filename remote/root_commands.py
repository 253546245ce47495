"""The exact commands that an administrator gives once, so that a host has what castoff cannot install by itself."""

from collections.abc import Sequence

from remote.cloud_init import APPARMOR_PROFILE

_INSTALLERS = {
    "apt-get": "apt-get install -y",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --noconfirm",
    "zypper": "zypper install -y",
    "apk": "apk add",
}
INSTALLERS = tuple(_INSTALLERS)
"""The programs that install packages, to be looked for in this order."""
_PACKAGES = {"bwrap": "bubblewrap"}


def root_commands(
    installer: str, missing: Sequence[str], *, user: str, lingers: bool, userns_kept: bool
) -> tuple[str, ...]:
    """What to type as root, nothing if all is there.

    ``missing`` are programs; ``installer`` is one of `INSTALLERS`, or "". ``userns_kept``: AppArmor keeps bubblewrap
    from making user namespaces (Ubuntu 24.04).
    """
    lines: list[str] = []
    if missing:
        names = " ".join(sorted(_PACKAGES.get(name, name) for name in missing))
        lines.append(f"{_INSTALLERS.get(installer, 'install')} {names}")
    if not lingers:
        lines.append(f"loginctl enable-linger {user}")
    if userns_kept:
        path = "/etc/apparmor.d/castoff-bwrap"
        lines.append(f"printf '%s' '{APPARMOR_PROFILE}' > {path} && apparmor_parser --replace {path}")
    return tuple(lines)
