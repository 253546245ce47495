"""Pinned host keys; `ssh-keygen` is the second opinion."""

import subprocess
from pathlib import Path

import pytest

from remote.errors import SettingsDamaged
from remote.hostkeys import HostKey, HostKeys


def _key(directory: Path, name: str) -> tuple[HostKey, Path]:
    path = directory / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    algorithm, encoded = path.with_suffix(".pub").read_text().split()[:2]
    return HostKey(algorithm=algorithm, encoded=encoded), path


def test_new_same_changed_revoked(tmp_path: Path) -> None:
    keys = HostKeys(tmp_path / "known_hosts")
    (one, path), (two, _) = _key(tmp_path, "one"), _key(tmp_path, "two")
    assert keys.look_up("box", 22, one) == "new"
    keys.pin("box", 22, one)
    assert keys.look_up("box", 22, one) == "same"
    assert keys.look_up("box", 22, two) == "changed"
    assert keys.look_up("box", 2222, two) == "new"
    keys.pin("box", 2222, two)
    assert keys.pinned("box", 22) == (one,)
    assert keys.path.stat().st_mode & 0o777 == 0o600
    said = subprocess.check_output(["ssh-keygen", "-l", "-f", str(path)], text=True)
    assert said.split()[1] == one.fingerprint
    found = subprocess.check_output(["ssh-keygen", "-F", "[box]:2222", "-f", str(keys.path)], text=True)
    assert two.encoded in found
    with keys.path.open("a") as file:
        file.write(f"# a comment\n\n@revoked box,other {two.algorithm} {two.encoded}\n")
    assert keys.look_up("box", 22, two) == "revoked"
    assert keys.look_up("other", 22, two) == "revoked"
    assert keys.forget("box", 22) == 1
    assert keys.look_up("box", 22, one) == "new"
    assert keys.look_up("box", 22, two) == "revoked"
    assert keys.look_up("box", 2222, two) == "same"


@pytest.mark.parametrize(
    "line",
    ["box", "box ssh-ed25519", "box ssh-ed25519 !!!", "box k é", "|1|a|b ssh-ed25519 AAAA", "@cert-authority x y AAAA"],
)
def test_a_line_that_is_not_understood_is_no_missing_key(tmp_path: Path, line: str) -> None:
    keys = HostKeys(tmp_path / "known_hosts")
    keys.path.write_text(line + "\n")
    with pytest.raises(SettingsDamaged, match="line 1"):
        keys.look_up("box", 22, HostKey(algorithm="ssh-ed25519", encoded="AAAA"))
