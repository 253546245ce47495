"""The keys that a gate adds: which services of an agent have one, and what the sandbox gets in their place.

The agent inside is told, by the variable that its own documentation names, that its service is at the gate; its key
there is a word that opens nothing. A key that no profile says this of goes into the sandbox as the user set it.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from agent.events import Frozen
from agent.profiles import Service
from remote.egress import Egress, find_hosts

PORT = 3128
"""Where the gate is on the sandbox's own 127.0.0.1."""
PLACEHOLDER = "castoff-adds-the-key-outside"


class Door(Frozen):
    """A service behind the gate: where it is, and the headers that are added to each request."""

    netloc: str
    path: str
    tls: bool
    headers: Mapping[str, str]


def make_doors(services: Sequence[Service], variables: Mapping[str, str]) -> dict[str, Door]:
    """A door for each service whose key is among ``variables``, by the key's name."""
    doors: dict[str, Door] = {}
    for service in services:
        url = urlsplit(_address(service, variables))
        if variables.get(service.key) and url.scheme in ("http", "https") and url.netloc and "@" not in url.netloc:
            headers = {service.header: service.value.replace("{key}", variables[service.key])}
            path = url.path.rstrip("/")
            doors[service.key] = Door(netloc=url.netloc, path=path, tls=url.scheme == "https", headers=headers)
    return doors


def hide_keys(services: Sequence[Service], variables: Mapping[str, str]) -> dict[str, str]:
    """``variables`` as the sandbox gets them: the gate's address and a placeholder for what has a door."""
    hidden = dict(variables)
    doors = make_doors(services, variables)
    for service in services:
        if service.key in doors:
            hidden[service.key] = PLACEHOLDER
            hidden[service.variable] = f"http://127.0.0.1:{PORT}/castoff/{service.key}"
    return hidden


def proxy_variables() -> dict[str, str]:
    """What tells programs in the sandbox where the gate is, in the ways in which they look for it."""
    gate = f"http://127.0.0.1:{PORT}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    own = {spelled: gate for name in names for spelled in (name, name.lower())}
    here = "127.0.0.1,localhost,::1"
    return own | {"NO_PROXY": here, "no_proxy": here, "NODE_USE_ENV_PROXY": "1"}


def named_services(variables: Mapping[str, str]) -> Egress:
    """The addresses of services that the user set as ``..._BASE_URL``: they are on the list by that."""
    named = [value for name, value in variables.items() if name.endswith("_BASE_URL")]
    return Egress(allow=tuple(find_hosts("\n".join(named))))


def _address(service: Service, variables: Mapping[str, str]) -> str:
    return variables.get(service.variable) or service.address
