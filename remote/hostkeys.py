"""Castoff's own pinned host keys: a file in OpenSSH's known_hosts format, separate from the user's.

Lines are ``[@revoked] NAMES TYPE BASE64``. A name is ``host``, or ``[host]:port`` for another port than 22.
https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT
"""

import base64
import hashlib
from pathlib import Path
from typing import Literal

from agent.durable import write_record
from agent.events import Frozen
from agent.paths import config_dir
from remote.errors import SettingsDamaged

Verdict = Literal["new", "same", "changed", "revoked"]


class HostKey(Frozen):
    """A public key: its type, e.g. ``ssh-ed25519``, and the base64 of its wire form."""

    algorithm: str
    encoded: str

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` as ``ssh-keygen -l`` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.encoded)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


class HostKeyQuestion(Frozen):
    """What a user is asked at first contact: is this the host's key?"""

    host: str
    address: str
    port: int
    algorithm: str
    fingerprint: str


class _Line(Frozen):
    names: tuple[str, ...]
    key: HostKey
    revoked: bool


class HostKeys:
    """The pinned keys in one file. Each call reads the file again: another castoff may have changed it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config_dir() / "known_hosts"

    def look_up(self, address: str, port: int, key: HostKey) -> Verdict:
        """Whether ``key`` is the one pinned for this address; raises `SettingsDamaged`."""
        lines = [line for line in self._lines() if _entry(address, port) in line.names]
        if any(line.revoked and line.key == key for line in lines):
            return "revoked"
        pinned = [line.key for line in lines if not line.revoked]
        if not pinned:
            return "new"
        return "same" if key in pinned else "changed"

    def pinned(self, address: str, port: int) -> tuple[HostKey, ...]:
        """The keys trusted for this address."""
        return tuple(line.key for line in self._lines() if _entry(address, port) in line.names and not line.revoked)

    def pin(self, address: str, port: int, key: HostKey) -> None:
        """Trust ``key`` from now on, besides those trusted before."""
        text = self._text()
        if text and not text.endswith("\n"):
            text += "\n"
        line = f"{_entry(address, port)} {key.algorithm} {key.encoded}\n"
        write_record(self.path, (text + line).encode())

    def forget(self, address: str, port: int) -> int:
        """Trust no key of this address any more, keeping revocations; returns how many there were."""
        entry, kept, dropped = _entry(address, port), list[str](), 0
        for number, text in enumerate(self._text().splitlines(keepends=True), 1):
            line = self._parse(number, text)
            if line is None or line.revoked or entry not in line.names:
                kept.append(text)
            else:
                dropped += 1
        if dropped:
            write_record(self.path, "".join(kept).encode())
        return dropped

    def _text(self) -> str:
        try:
            return self.path.read_text()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error

    def _lines(self) -> list[_Line]:
        parsed = (self._parse(number, text) for number, text in enumerate(self._text().splitlines(), 1))
        return [line for line in parsed if line is not None]

    def _parse(self, number: int, text: str) -> _Line | None:
        """A line's content, or ``None`` for a comment; what cannot be understood is an error, never no key."""
        words = text.split()
        if not words or words[0].startswith("#"):
            return None
        revoked = words[0] == "@revoked"
        if revoked:
            words = words[1:]
        if len(words) < 3 or words[0].startswith(("@", "|")):
            raise self._damaged(f"line {number} is not a plain host key")
        try:
            base64.b64decode(words[2], validate=True)
        except ValueError as error:
            raise self._damaged(f"line {number} holds no base64 key") from error
        key = HostKey(algorithm=words[1], encoded=words[2])
        return _Line(names=tuple(words[0].split(",")), key=key, revoked=revoked)

    def _damaged(self, detail: str) -> SettingsDamaged:
        return SettingsDamaged(
            f"The file of pinned host keys {self.path} cannot be used: {detail}.",
            "Correct or remove that line; the host's key will be asked for again.",
        )


def _entry(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"
