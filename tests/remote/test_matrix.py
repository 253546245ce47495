"""Answers over Matrix: a real Synapse, and a run that is answered in a room there.

Synapse is installed once per machine, into an environment of its own in ``$XDG_CACHE_HOME/castoff-tests/synapse``.
"""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remote.channels import Replies, add_channel, read_targets, set_replies, set_rules
from remote.delivery import deliver
from remote.errors import SettingsError
from remote.notification import Notification
from remote.replies import open_replies
from tests.agent.running import Place
from tests.remote.answering import answered, make_place, notes
from tests.waiting import until, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

VERSION = "1.163.2"
PASSWORD = "a pass of 4 words"


@dataclass
class User:
    """Somebody who is logged in."""

    base: str
    name: str
    token: str

    def ask(self, method: str, path: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = json.dumps(content).encode() if method != "GET" else None
        request = urllib.request.Request(f"{self.base}/_matrix/client/v3/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def say(self, room: str, text: str) -> None:
        content = {"msgtype": "m.text", "body": text}
        self.ask("PUT", f"rooms/{room}/send/m.room.message/{abs(hash(text))}", **content)

    def read(self, room: str) -> list[str]:
        found = self.ask("GET", f"rooms/{room}/messages?dir=f&limit=100")["chunk"]
        return [event["content"].get("body", "") for event in found if event["type"] == "m.room.message"]


@dataclass
class Homeserver:
    bot: User
    dev: User
    stranger: User
    room: str

    def url(self) -> str:
        address = self.bot.base.removeprefix("http://")
        return f"matrix://{self.bot.token}@{address}/{self.room}?e2ee=no&discovery=no&hsreq=no"


@pytest.fixture(scope="module")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Homeserver]:
    python = install()
    place = tmp_path_factory.mktemp("synapse")
    base, config = configure(python, place)
    log = (place / "log").open("w")
    argv = [python, "-I", "-m", "synapse.app.homeserver", "-c", str(config)]
    with subprocess.Popen(argv, cwd=place, stdout=log, stderr=log) as server:
        try:
            wait_until(lambda: answers(base), 120, "it does not answer")
            users = [log_in(python, config, base, name) for name in ("bot", "dev", "stranger")]
            bot, dev, stranger = users
            others = (dev, stranger)
            room = bot.ask("POST", "createRoom", preset="private_chat", invite=[user.name for user in others])[
                "room_id"
            ]
            for user in others:
                user.ask("POST", f"rooms/{room}/join")
            yield Homeserver(bot, dev, stranger, room)
        finally:
            server.terminate()
            server.wait(30)
            log.close()


def install() -> str:
    """Synapse in an environment of its own, complete or absent; returns its Python. Skips where pip cannot have it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "castoff-tests" / f"synapse-{VERSION}"
    python = cache / "bin" / "python"
    if not (cache / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(cache)], check=True, timeout=120)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", f"matrix-synapse=={VERSION}"]
        try:
            subprocess.run(pip, check=True, timeout=200)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"Synapse {VERSION} cannot be installed here: {type(error).__name__}")
        (cache / ".ready").touch()
    return str(python)


def configure(python: str, place: Path) -> tuple[str, Path]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = place / "hs.yaml"
    argv = [python, "-I", "-m", "synapse.app.homeserver", "--server-name", "localhost", "--config-path", str(config)]
    argv += ["--data-directory", str(place), "--generate-config", "--report-stats=no"]
    subprocess.run(argv, cwd=place, check=True, timeout=120, capture_output=True)
    text = re.sub(r"^listeners:\n(?:[ -].*\n)+", "", config.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^trusted_key_servers:\n(?:[ -].*\n)+", "", text, flags=re.MULTILINE)
    listener = {"port": port, "type": "http", "tls": False, "bind_addresses": ["127.0.0.1"]}
    listener["resources"] = [{"names": ["client"], "compress": False}]
    often = {"per_second": 1000, "burst_count": 1000}
    more = {
        "listeners": [listener],
        "trusted_key_servers": [],
        "rc_login": {"address": often, "account": often},
        "rc_message": often,
    }
    config.write_text(text + "\n" + "\n".join(f"{name}: {json.dumps(value)}" for name, value in more.items()) + "\n")
    return f"http://127.0.0.1:{port}", config


def answers(base: str) -> bool:
    try:
        urllib.request.urlopen(f"{base}/_matrix/client/versions", timeout=5).close()
    except OSError:
        return False
    return True


def log_in(python: str, config: Path, base: str, name: str) -> User:
    register = Path(python).parent / "register_new_matrix_user"
    argv = [str(register), "-u", name, "-p", PASSWORD, "--no-admin", "-c", str(config), base]
    subprocess.run(argv, cwd=config.parent, check=True, timeout=120, capture_output=True)
    identity = {"type": "m.id.user", "user": name}
    found = User(base, name, "").ask("POST", "login", type="m.login.password", identifier=identity, password=PASSWORD)
    return User(base, found["user_id"], found["access_token"])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    with make_place(tmp_path, monkeypatch) as made:
        yield made


async def test_a_message_arrives(place: Place, homeserver: Homeserver) -> None:
    add_channel(homeserver.url())
    note = Notification(id="r-7", title="castoff: Shop needs you", body="1 of 2 steps done.\n[r-7]")
    assert await deliver(read_targets()[0], note) == ""
    assert any("[r-7]" in text for text in homeserver.dev.read(homeserver.room))
    wrong = homeserver.url().replace(homeserver.bot.token, "nonsense")
    add_channel(wrong)
    assert await deliver(read_targets()[1], note), "a wrong token is told"


async def test_leave_is_given_by_the_one_user_alone(place: Place, homeserver: Homeserver) -> None:
    channel = add_channel(homeserver.url(), proven=True)
    with pytest.raises(SettingsError, match="the user who may answer"):
        set_replies(channel.id, Replies(at=1.0), open_replies)
    set_replies(channel.id, Replies(sender=homeserver.dev.name, at=1.0), open_replies)
    set_rules({"details": True, "burst": 1000})
    async with answered(place) as run:
        await run.viewer.prompt("[[script: run]]")
        told = await until(lambda: next((t for t in homeserver.dev.read(homeserver.room) if "To answer" in t), ""))
        assert "execute: echo ran > ran.txt" in told
        lines = [line for line in told.splitlines() if re.fullmatch(r"(allow|deny|stop) \w{8} \w{20}", line)]
        assert [line.split()[0] for line in lines] == ["allow", "deny", "stop"]
        homeserver.stranger.say(homeserver.room, lines[0])
        homeserver.dev.say(homeserver.room, "Please go on and allow everything")
        homeserver.dev.say(homeserver.room, f"allow {'a' * 8} {'b' * 20}")
        await until(lambda: any("not open" in note for note in notes(place)))
        assert not (place.tree / "ran.txt").exists()
        homeserver.dev.say(homeserver.room, lines[0].capitalize())
        await run.until_phase("finished")
    assert (place.tree / "ran.txt").exists()
    assert sum("by phone" in note for note in notes(place)) == 2
    assert homeserver.bot.token not in place.session.journal.read_text()
