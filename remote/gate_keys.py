"""The keys that a gate adds: which services of an agent have one, and what the sandbox gets in their place.

The agent inside is told, by the variable that its own documentation names or in its settings (`remote.gate_settings`),
that its service is at the gate; its key there is a word that opens nothing. A key that no profile says this of goes
into the sandbox as the user set it.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from agent.events import Frozen
from agent.profiles import Service
from remote.egress import Egress, find_hosts
from remote.gate_settings import PORT, Named, door_address

PLACEHOLDER = "castoff-adds-the-key-outside"


class Door(Frozen):
    """A service behind the gate: where it is, the headers that are added to each request, and the key that takes the
    placeholder's place in the others."""

    netloc: str
    path: str
    tls: bool
    headers: Mapping[str, str] = {}
    key: str = ""

    def fill(self, value: bytes) -> bytes:
        """A header's value of the client, as it goes on."""
        return value.replace(PLACEHOLDER.encode(), self.key.encode()) if self.key else value


def make_doors(
    services: Sequence[Service], variables: Mapping[str, str], named: Sequence[Named] = ()
) -> dict[str, Door]:
    """A door for each service whose key is among ``variables``, by the key's name, and for each that is ``named``."""
    doors: dict[str, Door] = {}
    for service in services:
        door = _make_door(_address(service, variables))
        if door is not None and variables.get(service.key):
            headers = {service.header: service.value.replace("{key}", variables[service.key])}
            doors[service.key] = door.model_copy(update={"headers": headers})
    for each in named:
        if (door := _make_door(each.address)) is not None:
            doors[each.door] = door.model_copy(update={"key": variables.get(each.key, "")})
    return doors


def hide_keys(services: Sequence[Service], variables: Mapping[str, str], named: Sequence[Named] = ()) -> dict[str, str]:
    """``variables`` as the sandbox gets them: the gate's address and a placeholder for what has a door."""
    hidden = dict(variables)
    doors = make_doors(services, variables)
    for service in services:
        if service.key in doors:
            hidden[service.key] = PLACEHOLDER
            hidden[service.variable] = service.form.replace("{address}", door_address(service.key))
    return hidden | {each.key: PLACEHOLDER for each in named if variables.get(each.key)}


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
    """Where the service is; "" where the user has told the agent in words of its own."""
    given = variables.get(service.variable)
    return service.address if not given else given if service.form == "{address}" else ""


def _make_door(address: str) -> Door | None:
    url = urlsplit(address)
    if url.scheme not in ("http", "https") or not url.netloc or "@" in url.netloc:
        return None
    return Door(netloc=url.netloc, path=url.path.rstrip("/"), tls=url.scheme == "https")
