"""Where notifications of this machine go: Apprise URLs in one 0600 file, ``notify.json`` in the settings directory.

A URL holds secrets (tokens, passwords, topics that are passwords), so nothing but this module and the sending
itself sees it: lists, errors, logs and the journal name a channel by its service, its address and an id.
"""

import re
from pathlib import Path

from pydantic import Field

from agent.durable import read_model, write_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from agent.paths import config_dir
from agent.sessions import new_id
from remote.errors import SettingsDamaged, SettingsError
from remote.push import Service, inspect_url

_ID_LENGTH = 6


class Channel(Frozen):
    """One way to reach the user, without its secrets. ``address`` is "" where the URL names no machine."""

    id: str
    service: str
    address: str = ""

    @property
    def label(self) -> str:
        """How lists and the journal call it."""
        return f"{self.service}://{self.address or '…'} ({self.id})"


class Target(Channel):
    """A channel with its URL, for sending only."""

    url: str = Field(repr=False)

    @property
    def channel(self) -> Channel:
        """Without its secrets."""
        return Channel(id=self.id, service=self.service, address=self.address)


class _File(Frozen):
    channels: tuple[Target, ...] = ()


def channels_path() -> Path:
    """Where the file is."""
    return config_dir() / "notify.json"


def read_targets() -> tuple[Target, ...]:
    """All channels with their URLs; raises `SettingsDamaged`, also if others may read the file."""
    path = channels_path()
    if not path.exists():
        return ()
    if path.stat().st_mode & 0o077:
        raise SettingsDamaged(f"{path} can be read by others.", f"chmod 600 {path}")
    try:
        return read_model(path, _File).channels
    except RecordDamaged as error:
        # The reason may quote the file, and with it a URL.
        raise SettingsDamaged(f"{path} cannot be understood.", "Move it away and add the channels again.") from error


def list_channels() -> tuple[Channel, ...]:
    """All channels, without secrets; raises `SettingsDamaged`."""
    return tuple(target.channel for target in read_targets())


def add_channel(url: str) -> Channel:
    """Keep a channel, once, and return it without its secrets; raises `SettingsError` if Apprise refuses the URL."""
    url = url.strip()
    targets = read_targets()
    target = next((t for t in targets if t.url == url), None)
    if target is None:
        service = _inspect(url)
        target = Target(id=new_id()[:_ID_LENGTH], service=service.name, address=service.address, url=url)
        write_model(channels_path(), _File(channels=(*targets, target)))
    return target.channel


def remove_channel(channel_id: str) -> Channel:
    """Forget a channel and return what it was; raises `SettingsError` if there is none of that id."""
    targets = read_targets()
    gone = next((t for t in targets if t.id == channel_id), None)
    if gone is None:
        raise unknown_channel(channel_id)
    write_model(channels_path(), _File(channels=tuple(t for t in targets if t is not gone)))
    return gone.channel


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
