"""The demo's own host: an SSH server on a loopback port that runs the real programs with a HOME of its own.

    python -I -m remote.embedded --root DIR --ready-file FILE

It stands in for a machine with sshd, so that the demo needs no root and no other machine, and goes through the same
code. It serves one key, made here, and only on 127.0.0.1. ``DIR`` holds everything: ``home``, keys, ready file.
It ends on SIGTERM. Not for real machines: that is sshd's job.
"""

import argparse
import asyncio
import fcntl
import getpass
import os
import re
import signal
import time
from pathlib import Path
from typing import BinaryIO

import asyncssh

from agent.durable import make_private, write_model, write_record
from remote.embedded_host import EmbeddedHost
from remote.embedded_process import Shell
from remote.hostkeys import HostKey
from remote.processes import identify

_NETWORK = re.compile(r"PIP_\w+|(?:https?|all|no|ftp)_proxy|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL)_CA_BUNDLE", re.I)

_LOCK_ATTEMPTS = 30


def make_keys(root: Path) -> tuple[Path, Path]:
    """The server's key and the one key that may log in, made when missing: ``(host key, login key)``."""
    paths = root / "host_key", root / "login_key"
    for path in paths:
        if not path.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment="castoff demo")  # pyright: ignore[reportUnknownMemberType]  # its other options are untyped
            write_record(path.with_suffix(".pub"), key.export_public_key())
            write_record(path, key.export_private_key())
    return paths


def environment(home: Path) -> dict[str, str]:
    """What commands on this host find: its own HOME; of ours where programs are and how the network is used."""
    user = getpass.getuser()
    path = os.environ.get("PATH", os.defpath)
    own = {"HOME": str(home), "USER": user, "LOGNAME": user, "SHELL": "/bin/sh", "PATH": path, "LANG": "C.UTF-8"}
    # No machine of its own: nothing of it is taken up after a restart, and nobody's account is changed for that.
    own["CASTOFF_BOOT"] = "off"
    # Packages are installed here: proxies, certificates and package sources that work for the user must work here.
    return {name: value for name, value in os.environ.items() if _NETWORK.fullmatch(name)} | own


async def serve(root: Path, ready_file: Path) -> None:
    """Serve until SIGTERM or SIGINT; ``ready_file`` is written once connections are accepted."""
    home = make_private(root / "home")
    host_key, login_key = make_keys(root)
    shell = Shell(environment(home), home)
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[str(host_key)],
        authorized_client_keys=str(login_key.with_suffix(".pub")),
        process_factory=shell.serve,
        encoding=None,
        line_editor=False,
        agent_forwarding=False,
        allow_scp=False,
        compression_algs=["none"],
        keepalive_interval=15,
    )
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    algorithm, encoded = host_key.with_suffix(".pub").read_text().split()[:2]
    process = identify(os.getpid())
    assert process is not None
    ready = EmbeddedHost(
        port=server.get_port(),
        process=process,
        user=getpass.getuser(),
        identity=str(login_key),
        host_key=HostKey(algorithm=algorithm, encoded=encoded),
    )
    write_model(ready_file, ready)
    await stopped.wait()
    # Clients are not waited for (`wait_closed` does since Python 3.12): their connections end with this process.
    server.close()
    await shell.stop()
    ready_file.unlink(missing_ok=True)


def _take(lock: BinaryIO) -> bool:
    """Take the lock for good. Who looks whether a server runs holds it for an instant, so one refusal says nothing."""
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


def main() -> None:
    """Parse the arguments and serve; a second server on the same directory ends at once."""
    parser = argparse.ArgumentParser(prog="remote.embedded")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    arguments = parser.parse_args()
    root: Path = make_private(arguments.root)
    with (root / "lock").open("wb") as lock:
        # Held as long as the process lives: that is how others know that the ready file tells the truth.
        if not _take(lock):
            raise SystemExit(f"Another server already serves {root}.")
        asyncio.run(serve(root, arguments.ready_file))


if __name__ == "__main__":
    main()
