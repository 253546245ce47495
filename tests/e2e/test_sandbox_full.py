"""A whole journey at level full: the model by the gate alone, a key that is not inside, refusals told, home again."""

import asyncio
import re
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agent.demo_model.reply import Call, Reply
from agent.events import Noted
from agent.journal import read_events
from agent.paths import state_dir
from agent.sessions import create_session
from agent.state import SessionState
from remote.handoff import hand_off
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.steps import Away, Home, Preflighted
from remote.terms import Terms
from tests.doubles.openai_model import model_environment, serving
from tests.e2e.journey import assert_unbroken, drive, fill_project, follow, lay_out, wait_for_run
from tests.e2e.scene import give_variables
from tests.hosts import HostForTests

KEY = "sk-of-the-host-itself"
_GATE = """import os, sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""
_PAST_IT = """import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    print("open")
except OSError:
    print("stopped")
"""


_SEARCH = """
grep -qa 'adds-the-ke[y]-outside' /proc/$PPID/environ && echo the placeholder
grep -qa 'of-the-hos[t]-itself' /proc/[0-9]*/environ && echo the key
grep -rqa 'of-the-hos[t]-itself' "$HOME" . && echo the key
"""
"""Words that castoff hides are not looked for in what it shows."""


def _python(code: str, word: object) -> Reply:
    return Reply("I try.", (Call("run", {"command": f"/usr/bin/python3 -I - {word} <<'END'\n{code}END"}),))


@asynccontextmanager
async def _listening_in(port: int) -> AsyncGenerator[tuple[int, bytearray]]:
    """A port that leads to ``port``, and all that is sent there."""
    heard = bytearray()
    relays = set[asyncio.Task[None]]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, into: bytearray | None = None) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                heard.extend(data if into is heard else b"")
                writer.write(data)
                await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, far_writer, heard), pump(far_reader, writer))

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.add(asyncio.create_task(relay(reader, writer)))

    async with await asyncio.start_server(welcome, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard
    await asyncio.gather(*relays)


@pytest.fixture
def variables(tmp_path: Path) -> Generator[dict[str, str]]:
    scripts: dict[str, tuple[Reply, ...]] = {"here": (Reply("I have begun."),)}
    with serving(scripts, tmp_path / "model.jsonl") as (_, port):
        scripts["there"] = (
            Reply("The key.", (Call("run", {"command": _SEARCH}),)),
            _python(_GATE, "http://files.example.org/"),
            _python(_GATE, "http://169.254.169.254/latest/"),
            _python(_PAST_IT, port),
            Reply("A file.", (Call("write", {"path": "made_there.txt", "content": "there\n"}),)),
            Reply("All done."),
        )
        yield model_environment(port)


async def test_a_run_at_level_full(
    tmp_path: Path,
    sshd_host: HostForTests,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laptop = lay_out(tmp_path, monkeypatch.setenv)
    fill_project(laptop)
    (laptop.project / ".castoff.toml").write_text('sandbox = "full"\n')
    sshd_host.write_settings(tmp_path / "config")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    session = create_session(state_dir(), laptop.project, "builtin")
    viewer = await open_local(session)
    await viewer.set_policy("accept-all")
    await viewer.prompt("Begin. [[script: here]]")
    await follow(viewer, lambda state: state.phase == "finished" and state.turns == 1)
    await viewer.close()

    async with _listening_in(urlsplit(variables["OPENAI_BASE_URL"]).port or 0) as (port, heard):
        there = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
        give_variables(sshd_host, variables | there)
        sshd_host.own(sshd_host.home / ".config")
        links = Links()
        steps = await drive(hand_off(session, links.host("vm"), Terms(say="Go on. [[script: there]]"), links))
        assert isinstance(steps[-1], Away), steps[-1]
        assert next(step for step in steps if isinstance(step, Preflighted)).facts.sandbox == "full"
        state = await wait_for_run(sshd_host, session.id, lambda state: state.phase in ("finished", "failed"))
        assert state.phase == "finished", state.detail
    key, unlisted, metadata, past_it = _outputs(state)
    assert key.splitlines()[0] == "the placeholder" and "the key" not in key
    assert unlisted.startswith("403 castoff: The sandbox refused files.example.org:80")
    assert metadata.startswith("403 castoff: The sandbox refused 169.254.169.254:80")
    assert past_it.startswith("stopped")
    assert set(re.findall(rb"(?i)authorization: (.*)\r\n", heard)) == {f"Bearer {KEY}".encode()}

    assert isinstance((await drive(pull_back(links, "vm", session.id)))[-1], Home)
    await links.close()
    noted = [event.text for event in read_events(session.journal) if isinstance(event, Noted)]
    assert [text for text in noted if "refused" in text] == [
        f"The sandbox refused {host}:80: it is not on this run's list."
        for host in ("files.example.org", "169.254.169.254")
    ]
    assert (laptop.project / "made_there.txt").read_text() == "there\n"
    assert_unbroken(session)
    assert KEY not in await asyncio.to_thread(session.journal.read_text)


def _outputs(state: SessionState) -> list[str]:
    commands = [block for block in state.blocks if block.type == "tool" and block.tool_kind == "execute"]
    return ["".join(part.text for part in each.content if part.type == "text") for each in commands]
