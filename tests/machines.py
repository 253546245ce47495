"""A bare machine: a Debian made anew from this machine's own sources, with an sshd of its own, in namespaces.

It is made once per list of packages, into ``$XDG_CACHE_HOME/castoff-tests/machines`` (complete or absent); what a test
changes goes into a layer above it. Its network is this machine's: its sshd listens on a loopback port.
"""

import hashlib
import os
import platform
import pwd
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from remote.config import Host
from remote.hostkeys import HostKey
from tests.hosts import free_port, wait_for_port

_MAKE_SECONDS = 900.0
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_BOOT = """
set -e
lower=$1 layer=$2 port=$3
mount -t overlay -o "lowerdir=$lower,upperdir=$layer/upper,workdir=$layer/work" overlay "$layer/root"
cd "$layer/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p .here run/sshd
pivot_root . .here
cd /
umount -l /.here
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -E /var/log/sshd -p "$port" -o ListenAddress=127.0.0.1
"""


def make_machine(packages: Sequence[str]) -> Path:
    """The root directory of a machine with a minimal system and ``packages``; skips the test where none can be made."""
    if os.getuid() != 0:
        pytest.skip("not root: a bare machine needs mounts of its own")
    if shutil.which("debootstrap") is None:
        pytest.skip("no debootstrap: it makes the bare machine (apt-get install debootstrap)")
    suite, mirror = _find_sources()
    home = pwd.getpwuid(os.getuid()).pw_dir  # a test may have another HOME
    cache = Path(os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache") / "castoff-tests" / "machines"
    name = f"{suite}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    if (cache / name).is_dir():
        return cache / name
    made, debs = cache / f"{name}.{os.getpid()}", cache / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    argv = ["debootstrap", "--variant=minbase", f"--cache-dir={debs}", f"--include={','.join(packages)}"]
    try:
        done = subprocess.run(
            [*argv, suite, str(made), *mirror], capture_output=True, text=True, timeout=_MAKE_SECONDS, check=False
        )
        said = done.stdout + done.stderr
        if done.returncode != 0 and ("Couldn't download" in said or "Failed getting release file" in said):
            pytest.skip("debootstrap cannot reach where this machine's packages come from")
        if done.returncode != 0:
            pytest.fail(f"debootstrap could not make a machine:\n{said[-2000:]}")
        made.rename(cache / name)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return cache / name


def _find_sources() -> tuple[str, list[str]]:
    """The release of this machine and where its packages come from; skips where it is none of Debian's."""
    release = platform.freedesktop_os_release()
    if release.get("ID") != "debian":
        pytest.skip("no Debian: the bare machine is one, made from this machine's sources")
    suite = release["VERSION_CODENAME"]
    argv = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    return suite, [words[2] for line in lines if (words := line.split())[:2] == [suite, "main"]][:1]


@contextmanager
def running(root: Path, directory: Path, user: str) -> Generator[tuple[Host, HostKey]]:
    """The machine of ``root`` with the account ``user``, as a `Host` and its key, until the context ends."""
    login = directory / "login_key"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(login)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    layer, port = directory / "layer", free_port()
    for name in ("upper", "work", "root"):
        (layer / name).mkdir(parents=True)
    _let_in(root, layer, user, login.with_suffix(".pub").read_text())
    spaces = ["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--propagation", "private", "--"]
    process = subprocess.Popen(
        [*spaces, "sh", "-c", _BOOT, "sh", str(root), str(layer), str(port)], stdin=subprocess.DEVNULL
    )
    try:
        wait_for_port(port)
        algorithm, encoded = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2]
        host = Host(name="vm", destination=f"{user}@127.0.0.1", port=port, identity=str(login))
        yield host, HostKey(algorithm=algorithm, encoded=encoded)
    finally:
        process.kill()  # and with it everything that runs in its namespaces
        process.wait()


_FURNISH = """
set -e
lower=$1 layer=$2 user=$3
mount -t overlay -o "lowerdir=$lower,upperdir=$layer/upper,workdir=$layer/work" overlay "$layer/root"
chroot "$layer/root" useradd -m -s /bin/bash -p '*' "$user"
home=$layer/root/home/$user
mkdir -m 700 "$home/.ssh"
cat > "$home/.ssh/authorized_keys"
chroot "$layer/root" chown -R "$user:" "/home/$user/.ssh"
mkdir -p "$layer/root/var/lib/systemd/linger"
touch "$layer/root/var/lib/systemd/linger/$user"
"""


def _let_in(root: Path, layer: Path, user: str, key: str) -> None:
    """What cloud-init does besides packages: account, key, linger. And the machine fetches from where this one does."""
    argv = ["unshare", "--mount", "--propagation", "private", "--"]
    argv += ["sh", "-c", _FURNISH, "sh", str(root), str(layer), user]
    subprocess.run(argv, input=key, text=True, check=True)
    for path in (Path("/etc/resolv.conf"), Path("/etc/hosts"), Path("/etc/pip.conf"), _BUNDLE):
        if path.is_file():
            copy = layer / "upper" / path.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    if not (conf := layer / "upper/etc/pip.conf").exists() and os.environ.get("PIP_CERT"):
        conf.write_text(f"[global]\ncert = {_BUNDLE}\n")
