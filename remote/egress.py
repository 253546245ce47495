"""Where a run at level ``full`` may connect to: a list of names and ports, and what addresses they may lead to.

Pure. A name is on the list or it is not; where it leads is looked at for each connection (`why_closed`).
"""

import contextlib
import ipaddress
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from agent.events import Frozen

PORTS = frozenset({80, 443})
"""What an entry without a port stands for."""

_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}")
_ADDRESS = re.compile(r"https?://[^\s\"'<>|,]+")
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # link-local, where most clouds answer for the machine (RFC 3927)
            "fe80::/10",
            "fd00:ec2::/32",  # Amazon, over IPv6
            "100.100.100.200/32",  # Alibaba
            "168.63.129.16/32",  # Azure
            "192.0.0.192/32",  # Oracle
            "0.0.0.0/8",  # Linux takes it for this machine
            "::/128",
        ),
    )
)
"""A cloud's own services for its machines hand out the machine's credentials: closed whatever is allowed."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Egress(Frozen):
    """``allow`` are entries as in `parse_entry`, ``private`` networks (CIDR) that their names may lead into."""

    allow: tuple[str, ...] = ()
    private: tuple[str, ...] = ()

    def joined(self, other: "Egress") -> "Egress":
        """Both together."""
        return Egress(allow=(*self.allow, *other.allow), private=(*self.private, *other.private))


class Entry(Frozen):
    """A ``host`` in lower case, or with ``below`` everything below it; ``port`` is one, or `None` for `PORTS`."""

    host: str
    port: int | None = None
    below: bool = False

    def covers(self, host: str, port: int) -> bool:
        """Whether a connection to ``host``, as `plain_host` has it, is on the list by this entry."""
        named = host.endswith(f".{self.host}") if self.below else host == self.host
        return named and (port in PORTS if self.port is None else port == self.port)


def parse_entry(text: str) -> Entry:
    """``name``, ``*.name`` (all below it), or an address, each with ``:port`` or without; raises `ValueError`."""
    host, port = split_port(text.removeprefix("*."))
    below = text.startswith("*.")
    if below and (literal(host) is not None or "." not in host):
        raise ValueError(f"{text!r} would allow too much: name at least *.example.org")
    return Entry(host=host, port=port, below=below)


def parse_network(text: str) -> Network:
    """A network of private addresses; raises `ValueError`."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network like 10.0.0.0/8") from error


def split_port(text: str) -> tuple[str, int | None]:
    """``host``, ``host:port`` or ``[address]:port``; raises `ValueError`."""
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::([0-9]{1,5}))?", text, re.ASCII)
    if found is None:
        # An address of IPv6 without brackets has no port.
        return plain_host(text), None
    port = int(found[3]) if found[3] else None
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{text[:80]!r} has no port from 1 to 65535")
    return plain_host(found[1] or found[2] or ""), port


def plain_host(text: str) -> str:
    """A name or an address as it is compared; raises `ValueError`."""
    address = literal(text)
    if address is not None:
        return str(address)
    name = text.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{text[:80]!r} is no name of a machine")
    return name


def literal(text: str) -> Address | None:
    """The address that ``text`` is, or `None` for a name."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def find_hosts(text: str) -> list[str]:
    """The entries of a list that the addresses in ``text`` make, each with its port."""
    entries: list[str] = []
    for found in _ADDRESS.finditer(text):
        # What is no address allows nothing.
        with contextlib.suppress(ValueError):
            url = urlsplit(found[0])
            if url.hostname:
                host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
                entry = f"{host}:{url.port or (443 if url.scheme == 'https' else 80)}"
                parse_entry(entry)
                entries.append(entry)
    return entries


def find_entry(entries: Iterable[Entry], host: str, port: int) -> Entry | None:
    """The first entry by which ``host`` and ``port`` are on the list."""
    return next((entry for entry in entries if entry.covers(host, port)), None)


def why_closed(address: str, entry: Entry, private: Sequence[Network]) -> str:
    """Why nobody may connect to what a name of the list leads to, or "".

    An address that is itself on the list is open, unless it is a cloud's own service.
    """
    found = _unwrap(ipaddress.ip_address(address.partition("%")[0]))
    if any(found in network for network in _NEVER if network.version == found.version):
        return f"it leads to {found}, where a cloud answers for the machine itself"
    if found.is_global and not found.is_multicast:
        return ""
    if entry.host == str(found) or any(found in network for network in private if network.version == found.version):
        return ""
    return f"it leads to {found}, a private address"


def _unwrap(address: Address) -> Address:
    """The address of IPv4 that one of IPv6 stands for (RFC 4291, 3056, 6052), else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
