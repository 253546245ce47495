"""Answers fetched over channels that carry them: ntfy's buttons and lines written in a Matrix room.

All requests go out from here; nothing listens. What comes is untrusted and only handed on.
"""

import base64
import importlib
import json
import re
import urllib.parse
from typing import Any

from agent.events import Frozen
from remote.answers import Asked, Word, write_reply
from remote.channels import Target
from remote.errors import SettingsError

_MOST_LINES = 200
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,53}")
_LABELS: dict[Word, str] = {
    "allow": "Allow once",
    "deny": "Deny",
    "extend": "Extend budget",
    "pause": "Pause",
    "stop": "Stop",
}
_LIKE_AN_ANSWER = re.compile(rf"\s*(?:{'|'.join(_LABELS)})\s+\S+\s+\S+\s*", re.IGNORECASE)
_PUBLIC = frozenset({"ntfy.sh", "www.ntfy.sh"})


class Fetched(Frozen):
    """Lines that came, oldest first, and from where to go on."""

    lines: tuple[bytes, ...] = ()
    cursor: str = ""


class Ntfy(Frozen):
    """An ntfy topic with buttons that publish to a second topic, whose name is ``topic``, a hyphen and ``secret``."""

    base: str
    topic: str
    headers: dict[str, str]
    """What the host reads with."""
    button: str = ""
    """The token that buttons publish with."""

    def write_actions(self, key: bytes, asked: Asked, words: tuple[Word, ...], secret: str) -> str:
        """The buttons, in the short form of ntfy's ``X-Actions``."""
        auth = f", headers.Authorization=Bearer {self.button}" if self.button else ""
        url = f"{self.base}/{self.topic}-{secret}"
        return "; ".join(
            f"http, {_LABELS[word]}, {url}, method=POST{auth}, body={write_reply(key, asked, word)}, clear=true"
            for word in words
        )

    def fetch(self, cursor: str, secret: str) -> Fetched:
        """What was published since ``cursor``, from the beginning if it is ""; raises `RepliesFailed`."""
        since = urllib.parse.quote(cursor or "all", safe="")
        data = _get(f"{self.base}/{self.topic}-{secret}/json?poll=1&since={since}", self.headers)
        lines: list[bytes] = []
        for row in data.splitlines()[:_MOST_LINES]:
            message = _read(row)
            if message.get("event") == "message":
                lines.append(str(message.get("message", "")).encode(errors="replace"))
                cursor = str(message.get("id", cursor))
        return Fetched(lines=tuple(lines), cursor=cursor)


class Matrix(Frozen):
    """A Matrix room, and the one user whose lines there are answers."""

    base: str
    room: str
    headers: dict[str, str]
    sender: str

    def write_lines(self, key: bytes, asked: Asked, words: tuple[Word, ...]) -> str:
        """What may be written back, for the end of the message."""
        return "\n".join(("To answer, send one of these lines:", *(write_reply(key, asked, word) for word in words)))

    def fetch(self, cursor: str) -> Fetched:
        """What ``sender`` wrote in ``room`` since ``cursor`` that is like an answer; without a cursor nothing but
        where to begin. Raises `RepliesFailed`."""
        only = {"timeline": {"types": ["m.room.message"], "limit": _MOST_LINES}, "rooms": [self.room]}
        empty: dict[str, list[str]] = {"types": []}
        wanted = {"room": {**only, "state": empty, "ephemeral": empty}, "presence": empty, "account_data": empty}
        query = {"timeout": "0", "filter": json.dumps(wanted), **({"since": cursor} if cursor else {})}
        found = _read(_get(f"{self.base}/_matrix/client/v3/sync?{urllib.parse.urlencode(query)}", self.headers))
        fresh = str(found.get("next_batch", cursor))
        return Fetched(lines=self._pick(found) if cursor else (), cursor=fresh)

    def _pick(self, found: dict[str, Any]) -> tuple[bytes, ...]:
        try:
            events: list[dict[str, Any]] = found["rooms"]["join"][self.room]["timeline"]["events"]
            said = [str(e["content"].get("body", "")) for e in events if e.get("sender") == self.sender]
        except (KeyError, TypeError, AttributeError):
            return ()
        return tuple(line.strip().encode(errors="replace") for line in said if _LIKE_AN_ANSWER.fullmatch(line))


def open_replies(target: Target) -> Ntfy | Matrix | None:
    """The way back of a channel, or ``None`` if none is set up; raises `SettingsError` if it cannot be one."""
    if target.replies is None:
        return None
    plugin: Any = importlib.import_module("apprise").Apprise.instantiate(target.url)
    base = f"{'https' if plugin.secure else 'http'}://{plugin.host}" + (f":{plugin.port}" if plugin.port else "")
    if target.service in ("ntfy", "ntfys"):
        return _open_ntfy(target, plugin, base)
    if target.service in ("matrix", "matrixs"):
        return _open_matrix(target, plugin, base)
    raise SettingsError(f"No answer can come over {target.service}.", "Use ntfy or Matrix.", code="no-answers")


def _open_ntfy(target: Target, plugin: Any, base: str) -> Ntfy:
    assert target.replies is not None
    token = plugin.token if plugin.auth == "token" else ""
    known = bool(token or plugin.user)
    if plugin.mode == "cloud" or (str(plugin.host).lower() in _PUBLIC and not known):
        raise SettingsError(
            "A public topic is only for word from here: whoever guesses its name could answer.",
            "Use a server of your own, or a reserved topic with a token.",
            code="public-topic",
        )
    topics = [str(topic) for topic in plugin.topics]
    if len(topics) != 1 or not _TOPIC.fullmatch(topics[0]):
        raise SettingsError("Answers need a channel with one topic, of 53 letters at most.", code="no-answers")
    headers = {"Authorization": f"Bearer {token}"} if token else _basic(plugin.user, plugin.password)
    return Ntfy(base=base, topic=topics[0], headers=headers, button=target.replies.token)


def _open_matrix(target: Target, plugin: Any, base: str) -> Matrix:
    assert target.replies is not None
    rooms = [str(room) for room in plugin.rooms]
    token = plugin.access_token or ("" if plugin.user else plugin.password)
    if not token or len(rooms) != 1 or not rooms[0].startswith("!") or not target.replies.sender:
        raise SettingsError(
            "Answers by Matrix need a channel with an access token and one room id, and the user who may answer.",
            "castoff notify answers CHANNEL --from @you:example.org",
            code="no-answers",
        )
    headers = {"Authorization": f"Bearer {token}"}
    return Matrix(base=base, room=rooms[0], headers=headers, sender=target.replies.sender)


def _basic(user: str | None, password: str | None) -> dict[str, str]:
    if not user:
        return {}
    name = f"{user}:{password or ''}".encode()
    return {"Authorization": f"Basic {base64.b64encode(name).decode()}"}


def _read(data: bytes) -> dict[str, Any]:
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _get(url: str, headers: dict[str, str]) -> bytes:
    # It takes HTTP and TLS along, which a run whose answers nobody fetches does not need.
    from remote.fetching import fetch

    return fetch(url, headers)
