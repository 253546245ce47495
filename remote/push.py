"""Apprise, behind one module: is a URL one of its services, and send a message there.

It is imported when it is first needed, which costs a few tenths of a second.
"""

import importlib
import logging
import re
from typing import Any

from agent.events import Frozen

_WITH_PORT = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^@/]*@)?[^@/:?#]+:\d{1,5}(?=[/?#]|$)", re.IGNORECASE)
"""A URL with a port: what stands before it is a machine's name and not a token."""


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


def push(url: str, title: str, body: str) -> bool:
    """Send one message, taking up to some seconds; whether the service took it."""
    instance = _instance(url)
    if instance is None:
        return False
    sender = _apprise().Apprise()
    sender.add(instance)
    # True only if it was accepted; some services accept what nobody will see.
    return bool(sender.notify(title=title, body=body, body_format="text"))


def _instance(url: str) -> Any:
    if "://" not in url:
        return None
    # Not `Apprise.add`, which would split the text at commas.
    return _apprise().Apprise.instantiate(url)


def _apprise() -> Any:
    """The library, untyped in parts, with its log off: even its errors quote URLs with their secrets."""
    library = importlib.import_module("apprise")
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    return library
