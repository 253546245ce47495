"""Where notifications of this machine go: Apprise URLs in one 0600 file, ``notify.json`` in the settings directory.

A URL holds secrets (tokens, passwords, topics that are passwords), so nothing but this module and the sending
itself sees it: lists, errors, logs and the journal name a channel by its service, its address and an id.
"""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from agent.durable import read_model, write_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from agent.paths import config_dir
from agent.sessions import new_id
from remote.errors import SettingsDamaged, SettingsError
from remote.proof import Proof, begin_proof, weigh
from remote.push import Service, inspect_url
from remote.rules import Rules

_ID_LENGTH = 6


class Channel(Frozen):
    """One way to reach the user, without its secrets. ``address`` is "" where the URL names no machine."""

    id: str
    service: str
    address: str = ""
    proven: bool = False
    """Whether a human typed back a code that came by it: until then nothing else is sent there."""
    after: float = 0.0
    """Minutes without any human contact after which it is used, 0: at once."""

    answers: bool = False
    """Whether answers may come by it."""

    @property
    def label(self) -> str:
        """How lists and the journal call it."""
        return f"{self.service}://{self.address or '…'} ({self.id})"


class Replies(Frozen):
    """How answers come by a channel: ``token`` is what ntfy's buttons publish with, ``sender`` the Matrix user who may
    answer. ``at``, Unix time, is when the user last allowed it."""

    token: str = Field(default="", repr=False)
    sender: str = ""
    at: float


class Target(Channel):
    """A channel with its URL, for sending only."""

    url: str = Field(repr=False)
    proof: Proof | None = Field(default=None, repr=False)
    """The code that was sent last and was not typed back yet."""
    replies: Replies | None = None

    @property
    def channel(self) -> Channel:
        """Without its secrets."""
        return Channel(
            id=self.id,
            service=self.service,
            address=self.address,
            proven=self.proven,
            after=self.after,
            answers=self.replies is not None,
        )


class _File(Frozen):
    channels: tuple[Target, ...] = ()
    rules: Rules = Rules()


def channels_path() -> Path:
    """Where the file is."""
    return config_dir() / "notify.json"


def read_targets() -> tuple[Target, ...]:
    """All channels with their URLs; raises `SettingsDamaged`, also if others may read the file."""
    return _read().channels


def read_rules() -> Rules:
    """How notifications are sent; raises `SettingsDamaged`."""
    return _read().rules


def set_rules(changes: Mapping[str, str | float | bool]) -> Rules:
    """Change some of the rules and return them all; raises `SettingsError` if one of them cannot be."""
    file = _read()
    try:
        rules = Rules.model_validate({**file.rules.model_dump(), **changes})
    except ValidationError as error:
        sentence = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{sentence[:1].upper()}{sentence[1:]}.", code="rule-invalid") from error
    _write(file.model_copy(update={"rules": rules}))
    return rules


def _read() -> _File:
    path = channels_path()
    if not path.exists():
        return _File()
    if path.stat().st_mode & 0o077:
        raise SettingsDamaged(f"{path} can be read by others.", f"chmod 600 {path}")
    try:
        return read_model(path, _File)
    except RecordDamaged as error:
        # The reason may quote the file, and with it a URL.
        raise SettingsDamaged(f"{path} cannot be understood.", "Move it away and add the channels again.") from error


def _write(file: _File) -> None:
    write_model(channels_path(), file)


def list_channels() -> tuple[Channel, ...]:
    """All channels, without secrets; raises `SettingsDamaged`."""
    return tuple(target.channel for target in read_targets())


def add_channel(url: str, *, proven: bool = False, after: float = 0.0) -> Channel:
    """Keep a channel, once, and return it without its secrets; raises `SettingsError` if Apprise refuses the URL.

    ``proven``: the caller knows that it leads to its user, as the demo knows its own inbox. ``after``: it is used only
    after so many minutes without contact.
    """
    url = url.strip()
    file = _read()
    target = next((t for t in file.channels if t.url == url), None)
    if target is None:
        service = _inspect(url)
        target = Target(
            id=new_id()[:_ID_LENGTH],
            service=service.name,
            address=service.address,
            url=url,
            proven=proven,
            after=after,
        )
        _write(file.model_copy(update={"channels": (*file.channels, target)}))
    return target.channel


def remove_channel(channel_id: str) -> Channel:
    """Forget a channel and return what it was; raises `SettingsError` if there is none of that id."""
    gone = _find(channel_id)
    file = _read()
    _write(file.model_copy(update={"channels": tuple(t for t in file.channels if t.id != channel_id)}))
    return gone.channel


def ask_proof(channel_id: str) -> tuple[Target, Proof]:
    """Make a new code for a channel, instead of an earlier one, and return what is to be sent where."""
    target, proof = _find(channel_id), begin_proof(time.time())
    _replace(target.model_copy(update={"proof": proof}))
    return target, proof


def prove_channel(channel_id: str, code: str) -> Channel:
    """Believe a channel by the code that came over it; raises `SettingsError` if it is not the one."""
    target = _find(channel_id)
    proof, refusal = weigh(target.proof, code, time.time())
    target = target.model_copy(update={"proof": proof, "proven": target.proven or not refusal})
    _replace(target)
    if refusal:
        raise SettingsError(f"{target.label}: {refusal}", "castoff notify code sends a new one.", code="code-wrong")
    return target.channel


def set_replies(channel_id: str, replies: Replies | None, check: Callable[[Target], object]) -> Channel:
    """Let answers come by a channel, or (``None``) no more; ``check`` raises `SettingsError` where they cannot."""
    target = _find(channel_id).model_copy(update={"replies": replies})
    if replies is not None and not target.proven:
        way_out = "castoff notify code sends one."
        raise SettingsError(f"{target.label} is not believed yet: type back its code first.", way_out, code="unproven")
    check(target)
    _replace(target)
    return target.channel


def _find(channel_id: str) -> Target:
    target = next((t for t in read_targets() if t.id == channel_id), None)
    if target is None:
        raise unknown_channel(channel_id)
    return target


def _replace(target: Target) -> None:
    file = _read()
    targets = tuple(target if each.id == target.id else each for each in file.channels)
    _write(file.model_copy(update={"channels": targets}))


def unknown_channel(channel_id: str) -> SettingsError:
    """The error for an id that no channel has."""
    known = ", ".join(channel.label for channel in list_channels()) or "none yet"
    return SettingsError(
        f"There is no notification channel {channel_id!r} (known: {known}).",
        "castoff notify list shows them.",
        code="channel-unknown",
    )


def _inspect(url: str) -> Service:
    service = inspect_url(url)
    if service is None:
        scheme = re.match(r"[a-z][a-z0-9+.-]{0,20}(?=://)", url, re.IGNORECASE)
        what = f"this {scheme.group()} URL" if scheme else "this: it is no URL"
        raise SettingsError(
            f"Apprise does not accept {what}, or lacks what the service needs.",
            "See https://github.com/caronc/apprise/wiki for the form of each service's URL.",
            code="channel-invalid",
        )
    return service
