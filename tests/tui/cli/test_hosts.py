"""``castoff host`` against real SSH servers: first contact, looking, forgetting."""

import io
import re
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from agent.lease import Lease, write_lease
from remote.config import Settings
from remote.hostkeys import HostKeys
from tests.hosts import HostForTests, free_port
from tests.remote.ntfy_double import run_ntfy_double
from tests.tui.cli.conftest import Castoff, MakeSession


def add_argv(host: HostForTests) -> list[str]:
    """The command line that adds this host as ``vm``."""
    login = host.host.login
    assert login and host.host.identity
    destination = f"{login}@{host.host.address}"
    return ["host", "add", "vm", destination, "--port", str(host.host.port), "--identity", host.host.identity]


def fingerprint(host: HostForTests) -> str:
    """What ``ssh-keygen -l`` would print on the host."""
    (key,) = host.host_keys.pinned("127.0.0.1", host.host.port or 22)
    return key.fingerprint


def forget_model(host: HostForTests) -> None:
    """Make it a host that is not ready: it is other tests' too, and one of them may have given it a model."""
    (host.home / ".config/castoff/agent.env").unlink(missing_ok=True)


def test_first_contact_without_a_person_refuses_and_says_how(any_host: HostForTests, castoff: Castoff) -> None:
    ran = castoff(*add_argv(any_host), "--json")
    assert ran.status == 1
    assert ran.records[0]["fingerprint"] == fingerprint(any_host)
    last = ran.records[-1]
    assert (last["ok"], last["code"]) == (False, "host-key-unknown")
    assert f"--fingerprint {fingerprint(any_host)}" in last["way_out"]
    assert "--trust-on-first-use" in last["way_out"]
    assert Settings().hosts() == ()
    assert HostKeys().pinned("127.0.0.1", any_host.host.port or 22) == ()


def test_a_wrong_fingerprint_is_refused(any_host: HostForTests, castoff: Castoff) -> None:
    ran = castoff(*add_argv(any_host), "--fingerprint", "SHA256:" + "A" * 43)
    assert ran.status == 1
    assert fingerprint(any_host) in ran.err
    assert Settings().hosts() == ()


@pytest.mark.parametrize("first_use", [False, True], ids=["fingerprint", "first use"])
def test_add_list_check_remove(first_use: bool, any_host: HostForTests, castoff: Castoff) -> None:
    forget_model(any_host)
    trust = ["--trust-on-first-use"] if first_use else ["--fingerprint", fingerprint(any_host)]
    assert castoff(*add_argv(any_host), *trust).status == 0
    (record, last) = castoff("host", "list", "--json").records
    assert (record["name"], record["port"], last["ok"]) == ("vm", any_host.host.port, True)
    assert castoff("host", "check", "vm", "--json").records[-1]["code"] in ("no-runtime", "host-not-ready")
    assert castoff("host", "remove", "vm", "--json").records[-1] == {
        "type": "result",
        "ok": True,
        "name": "vm",
        "keys": 1,
    }
    assert castoff("host", "check", "vm", "--json").records[-1]["code"] == "host-not-configured"


def test_the_identity_is_found_from_any_directory(
    castoff: Castoff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for given in ("key", "~/key"):
        assert castoff("host", "add", "vm", "me@vm.invalid", "--offline", "--identity", given).status == 0
        assert Settings().host("vm").identity == str(tmp_path / "key")


def test_a_host_with_sessions_on_it_is_not_forgotten(castoff: Castoff, make_session: MakeSession) -> None:
    assert castoff("host", "add", "vm", "me@vm.invalid", "--offline").status == 0
    write_lease(make_session(), Lease(epoch=2, state="away", to="vm"))
    ran = castoff("host", "remove", "vm", "--json")
    assert (ran.status, ran.records[-1]["code"]) == (1, "host-in-use")
    assert [host.name for host in Settings().hosts()] == ["vm"]
    assert castoff("host", "remove", "vm", "--yes").status == 0


@pytest.mark.parametrize(
    ("destination", "code"),
    [("127.0.0.1", "host-unreachable"), ("nobody.invalid", "unknown-host"), ("-oX=1", "host-invalid")],
)
def test_a_host_that_cannot_be_reached_is_not_added(destination: str, code: str, castoff: Castoff) -> None:
    ran = castoff("host", "add", "--port", str(free_port()), "--json", "--", "vm", destination)
    assert (ran.status, ran.records[-1]["code"]) == (1, code)
    assert Settings().hosts() == ()


def test_damaged_settings_are_a_sentence_everywhere(castoff: Castoff, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir(mode=0o700)
    (tmp_path / "config" / "config.toml").write_text("[hosts\n")
    for argv in (["runs"], ["host", "list"], ["host", "remove", "vm"], ["notify", "list"]):
        ran = castoff(*argv, "--json")
        assert (ran.status, ran.records[-1]["code"]) == (1, "settings-damaged"), argv
    doctor = castoff("doctor", "--json")
    assert doctor.status == 1
    assert [r["about"] for r in doctor.records if r.get("grade") == "bad"] == ["hosts"]


def test_a_host_that_does_not_answer_spoils_no_list(castoff: Castoff, make_session: MakeSession) -> None:
    make_session()
    castoff("host", "add", "vm", "me@127.0.0.1", "--port", str(free_port()), "--offline")
    ran = castoff("runs", "--json")
    assert ran.status == 0
    assert [record["type"] for record in ran.records] == ["session", "unreachable", "result"]


class Phone(BaseHTTPRequestHandler):
    """Takes every message."""

    got: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def phone_url() -> Generator[str]:
    """An Apprise URL that works."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Phone) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"json://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def let_answers_come(castoff: Castoff, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ntfy topic with a login is believed by its code, then takes answers, then none any more."""
    with run_ntfy_double() as ntfy:
        ntfy.tokens = {"tk_read"}
        monkeypatch.setattr("sys.stdin", io.StringIO(ntfy.url("runs", "?token=tk_read&auth=token") + "\n"))
        (added, *_) = castoff("notify", "add", "-", "--host", name, "--json").records
        channel = added["channel"]
        early = castoff("notify", "answers", channel, "--host", name, "--json").records[-1]
        assert not early["ok"], "it is not believed yet"
        code = re.findall(r"code of \S+ is (\d{4})", "".join(each.message for each in ntfy.published))[-1]
        assert castoff("notify", "confirm", channel, code, "--host", name).status == 0
        for argv, come in (((), True), (("--off",), False)):
            told = castoff("notify", "answers", channel, *argv, "--host", name, "--json")
            (line,) = [each for each in told.records if each.get("channel") == channel]
            assert (told.status, line["answers"], line["host"]) == (0, come, name)
            assert "tk_read" not in told.out + told.err
        assert castoff("notify", "remove", channel, "--host", name).status == 0


@pytest.mark.timeout(400)  # the host's first setup installs castoff there
def test_setup_and_channels_with_a_dead_host_beside(
    embedded_host: HostForTests, phone_url: str, castoff: Castoff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    castoff("host", "add", "off", "me@127.0.0.1", "--port", str(free_port()), "--offline")
    embedded_host.write_settings(tmp_path / "config")
    name = embedded_host.host.name
    forget_model(embedded_host)
    setup = castoff("host", "setup", name, "--json")
    assert (setup.status, setup.records[-1]["ready"]) == (0, False), "no model is chosen there, but it is set up"
    (facts, last) = castoff("host", "check", name, "--json").records
    assert last["code"] == "host-not-ready"
    assert {tool["name"] for tool in facts["tools"] if tool["path"]} >= {"git", "rsync", "tmux"}
    assert abs(facts["skew"]) < 30, "it is the same machine"
    assert facts["up"] > 0 and facts["down"] > 0 and facts["rtt"] > 0 and facts["memory"] > facts["memory_free"] > 0
    assert {agent["name"]: agent["login"] for agent in facts["agents"]}["builtin"] == "no"
    assert facts["runtime"] and facts["restart"] and facts["lingers"] in (True, False)
    table = castoff("host", "check", name).out
    assert all(word in table for word in ("bandwidth", "clock", "memory", "agent builtin", "linger", "runtime"))
    monkeypatch.setattr("sys.stdin", io.StringIO("tops3cret\n"))
    kept = castoff("host", "secrets", "set", name, "OPENAI_API_KEY")
    assert kept.status == 0 and "tops3cret" not in kept.out + kept.err
    (secret, _) = castoff("host", "secrets", "list", name, "--json").records
    assert (secret["type"], secret["name"]) == ("secret", "OPENAI_API_KEY")
    for known in (True, False):
        assert castoff("host", "secrets", "revoke", name, "OPENAI_API_KEY", "--json").records[-1]["known"] is known
    monkeypatch.setattr("sys.stdin", io.StringIO(phone_url + "\n"))
    added = castoff("notify", "add", "-", "--json")
    assert (added.status, added.records[0]["host"], added.records[0]["ok"]) == (1, name, True)
    (channel, failed) = castoff("notify", "list", "--json").records
    assert (channel["host"], channel["proven"], failed["code"]) == (name, False, "host-unreachable")
    refused = castoff("notify", "confirm", channel["channel"], "x", "--host", name, "--json").records[-1]
    assert (refused["code"], "not the code" in refused["reason"]) == ("code-wrong", True)
    assert castoff("notify", "code", channel["channel"], "--host", name).status == 0
    code = re.findall(r"code of \S+ is (\d{4})", "".join(Phone.got))[-1]
    assert castoff("notify", "confirm", channel["channel"], code, "--host", name).status == 0
    rules = castoff("notify", "set", "--quiet", "22:00-07:00", "--host", name, "--json").records[0]
    assert (rules["quiet"], rules["details"]) == ("22:00-07:00", False)
    sent = castoff("notify", "test", "--host", name, "--json")
    assert (sent.status, sent.records[0]["ok"]) == (0, True), sent
    refused = castoff("notify", "answers", channel["channel"], "--host", name, "--json").records[-1]
    assert not refused["ok"] and "answer" in refused["reason"], refused
    let_answers_come(castoff, name, monkeypatch)
    assert castoff("notify", "remove", channel["channel"], "--host", name).status == 0
    assert castoff("notify", "test", "--host", name, "--json").records[-1]["code"] == "no-channel"


def test_notify_without_a_host_is_a_sentence(castoff: Castoff) -> None:
    assert castoff("notify", "list", "--json").records[-1]["code"] == "no-host"


def test_the_doctor_says_who_is_to_blame(castoff: Castoff, sshd_host: HostForTests) -> None:
    sshd_host.write_settings(Settings().path.parent)
    assert "vm answers in" in castoff("doctor", "vm").out
    dead = sshd_host.host.model_copy(update={"name": "dead", "port": free_port()})
    Settings().add(dead)
    ran = castoff("doctor", "vm", "dead", "nobody", "--json")
    said = {record["about"]: record for record in ran.records if record["type"] == "finding"}
    assert said["host vm"]["grade"] == "ok"
    assert (said["host dead"]["grade"], said["host dead"]["blame"]) == ("bad", "server")
    assert "There is no host 'nobody'" in said["host nobody"]["sentence"]
    assert ran.status == 1
