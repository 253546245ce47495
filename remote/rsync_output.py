"""What rsync says, as data: its progress, its totals, its version, and its exit statuses in sentences. Pure."""

import re

from agent.events import Frozen
from remote.errors import HostFull, HostLacks, LocalFull, RemoteError, RsyncFailed

_PROGRESS = re.compile(
    r"\s*(?P<bytes>\d+)\s+(?P<percent>\d+)%\s+(?P<rate>[\d.]+)(?P<unit>[kMGT]?)B/s"
    r".*?(?:\((?:xfr|xfer)#(?P<done>\d+), (?:to|ir)-chk=(?P<left>\d+)/(?P<total>\d+)\))?\s*$"
)
SAFE_TO_RECEIVE = (3, 5, 0)
"""Before this a hostile sender could write outside the target (33 CVEs): https://download.samba.org/pub/rsync/NEWS"""
INSTALL_SAFE_RSYNC = "Install rsync 3.5.0 or newer on this machine (https://rsync.samba.org)."
_UNITS = {"": 1, "k": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_FULL = ("No space left on device", "Disk quota exceeded")
_SENTENCES = {
    1: "it was called in a way it does not know; one of the two rsync programs is too old",
    2: "the two rsync programs speak different protocols",
    3: "a directory that it was to work on is missing",
    11: "a file could not be read or written",
    12: "the connection ended in the middle of the transfer",
    14: "it could not talk to its own processes",
    20: "it was stopped",
    22: "it ran out of memory",
    23: "some files could not be transferred",
    24: "some files vanished while they were being read",
    25: "it was to delete more than is allowed",
    30: "the other side went silent",
    35: "the other side did not answer",
    255: "the connection to the host ended",
}


class Progress(Frozen):
    """How far a transfer is. ``rate`` is bytes a second, ``percent`` is of the bytes of all files."""

    bytes_done: int
    percent: int
    rate: float
    files_left: int | None = None
    """Files not looked at yet, of ``files_total``; ``None`` in the middle of a file."""
    files_total: int | None = None


class Transfer(Frozen):
    """What a transfer did: regular files sent, their bytes, the bytes of all files, and the bytes on the wire."""

    files: int
    bytes: int
    total: int
    wire: int


class Version(Frozen):
    """An rsync program: its version, and whether it has zstd."""

    number: tuple[int, ...]
    zstd: bool

    def __str__(self) -> str:
        """The number with dots."""
        return ".".join(map(str, self.number))


def parse_progress(line: str) -> Progress | None:
    """One line of ``--info=progress2``, or ``None`` for any other line."""
    match = _PROGRESS.fullmatch(line)
    if match is None:
        return None
    left, total = match["left"], match["total"]
    return Progress(
        bytes_done=int(match["bytes"]),
        percent=int(match["percent"]),
        rate=float(match["rate"]) * _UNITS[match["unit"]],
        files_left=int(left) if left else None,
        files_total=int(total) if total else None,
    )


def parse_totals(text: str) -> Transfer:
    """The totals of ``--stats --no-human-readable``; raises `RsyncFailed` if they are not there."""
    names = {
        "files": "Number of regular files transferred",
        "bytes": "Total transferred file size",
        "total": "Total file size",
    }
    wire = sum(_number(text, name) for name in ("Total bytes sent", "Total bytes received"))
    return Transfer(wire=wire, **{field: _number(text, name) for field, name in names.items()})


def parse_version(text: str) -> Version | None:
    """What ``rsync --version`` says, or ``None`` if that is not rsync."""
    match = re.match(r"rsync\s+version\s+v?(\d+(?:\.\d+)*)", text)
    if match is None:
        return None
    compress = text.partition("Compress list:")[2].split("\n\n")[0].split("list:")[0]
    return Version(number=tuple(map(int, match[1].split("."))), zstd="zstd" in compress.split())


def explain(status: int, said: str, host: str, *, sending: bool) -> RemoteError:
    """The error for an exit status other than 0; ``said`` is what both ends printed to standard error."""
    if any(word in said for word in _FULL):
        if sending:
            return HostFull(
                f"No space is left on {host}.", "Free some space there and try again: it goes on from here."
            )
        return LocalFull("No space is left on this machine.", "Free some space and try again: it goes on from here.")
    if status == 127 or "rsync: command not found" in said or "rsync: not found" in said:
        return HostLacks(f"rsync is not installed on {host}.", "Install rsync there.", missing=("rsync",))
    why = _SENTENCES.get(status, f"it ended with status {status}")
    detail = _first_complaint(said)
    return RsyncFailed(
        f"The transfer {'to' if sending else 'from'} {host} failed: {why}{f' ({detail})' if detail else ''}.",
        "Try again: what has arrived is not sent again.",
        status=status,
        stderr=said,
    )


def _number(text: str, name: str) -> int:
    match = re.search(rf"^{name}: (\d+)", text, re.MULTILINE)
    if match is None:
        raise RsyncFailed(f"rsync does not say its {name.lower()}.", "Install a newer rsync.", status=0, stderr=text)
    return int(match[1])


def _first_complaint(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line.rstrip(".") for line in lines if not line.startswith("rsync error:")), "")[:300]
