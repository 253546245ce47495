"""A machine on which nothing is but what ``castoff host cloud-init`` asks for becomes a host by castoff alone."""

import io
import json
from pathlib import Path

import pytest

from tests.machines import make_machine, running
from tests.tui.cli.conftest import Castoff


@pytest.mark.machines
@pytest.mark.timeout(1200)
def test_a_machine_of_cloud_init_passes_the_check_once_it_is_set_up(
    castoff: Castoff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "some.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKzmz0Zu5jHxnXn6Y6cCz8mkPnbhwvkmsV0VlF3dgHNR me\n")
    written = castoff("host", "cloud-init", "--key", str(key))
    assert written.status == 0, written.err
    (line,) = (line for line in written.out.splitlines() if line.startswith("packages: "))
    # An image of a cloud has an sshd.
    root = make_machine([*json.loads(line.removeprefix("packages: ")), "openssh-server"])
    with running(root, tmp_path, "castoff") as (host, host_key):
        argv = ["host", "add", "vm", host.destination, "--port", str(host.port), "--identity", str(host.identity)]
        added = castoff(*argv, "--fingerprint", host_key.fingerprint, "--json")
        assert added.status == 0, added.out + added.err
        set_up = castoff("host", "setup", "vm", "--json")
        assert set_up.status == 0, set_up.out + set_up.err
        monkeypatch.setattr("sys.stdin", io.StringIO("test\n"))
        assert castoff("host", "secrets", "set", "vm", "CASTOFF_MODEL").status == 0
        checked = castoff("host", "check", "vm", "--json")
    assert checked.status == 0, checked.out + checked.err
    (facts,) = (each for each in checked.records if each["type"] == "host-facts")
    assert facts["problems"] == [] and facts["root"] == [], facts
    assert facts["sandbox"] == "open" and facts["lingers"] and facts["user"] == "castoff"
    there = {tool["name"] for tool in facts["tools"] if tool["path"]}
    assert there >= {"git", "rsync", "tmux", "bwrap"}, facts["tools"]
