"""Apprise, behind one module: is a URL one of its services, and send a message there.

It is imported when it is first needed, which costs a few tenths of a second.
"""

import importlib
import logging
import re
from typing import Any

from agent.events import Frozen
from remote.notification import Priority

_WITH_PORT = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^@/]*@)?[^@/:?#]+:\d{1,5}(?=[/?#]|$)", re.IGNORECASE)
"""A URL with a port: what stands before it is a machine's name and not a token."""


class Extras(Frozen):
    """How a service's plugin calls a message's priorities, the link that a tap opens, and buttons, if it has them."""

    levels: dict[Priority, str]
    click: str = ""
    actions: str = ""


_NTFY = Extras(levels={"high": "high", "low": "low"}, click="click", actions="actions")
_EXTRAS = {
    "ntfy": _NTFY,
    "ntfys": _NTFY,
    "pover": Extras(levels={"high": "high", "low": "low"}, click="supplemental_url"),
    "gotify": Extras(levels={"high": "high", "low": "low"}),
    "gotifys": Extras(levels={"high": "high", "low": "low"}),
}


class Service(Frozen):
    """What may be told of a URL: the service's scheme, and the machine's name where the URL holds one."""

    name: str
    address: str


def inspect_url(url: str) -> Service | None:
    """The service behind a URL, or ``None`` if Apprise does not accept it."""
    instance = _instance(url)
    if instance is None:
        return None
    # In many services' URLs the place of the machine's name holds a token, or a topic that is as good as one.
    templates: tuple[str, ...] = instance.templates
    named = bool(_WITH_PORT.match(url)) or all("{host}" in template for template in templates)
    return Service(name=url.partition("://")[0].lower(), address=str(instance.host or "") if named else "")


def push(url: str, title: str, body: str, *, priority: Priority = "normal", click: str = "", actions: str = "") -> bool:
    """Send one message, taking up to some seconds; whether the service took it.

    ``priority``, what a tap opens (``click``) and buttons (``actions``) where the service has them; what the URL itself
    says goes before.
    """
    instance = _instance(url, priority, click, actions)
    if instance is None:
        return False
    sender = _apprise().Apprise()
    sender.add(instance)
    # True only if it was accepted; some services accept what nobody will see.
    return bool(sender.notify(title=title, body=body, body_format="text"))


def _instance(url: str, priority: Priority = "normal", click: str = "", actions: str = "") -> Any:
    if "://" not in url:
        return None
    # Not `Apprise.add`, which would split the text at commas.
    instance = _apprise().Apprise.instantiate(url)
    extras = _extras(url, priority, click, actions) if instance is not None else {}
    if not extras:
        return instance
    fields: Any = importlib.import_module("apprise.plugins").url_to_dict(url)
    said = {name for name in extras if fields.get(name) or name in (fields.get("qsd") or {})}
    return _apprise().Apprise.instantiate(fields | {k: v for k, v in extras.items() if k not in said}) or instance


def _extras(url: str, priority: Priority, click: str, actions: str) -> dict[str, str]:
    """What a service is told beside the text, by the names that Apprise's plugins give it."""
    service = url.partition("://")[0].lower()
    names = _EXTRAS.get(service)
    if names is None:
        return {}
    levels = {"priority": names.levels[priority]} if priority != "normal" else {}
    said = {names.click: click, names.actions: actions}
    return levels | {name: value for name, value in said.items() if name and value}


def _apprise() -> Any:
    """The library, untyped in parts, with its log off: even its errors quote URLs with their secrets."""
    library = importlib.import_module("apprise")
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    return library
