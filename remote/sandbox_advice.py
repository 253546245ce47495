"""What an administrator does, once, so that bubblewrap works for ordinary users of a machine."""

from collections.abc import Mapping
from pathlib import Path

_SWITCHES = (
    "kernel/apparmor_restrict_unprivileged_userns",
    "kernel/unprivileged_userns_clone",
    "user/max_user_namespaces",
)
APPARMOR = (
    "echo 'abi <abi/4.0>, include <tunables/global> profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }' "
    "| sudo tee /etc/apparmor.d/bwrap && sudo apparmor_parser -r /etc/apparmor.d/bwrap"
)
"""Ubuntu 23.10 and later keep user namespaces from programs without a profile (its release notes, 24.04)."""


def read_switches(root: Path = Path("/proc/sys")) -> dict[str, int]:
    """The kernel's settings that decide over user namespaces, those that this kernel has."""
    found = {name: root / name for name in _SWITCHES}
    return {name: int(path.read_text()) for name, path in found.items() if path.exists()}


def advise(*, installed: bool, switches: Mapping[str, int]) -> str:
    """The commands for this machine, in one sentence."""
    restricted, allowed, most = (switches.get(name) for name in _SWITCHES)
    if not installed:
        return "Once, as root: apt install bubblewrap (dnf, apk and pacman call it the same)."
    if restricted:
        return f"Once, as root (AppArmor keeps bubblewrap from it): {APPARMOR}"
    if allowed == 0:
        return "Once, as root: sysctl -w kernel.unprivileged_userns_clone=1, and the same line in /etc/sysctl.d/."
    if most == 0:
        return "Once, as root: sysctl -w user.max_user_namespaces=15000, and the same line in /etc/sysctl.d/."
    return "Install bubblewrap 0.8 or newer there; in a container, let it make user namespaces."
