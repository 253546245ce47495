"""User data with which any cloud makes a machine ready to be a host (https://cloudinit.readthedocs.io/).

For images with apt and Python 3.11 or newer: Debian 12, Ubuntu 24.04 and later.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from remote.errors import CloudInitInvalid

PACKAGES = ("bubblewrap", "ca-certificates", "git", "python3", "python3-venv", "rsync", "tmux")
"""What a host needs; ``ufw`` and ``unattended-upgrades`` come on top."""
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: [^\n]*)?")

APPARMOR_PROFILE = """\
abi <abi/4.0>,
include <tunables/global>

profile castoff-bwrap /usr/bin/bwrap flags=(unconfined) {
  userns,
  include if exists <local/castoff-bwrap>
}
"""
"""Lets bubblewrap make user namespaces where AppArmor keeps programs from it: Ubuntu 24.04 and later."""

_TEMPLATE = """\
#cloud-config
# A machine for castoff. Afterwards: castoff host add NAME {user}@ADDRESS, then castoff host setup NAME

package_update: true
package_upgrade: true
packages: {packages}

# Runs live in this account. It has no password and may not become root; the image's own account stays for that.
users:
  - default
  - name: {user}
    shell: /bin/bash
    lock_passwd: true
    ssh_authorized_keys: {keys}
ssh_pwauth: false
disable_root: true

swap:
  filename: /swapfile
  size: auto
  maxsize: 4294967296

write_files:
  - path: /etc/apt/apt.conf.d/20auto-upgrades
    content: |
      APT::Periodic::Update-Package-Lists "1";
      APT::Periodic::Unattended-Upgrade "1";
  - path: /etc/apparmor.d/castoff-bwrap
    content: |
{profile}

runcmd:
  # Runs outlive their last login, and are taken up again after a restart.
  - [loginctl, enable-linger, {user}]
  # Only systems that keep programs from making user namespaces need the profile, and only they can read it.
  - |
    if [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ]; then
      apparmor_parser --replace /etc/apparmor.d/castoff-bwrap
    else
      rm /etc/apparmor.d/castoff-bwrap
    fi
  - [ufw, default, deny, incoming]
  - [ufw, default, allow, outgoing]
  - [ufw, allow, {port}/tcp]
  - [ufw, --force, enable]
"""


def write_user_data(user: str, keys: Sequence[str], packages: Iterable[str] = (), port: int = 22) -> str:
    """User data for a machine with the account ``user``, into which the public ``keys`` are let, one line each.

    ``packages`` come on top of what a host needs; ``port`` is where its sshd listens. Raises `CloudInitInvalid`.
    """
    if not _USER.fullmatch(user) or user == "root":
        raise CloudInitInvalid(f"{user!r} cannot be the account of runs.", "Use up to 32 lower-case letters, digits.")
    if not keys:
        raise CloudInitInvalid("Without a public key nobody gets in.", "Name one: --key ~/.ssh/id_ed25519.pub")
    for name in (extra := tuple(packages)):
        if not _PACKAGE.fullmatch(name):
            raise CloudInitInvalid(f"{name!r} is no name of a package.", "Give names as apt knows them.")
    return _TEMPLATE.format(
        user=user,
        packages=json.dumps(sorted({*PACKAGES, "ufw", "unattended-upgrades", *extra})),
        keys=json.dumps([_check_key(key) for key in keys]),
        profile="\n".join(f"      {line}".rstrip() for line in APPARMOR_PROFILE.splitlines()),
        port=port,
    )


def read_public_key(path: Path) -> str:
    """The one line of a public key's file; raises `CloudInitInvalid`, and for a private key says so."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CloudInitInvalid(f"{path} cannot be read: {error}.", "Name a public key: --key FILE.pub") from error
    if "PRIVATE KEY" in text:
        raise CloudInitInvalid(f"{path} is a private key: it never leaves this machine.", f"Use {path}.pub instead.")
    return _check_key(text)


def find_public_keys(home: Path) -> tuple[str, ...]:
    """The public keys in ``~/.ssh`` under OpenSSH's own names."""
    names = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub", "id_ed25519_sk.pub", "id_ecdsa_sk.pub")
    return tuple(read_public_key(home / ".ssh" / name) for name in names if (home / ".ssh" / name).is_file())


def _check_key(text: str) -> str:
    """The key if it is one: its kind, base64 whose first field is that kind again (RFC 4253, 6.6), a comment."""
    if _KEY.fullmatch(text) and text.isprintable():
        kind, encoded = text.split()[:2]
        try:
            wire = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            wire = b""
        if wire.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
            return text
    raise CloudInitInvalid(f"{text[:40]!r} is no public SSH key.", "Give the one line of a .pub file.")
