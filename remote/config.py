"""The settings file: the hosts that castoff may send runs to, and how large these may be.

``config.toml`` in the settings directory, one ``[hosts.NAME]`` table for each host, and ``[limits]``. It is edited in
place, so comments and what other versions wrote survive, and it is replaced whole or not at all.
"""

import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, cast

import tomlkit
from pydantic import ValidationError, field_validator
from tomlkit.exceptions import TOMLKitError

from agent.durable import write_record
from agent.events import Frozen
from agent.paths import config_dir
from remote.errors import HostInvalid, HostNotConfigured, SettingsDamaged
from remote.levels import Need
from remote.size_limits import SizeLimits

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DESTINATION = re.compile(r"(?:[^@\s:/-][^@\s:/]*@)?[^@\s/-][^@\s/]*")


class Host(Frozen):
    """One machine of the user's, reached by SSH.

    ``destination`` is ``user@host``, ``host`` or an alias of ``~/.ssh/config``; ``port`` and ``user`` win over it
    and over that file. ``identity`` is a private key's path. ``sandbox`` is the level asked for: bubblewrap
    where it works (``auto``), bubblewrap or nothing (``open``), that and no network but the run's list or nothing
    (``full``), or no sandbox on purpose (``none``).
    """

    name: str
    destination: str
    port: int | None = None
    user: str | None = None
    identity: str | None = None
    sandbox: Need = "auto"

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a name has letters, digits, dot, dash and underscore only")
        if name == "here":
            raise ValueError("“here” is what this machine is called everywhere")
        return name

    @field_validator("destination")
    @classmethod
    def _check_destination(cls, destination: str) -> str:
        if not _DESTINATION.fullmatch(destination):
            raise ValueError("a destination is user@host, host, or an alias of ~/.ssh/config")
        return destination

    @field_validator("port")
    @classmethod
    def _check_port(cls, port: int | None) -> int | None:
        if port is not None and not 0 < port < 65536:
            raise ValueError("a port is a number from 1 to 65535")
        return port

    @property
    def address(self) -> str:
        """The part of the destination after the user."""
        return self.destination.rpartition("@")[2]

    @property
    def login(self) -> str | None:
        """The user to log in as, or ``None`` where ``~/.ssh/config`` or the local name decides."""
        return self.user or self.destination.rpartition("@")[0] or None


def make_host(name: str, destination: str, **fields: Any) -> Host:
    """A `Host` from what a user typed; raises `HostInvalid` with a sentence."""
    try:
        return Host(name=name, destination=destination, **fields)
    except ValidationError as error:
        what = error.errors()[0]
        reason = str(what["msg"]).removeprefix("Value error, ")
        raise HostInvalid(f"This host cannot be used: {reason}.", "Check the name and the destination.") from error


class Settings:
    """What is in one settings file. Each call reads the file again: another castoff may have changed it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config_dir() / "config.toml"

    def hosts(self) -> tuple[Host, ...]:
        """All hosts in the file's order; raises `SettingsDamaged`."""
        tables = self._hosts_table(self._read())
        return tuple(self._host(name, table) for name, table in tables.items())

    def host(self, name: str) -> Host:
        """The host ``name``; raises `HostNotConfigured`."""
        hosts = {host.name: host for host in self.hosts()}
        if name not in hosts:
            known = ", ".join(hosts) or "none yet"
            raise HostNotConfigured(
                f"There is no host {name!r} in the settings (known: {known}).",
                f"Add it: castoff host add {name} user@address",
            )
        return hosts[name]

    def limits(self) -> SizeLimits:
        """The limits of what a handoff sends; raises `SettingsDamaged`."""
        try:
            return SizeLimits.model_validate(self._read().unwrap().get("limits", {}))
        except ValidationError as error:
            what = error.errors()[0]
            where = ".".join(("limits", *map(str, what["loc"])))
            raise self._damaged(f"{where}: {what['msg']}") from error

    def add(self, host: Host) -> None:
        """Add a host, or replace the one of that name, keeping its comments and unknown keys."""
        document = self._read()
        self._hosts_table(document)
        tables = cast(MutableMapping[str, Any], document.setdefault("hosts", tomlkit.table(is_super_table=True)))
        table = cast(MutableMapping[str, Any], tables.setdefault(host.name, tomlkit.table()))
        values = host.model_dump(exclude={"name"})
        defaults = {name: field.default for name, field in Host.model_fields.items()}
        for key, value in values.items():
            if value != defaults[key]:
                table[key] = value
            else:
                table.pop(key, None)
        self._write(document)

    def remove(self, name: str) -> None:
        """Forget a host; raises `HostNotConfigured`."""
        self.host(name)
        document = self._read()
        del cast(MutableMapping[str, Any], document["hosts"])[name]
        self._write(document)

    def _read(self) -> tomlkit.TOMLDocument:
        try:
            return tomlkit.parse(self.path.read_bytes())
        except FileNotFoundError:
            return tomlkit.document()
        except (TOMLKitError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error
        except OSError as error:
            raise self._damaged(error.strerror or str(error)) from error

    def _write(self, document: tomlkit.TOMLDocument) -> None:
        write_record(self.path, tomlkit.dumps(document).encode())  # pyright: ignore[reportUnknownMemberType]  # tomlkit types its sort_keys argument partly

    def _hosts_table(self, document: tomlkit.TOMLDocument) -> dict[str, dict[str, Any]]:
        plain: object = document.unwrap().get("hosts", {})
        if not isinstance(plain, dict):
            raise self._damaged("hosts is not a table")
        tables = cast(dict[str, object], plain)
        if not all(isinstance(table, dict) for table in tables.values()):
            raise self._damaged("each host is a table [hosts.NAME]")
        return cast(dict[str, dict[str, Any]], tables)

    def _host(self, name: str, table: dict[str, Any]) -> Host:
        try:
            return Host.model_validate({**table, "name": name})
        except ValidationError as error:
            what = error.errors()[0]
            where = ".".join(str(part) for part in what["loc"])
            raise self._damaged(f"[hosts.{name}] {where}: {what['msg']}") from error

    def _damaged(self, detail: str) -> SettingsDamaged:
        return SettingsDamaged(
            f"The settings file {self.path} cannot be used: {detail.rstrip('.')}.",
            "Correct that line, or move the file away and add the hosts again.",
        )
