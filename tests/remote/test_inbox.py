"""The demo's phone, as a real process that real HTTP clients talk to."""

import http.client
import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from remote.inbox import read_inbox
from remote.processes import is_alive
from remote.service import Service, keep_running
from tests.remote.demo_tools import end, run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "phone"


@pytest.fixture
def phone(place: Path) -> Generator[Service]:
    service = run(start(place))
    yield service
    run(end(service))


def start(place: Path, *more: str):
    arguments = ("--store", str(place / "messages.jsonl"), *more)
    return keep_running(place, "remote.inbox", arguments, probe="/", env={})


def post(service: Service, body: bytes, length: str | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("POST", "/castoff-inbox", body, {"Content-Length": length or str(len(body))})
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_messages_are_kept_in_order_and_survive_the_process(phone: Service, place: Path) -> None:
    for title in ("first", "zweite\n\x1b[31m", "third"):
        assert post(phone, json.dumps({"title": title, "message": "a\nb", "version": "1.0"}).encode()) == 200
    run(end(phone))
    messages = read_inbox(place / "messages.jsonl")
    assert [m.title for m in messages] == ["first", "zweite\n\x1b[31m", "third"]
    assert {m.body for m in messages} == {"a\nb"}
    assert (place / "messages.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_is_no_notification_is_refused(phone: Service, place: Path) -> None:
    assert post(phone, b"no json") == 400
    assert post(phone, b"[]") == 400
    assert post(phone, b'{"title": "only"}') == 400
    assert post(phone, b"{}", length="70000") == 413
    assert post(phone, b"{}", length="-1") == 413
    assert read_inbox(place / "messages.jsonl") == ()


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    store = tmp_path / "messages.jsonl"
    assert read_inbox(store) == ()
    store.write_text('{"at":1,"title":"a","body":"b"}\n{"at":2,"ti\n{"at":3,"title":"c","body":"d"}\n{"at":4')
    assert [m.title for m in read_inbox(store)] == ["a", "c"]


def test_a_living_service_is_found_and_a_dead_one_comes_back_at_its_port(phone: Service, place: Path) -> None:
    assert run(start(place)) == phone
    run(end(phone))
    again = run(start(place))
    assert again.port == phone.port
    assert again.process != phone.process
    run(end(again))


def test_another_service_at_the_old_port_is_not_taken_for_ours(phone: Service, place: Path) -> None:
    run(end(phone))
    argv = [sys.executable, "-I", "-u", "-m", "http.server", "--bind", "127.0.0.1", str(phone.port)]
    with subprocess.Popen(argv, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline()  # it listens
            again = run(start(place))
            assert again.port != phone.port
            assert is_alive(again.process)
            run(end(again))
        finally:
            other.kill()
