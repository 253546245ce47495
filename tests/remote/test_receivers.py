"""Notifications to real receivers, and to a double of ntfy: what arrives, and what only says that it did."""

import asyncio
import email
import email.message
import os
import queue
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from remote.channels import add_channel, list_channels, prove_channel, read_targets
from remote.delivery import deliver
from remote.errors import SettingsError
from remote.notification import Notification
from remote.trial import send_code
from tests.remote.ntfy_double import NtfyDouble, run_ntfy_double
from tests.remote.receiver import run_receiver
from tests.waiting import wait_until

NOTE = Notification(id="r-7", title="castoff: Shop needs you", body="1 of 2 steps done.\n[r-7]", priority="high")


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def ntfy() -> Generator[NtfyDouble]:
    with run_ntfy_double() as server:
        yield server


class Mailbox:
    """Keeps what an SMTP server takes."""

    def __init__(self) -> None:
        self.mails: list[email.message.Message] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 Message accepted for delivery"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def serve_mail(handler: object) -> tuple[Any, str]:
    """A running aiosmtpd and the URL of a mailbox there."""
    port = free_port()
    server: Any = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    return server, f"mailto://127.0.0.1:{port}?from=vm@localhost.localdomain&to=dev@localhost.localdomain"


async def test_a_mail_arrives_at_a_real_smtp_server() -> None:
    box = Mailbox()
    server, url = serve_mail(box)
    try:
        add_channel(url)
        assert await deliver(read_targets()[0], NOTE) == ""
    finally:
        server.stop()
    (mail,) = box.mails
    assert mail["Subject"] == NOTE.title and "r-7" in mail.as_string()


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    """A real MQTT broker with a password; its port."""
    place = tmp_path_factory.mktemp("mosquitto")
    path = f"{os.environ['PATH']}:/usr/sbin"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(place / "users"), "dev", "s3cret"], check=True, timeout=60)
    port = free_port()
    # As root it would become a user of its own, who cannot read this folder.
    settings = [f"listener {port} 127.0.0.1", "allow_anonymous false", f"password_file {place}/users", "user root"]
    (place / "conf").write_text("\n".join(settings) + "\n")
    argv = [shutil.which("mosquitto", path=path) or "mosquitto", "-c", str(place / "conf")]
    with subprocess.Popen(argv, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
        try:
            wait_until(lambda: accepts(port))
            yield port
        finally:
            broker.terminate()


def broker_url(port: int, password: str) -> str:
    return f"mqtt://dev:{password}@127.0.0.1:{port}/runs/r1?qos=1"


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_message_arrives_at_a_real_mqtt_broker(mosquitto: int) -> None:
    got: queue.Queue[bytes] = queue.Queue()
    reader = Client(CallbackAPIVersion.VERSION2)
    reader.username_pw_set("dev", "s3cret")
    reader.on_message = lambda _client, _data, message: got.put(bytes(message.payload))
    subscribed = threading.Event()
    reader.on_subscribe = lambda _client, _data, _mid, _codes, _properties: subscribed.set()
    reader.connect("127.0.0.1", mosquitto)
    reader.subscribe("runs/#", qos=1)
    reader.loop_start()
    try:
        assert await asyncio.to_thread(subscribed.wait, 20)
        add_channel(broker_url(mosquitto, "s3cret"))
        assert await deliver(read_targets()[0], NOTE) == ""
        assert NOTE.body in (await asyncio.to_thread(got.get, timeout=20)).decode()
    finally:
        reader.disconnect()
        reader.loop_stop()
    add_channel(broker_url(mosquitto, "wrong"))
    assert await deliver(read_targets()[1], NOTE), "a wrong password is told"


async def test_ntfy_is_told_priority_and_link(ntfy: NtfyDouble) -> None:
    add_channel(ntfy.url("runs", "?token=tk_x&auth=token"))
    target = read_targets()[0]
    assert await deliver(target, NOTE, click="ssh://vm.example.org") == ""
    assert await deliver(target, NOTE.model_copy(update={"priority": "normal"})) == ""
    first, second = ntfy.published
    assert (first.topic, first.title, first.message) == ("runs", NOTE.title, NOTE.body)
    assert (first.priority, first.click) == ("high", "ssh://vm.example.org")
    assert (second.priority, second.click) == ("", "")
    assert first.authorization == second.authorization == "Bearer tk_x"


async def test_what_the_url_says_of_priority_holds(ntfy: NtfyDouble) -> None:
    add_channel(ntfy.url("runs", "?priority=min"))
    assert await deliver(read_targets()[0], NOTE) == ""
    assert ntfy.published[0].priority == "min"


async def test_channels_that_say_sent_of_what_nobody_gets_are_found_out() -> None:
    """One takes mail and throws it away, one takes every POST: the sending went well, and no human saw the code."""
    sink, url = serve_mail(Sink())
    try:
        with run_receiver() as hole:
            channels = [add_channel(url), add_channel(hole.url())]
            for channel in channels:
                assert (await send_code(channel.id, "vm")).ok, "it says that it was sent"
                for guess in ("0000", "1234", "9999"):
                    with pytest.raises(SettingsError):
                        prove_channel(channel.id, "x" + guess)
                with pytest.raises(SettingsError, match="no code is under way"):
                    prove_channel(channel.id, "0000")
            assert not any(channel.proven for channel in list_channels())
    finally:
        sink.stop()


async def test_the_code_of_a_real_mailbox_is_believed() -> None:
    box = Mailbox()
    server, url = serve_mail(box)
    try:
        channel = add_channel(url)
        assert (await send_code(channel.id, "vm")).ok
    finally:
        server.stop()
    code = re.search(r"code of vm is (\d{4})", box.mails[0].as_string())
    assert code is not None
    assert prove_channel(channel.id, code[1]).proven
