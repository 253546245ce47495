"""The gate, over its real socket: what goes through, as it comes, and what is refused and told."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from remote.egress import Entry, find_entry, find_hosts, parse_entry, parse_network, plain_host, why_closed
from remote.errors import SettingsDamaged
from remote.gate import Gate, Rules
from remote.gate_keys import PLACEHOLDER, Door, hide_keys, make_doors, named_services

_CLOSED = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"),
    *("0.0.0.0", "255.255.255.255", "224.0.0.1", "198.18.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "ff02::1"),
)
_METADATA = (
    *("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"),
    *("fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
)


@pytest.mark.parametrize("address", _CLOSED)
def test_private_addresses_are_closed(address: str) -> None:
    assert "private" in why_closed(address, Entry(host="example.org"), ()) or "cloud" in why_closed(
        address, Entry(host="example.org"), ()
    )


@pytest.mark.parametrize("address", _METADATA)
def test_a_clouds_own_services_are_closed_whatever_is_allowed(address: str) -> None:
    everything = [parse_network("0.0.0.0/0"), parse_network("::/0")]
    assert "cloud" in why_closed(address, Entry(host=address), everything)


def test_public_and_allowed_addresses_are_open() -> None:
    entry = Entry(host="example.org")
    assert why_closed("93.184.215.14", entry, ()) == ""
    assert why_closed("2606:2800:220:1::1", entry, ()) == ""
    assert why_closed("10.1.2.3", entry, [parse_network("10.0.0.0/8")]) == ""
    assert why_closed("10.1.2.3", Entry(host="10.1.2.3"), ()) == ""


@pytest.mark.parametrize(
    ("entry", "host", "port", "open_"),
    [
        ("example.org", "example.org", 443, True),
        ("example.org", "EXAMPLE.org.", 80, True),
        ("example.org", "example.org", 22, False),
        ("example.org:22", "example.org", 22, True),
        ("example.org:22", "example.org", 443, False),
        ("example.org", "a.example.org", 443, False),
        ("example.org", "badexample.org", 443, False),
        ("*.example.org", "a.b.example.org", 443, True),
        ("*.example.org", "example.org", 443, False),
        ("*.example.org", "badexample.org", 443, False),
        ("[2606:2800::1]:8443", "2606:2800:0::1", 8443, True),
    ],
)
def test_the_list(entry: str, host: str, port: int, open_: bool) -> None:
    assert (find_entry([parse_entry(entry)], plain_host(host), port) is not None) is open_


@pytest.mark.parametrize(
    "text", ["", "*", "*.org", "a b", "http://x.org", "x.org:0", "x.org:65536", "x/y", "é.org", "-a.org", "*.1.2.3.4"]
)
def test_what_is_no_entry(text: str) -> None:
    with pytest.raises(ValueError):
        parse_entry(text)


def test_addresses_in_what_a_tool_says() -> None:
    said = "https://user:pass@mirror.example.org/simple\nremote.x.url http://10.0.0.1:8080/a\ngit@x.org:y https://[::1/"
    assert find_hosts(said) == ["mirror.example.org:443", "10.0.0.1:8080"]
    assert named_services({"OPENAI_BASE_URL": "http://127.0.0.1:99/v1", "OTHER": "https://x.org"}).allow == (
        "127.0.0.1:99",
    )


@dataclass
class _Case:
    """A gate with a list, and a server of HTTP on this machine that says what it was asked."""

    path: Path
    port: int
    rules: "asyncio.Future[Rules]"
    told: list[str] = field(default_factory=list[str])

    async def ask(self, *words: bytes) -> bytes:
        """Send ``words``, one after the other, and return all that comes."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        for word in words:
            writer.write(word)
            await writer.drain()
        said = await reader.read()
        writer.close()
        return said


@asynccontextmanager
async def _gate(tmp_path: Path, allow: Sequence[str] = (), private: Sequence[str] = ()) -> AsyncGenerator[_Case]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(row[15:]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length:")), 0)
        body = head + await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rules: asyncio.Future[Rules] = asyncio.get_running_loop().create_future()
    door = Door(netloc=f"127.0.0.1:{port}", path="/v1", tls=False, headers={"Authorization": "Bearer the-key"})
    entries = [parse_entry(each.format(port=port)) for each in allow]
    rules.set_result(Rules(entries, [parse_network(each) for each in private], {"A_KEY": door}))
    case = _Case(tmp_path / "gate", port, rules)
    try:
        async with Gate(rules, case.told.append).listen(case.path):
            yield case
    finally:
        server.close()


async def test_connect_carries_bytes_to_what_is_listed(tmp_path: Path) -> None:
    async with _gate(tmp_path, ["127.0.0.1:{port}"]) as case:
        # The first bytes of the tunnel come with the request, as some clients send them.
        said = await case.ask(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\n\r\n" % case.port)
    assert said.startswith(b"HTTP/1.1 200 ") and b"GET /a HTTP/1.1" in said
    assert case.told == []


async def test_plain_requests_go_on_without_what_is_for_the_proxy(tmp_path: Path) -> None:
    request = (
        b"POST http://127.0.0.1:%d/a?b=c HTTP/1.1\r\nHost: other.example.org\r\nProxy-Authorization: x\r\n"
        b"Content-Length: 5\r\n\r\n"
    )
    async with _gate(tmp_path, ["127.0.0.1:{port}"]) as case:
        said = await case.ask(request % case.port, b"hel", b"lo")
    assert b"POST /a?b=c HTTP/1.1" in said and b"hello" in said
    assert f"Host: 127.0.0.1:{case.port}".encode().lower() in said.lower()
    assert b"other.example.org" not in said and b"Proxy-Authorization".lower() not in said.lower()


@pytest.mark.parametrize(
    "line",
    [
        b"CONNECT 127.0.0.1:%d HTTP/1.1",
        b"CONNECT localhost:%d HTTP/1.1",
        b"CONNECT [::ffff:127.0.0.1]:%d HTTP/1.1",
        b"CONNECT 2130706433:%d HTTP/1.1",
        b"GET http://127.0.0.1:%d/ HTTP/1.1",
        b"CONNECT allowed.example.org@127.0.0.1:%d HTTP/1.1",
    ],
)
async def test_what_is_not_listed_is_refused_and_told(tmp_path: Path, line: bytes) -> None:
    async with _gate(tmp_path, ["allowed.example.org"], ["127.0.0.0/8"]) as case:
        said = await case.ask(line % case.port + b"\r\nHost: allowed.example.org\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 403 ")
    assert len(case.told) == 1 and case.told[0].startswith("The sandbox refused ")


async def test_a_listed_name_that_leads_inside_is_refused(tmp_path: Path) -> None:
    async with _gate(tmp_path, ["localhost:{port}"]) as case:
        said = await case.ask(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n" % case.port)
        assert said.startswith(b"HTTP/1.1 403 ") and "private address" in case.told[0]
    async with _gate(tmp_path, ["localhost:{port}"], ["127.0.0.0/8"]) as case:
        words = b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n" % case.port
        assert (await case.ask(words)).startswith(b"HTTP/1.1 200 ")


async def test_the_address_that_was_looked_at_is_the_one_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _gate(tmp_path, ["rebinding.example.org:{port}"]) as case:
        asked: list[str] = []
        seen: list[str] = []

        async def answer(host: str, port: int, **_: object) -> list[object]:
            asked.append(host)
            # Public at the first look, this machine from then on.
            address = "203.0.114.1" if len(asked) == 1 else "127.0.0.1"
            return [(2, 1, 6, "", (address, port))]

        async def connect(host: str, *_: object, **__: object) -> None:
            seen.append(host)
            raise OSError(f"no way to {host}")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
        monkeypatch.setattr("remote.gate.asyncio.open_connection", connect)
        said = await case.ask(b"CONNECT rebinding.example.org:%d HTTP/1.1\r\nHost: x\r\n\r\n" % case.port)
    assert (asked, seen) == (["rebinding.example.org"], ["203.0.114.1"])
    assert said.startswith(b"HTTP/1.1 502 ")


async def test_a_service_gets_its_key_outside(tmp_path: Path) -> None:
    request = b"POST /castoff/A_KEY/chat HTTP/1.1\r\nHost: x\r\nauthorization: Bearer %s\r\nContent-Length: 2\r\n\r\nhi"
    async with _gate(tmp_path) as case:
        said = await case.ask(request % PLACEHOLDER.encode())
        assert b"POST /v1/chat HTTP/1.1" in said and b"Bearer the-key" in said and PLACEHOLDER.encode() not in said
        for path in (b"/castoff/OTHER/x", b"/", b"/castoff/A_KEY/../../x"):
            answer = await case.ask(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            assert answer.startswith(b"HTTP/1.1 404 ") or b"GET /v1/" in answer


async def test_a_service_of_an_agents_settings_gets_its_key_in_the_placeholders_place(tmp_path: Path) -> None:
    request = b"GET /castoff/NAMED/x HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\nOther: o\r\n\r\n" % PLACEHOLDER.encode()
    async with _gate(tmp_path) as case:
        door = Door(netloc=f"127.0.0.1:{case.port}", path="/v1", tls=False, key="the-key")
        case.rules.result().doors = {"NAMED": door}
        said = await case.ask(request)
    assert b"GET /v1/x HTTP/1.1" in said and b"the-key" in said and PLACEHOLDER.encode() not in said


@pytest.mark.parametrize("junk", [b"\0\1\2\r\n\r\n", b"GET\r\n\r\n", b"CONNECT :1 HTTP/1.1\r\nHost: x\r\n\r\n", b""])
async def test_what_is_no_request_ends_nothing(tmp_path: Path, junk: bytes) -> None:
    async with _gate(tmp_path, ["127.0.0.1:{port}"]) as case:
        reader, writer = await asyncio.open_unix_connection(case.path)
        writer.write(junk)
        writer.write_eof()
        assert b" 200 " not in await reader.read()
        writer.close()
        words = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n" % case.port
        assert (await case.ask(words)).startswith(b"HTTP/1.1 200 ")


async def test_without_a_list_nothing_goes_through(tmp_path: Path) -> None:
    failed: asyncio.Future[Rules] = asyncio.get_running_loop().create_future()
    failed.set_exception(SettingsDamaged("The file is damaged."))
    told: list[str] = []
    async with Gate(failed, told.append).listen(tmp_path / "gate"):
        case = _Case(tmp_path / "gate", 1, failed)
        said = await case.ask(b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 503 ") and "damaged" in told[0]


def test_a_key_with_a_door_never_is_inside() -> None:
    from agent.profiles import load_profile

    services = load_profile("builtin").services
    given = {"OPENAI_API_KEY": "sk-1", "OTHER_KEY": "o", "ANTHROPIC_API_KEY": "an-1"}
    inside = hide_keys(services, given)
    assert not {"sk-1", "an-1"} & set(inside.values()) and inside["OTHER_KEY"] == "o"
    assert inside["OPENAI_BASE_URL"] == "http://127.0.0.1:3128/castoff/OPENAI_API_KEY"
    doors = make_doors(services, given)
    assert doors["OPENAI_API_KEY"].headers == {"Authorization": "Bearer sk-1"}
    assert doors["ANTHROPIC_API_KEY"].headers == {"x-api-key": "an-1"} and doors["ANTHROPIC_API_KEY"].tls
    moved = make_doors(services, given | {"OPENAI_BASE_URL": "http://127.0.0.1:99/v1/"})["OPENAI_API_KEY"]
    assert (moved.netloc, moved.path, moved.tls) == ("127.0.0.1:99", "/v1", False)
