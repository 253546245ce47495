"""User data for a machine that is yet to be made."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # pyright: ignore[reportMissingModuleSource]  # Apprise brings it, without types

from remote import host_survey
from remote.cloud_init import PACKAGES, find_public_keys, read_public_key, write_user_data
from remote.errors import CloudInitInvalid
from remote.survey_records import Survey


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public key whose comment would be YAML of its own."""
    path = tmp_path_factory.mktemp("keys") / "id_ed25519"
    comment = 'ada: "x" #y'
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path.with_suffix(".pub")


def _read(text: str) -> dict[str, Any]:
    assert text.startswith("#cloud-config\n")
    return dict(yaml.safe_load(text))


def test_says_all_that_a_host_needs(key: Path) -> None:
    line = read_public_key(key)
    data = _read(write_user_data("runs", [line], ["nodejs"], port=2222))
    assert {*PACKAGES, "nodejs", "ufw", "unattended-upgrades"} == set(data["packages"])
    default, account = data["users"]
    assert default == "default"
    assert account == {
        "name": "runs",
        "shell": "/bin/bash",
        "lock_passwd": True,
        "ssh_authorized_keys": [line],
    }, "no root, no password"
    assert ["loginctl", "enable-linger", "runs"] in data["runcmd"]
    firewall = [words for words in data["runcmd"] if words[0] == "ufw"]
    assert firewall.index(["ufw", "allow", "2222/tcp"]) < firewall.index(["ufw", "--force", "enable"])
    assert not data["ssh_pwauth"] and data["disable_root"] and data["swap"]["maxsize"]
    upgrades, profile = data["write_files"]
    assert 'Unattended-Upgrade "1";' in upgrades["content"]
    assert "  userns,\n" in profile["content"]


def test_cloud_init_finds_no_fault(key: Path, tmp_path: Path) -> None:
    if shutil.which("cloud-init") is None:
        pytest.skip("cloud-init is not installed")
    (tmp_path / "user-data").write_text(write_user_data("runs", [read_public_key(key)]))
    argv = ["cloud-init", "schema", "--config-file", str(tmp_path / "user-data")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_its_packages_are_all_that_a_host_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    monkeypatch.setattr(host_survey, "lingers", lambda: True)
    (tmp_path / "apt-get").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    (command,) = (await host_survey.survey(Survey())).root  # of a machine on which there is nothing
    asked = command.removeprefix("apt-get install -y ").split()
    assert len(asked) == 4 and set(asked) <= set(PACKAGES)
    assert {"python3", "python3-venv"} <= set(PACKAGES), "what castoff's runtime is made with"


@pytest.mark.parametrize("user", ["root", "", "Ada", "a b", "x\n- y", "-x", "{port}"])
def test_accounts_that_cannot_be(user: str, key: Path) -> None:
    with pytest.raises(CloudInitInvalid, match="cannot be the account"):
        write_user_data(user, [read_public_key(key)])


@pytest.mark.parametrize("name", ["", "a b", "x\ny", "--force", 'a"'])
def test_names_that_are_no_packages(name: str, key: Path) -> None:
    with pytest.raises(CloudInitInvalid, match="no name of a package"):
        write_user_data("runs", [read_public_key(key)], [name])


@pytest.mark.parametrize("text", ["", "hello", "ssh-ed25519 AAAA", "ssh-ed25519 !", "ssh-rsa {}", "x {}\nx: y"])
def test_what_is_no_key(text: str, key: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text.format(key.read_text().split()[1]))
    with pytest.raises(CloudInitInvalid, match="no public SSH key"):
        read_public_key(tmp_path / "key")
    with pytest.raises(CloudInitInvalid, match="nobody gets in"):
        write_user_data("runs", [])


def test_a_private_key_is_never_taken(key: Path) -> None:
    with pytest.raises(CloudInitInvalid, match="is a private key"):
        read_public_key(key.with_suffix(""))
    home = key.parent / "home"
    shutil.copytree(key.parent, home / ".ssh")
    assert find_public_keys(home) == (read_public_key(key),)
