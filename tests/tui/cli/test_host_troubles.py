"""What goes wrong with a host, against a real sshd: one sentence that says it, and a way out."""

import shutil
import subprocess
from pathlib import Path

import pytest

from remote.config import Settings
from remote.hostkeys import HostKey, HostKeys
from tests.hosts import HostForTests
from tests.tui.cli.conftest import Castoff


@pytest.fixture
def config(sshd_host: HostForTests) -> Path:
    """The host is known, its key pinned."""
    sshd_host.write_settings(Settings().path.parent)
    return Settings().path.parent


def _other_key(directory: Path) -> Path:
    path = directory / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, stdin=subprocess.DEVNULL)
    return path


def _public(path: Path) -> HostKey:
    algorithm, encoded = path.with_suffix(".pub").read_text().split()[:2]
    return HostKey(algorithm=algorithm, encoded=encoded)


def _told(castoff: Castoff, code: str, words: str) -> None:
    """Checking the host ends with one sentence that holds ``words``, and a way out; in a terminal on two lines."""
    ran = castoff("host", "check", "vm", "--json")
    (last,) = ran.records
    assert (ran.status, last["code"]) == (1, code)
    assert words in last["reason"] and last["reason"].endswith(".") and last["way_out"], last
    shown = castoff("host", "check", "vm").err.splitlines()
    assert len(shown) == 2 and words in shown[0], shown


def test_a_changed_host_key(sshd_host: HostForTests, config: Path, castoff: Castoff, tmp_path: Path) -> None:
    (config / "known_hosts").unlink()
    HostKeys().pin("127.0.0.1", sshd_host.host.port or 22, _public(_other_key(tmp_path)))
    _told(castoff, "host-key-changed", "The key of vm is not the one it had")


def test_a_revoked_host_key(sshd_host: HostForTests, config: Path, castoff: Castoff) -> None:
    key = _public(sshd_host.directory / "host_key")
    with (config / "known_hosts").open("a") as known:
        known.write(f"@revoked [127.0.0.1]:{sshd_host.host.port} {key.algorithm} {key.encoded}\n")
    _told(castoff, "host-key-revoked", "is marked as revoked")


def test_a_key_of_ours_that_is_let_in_no_more(
    sshd_host: HostForTests, config: Path, castoff: Castoff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key, allowed = _other_key(tmp_path), sshd_host.home / ".ssh" / "authorized_keys"
    Settings().add(sshd_host.host.model_copy(update={"identity": str(key)}))
    before = allowed.read_text()
    allowed.write_text(before + key.with_suffix(".pub").read_text())
    try:
        assert "vm answers in" in castoff("doctor", "vm").out
    finally:
        allowed.write_text(before)
    _told(castoff, "authentication-refused", "accepts none of your SSH keys")


def test_a_full_disk(sshd_host: HostForTests, config: Path, castoff: Castoff) -> None:
    place = sshd_host.home / ".local/share/castoff/runtimes"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    sshd_host.own(sshd_host.home / ".local")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", str(place)], check=True)
    try:
        last = castoff("host", "setup", "vm", "--json").records[-1]
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
    assert last["code"] == "host-full" and last["reason"].startswith("vm has no space for castoff's runtime: 1 MB")
    assert last["way_out"]
