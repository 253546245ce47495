"""Castoff's own wheel for hosts."""

import base64
import hashlib
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from remote.wheel import build_wheel, host_requirements, package_contents, runtime_id

_ONLY_HERE = ("asyncssh", "textual", "rich", "click", "watchfiles", "bcrypt", "pip", "tui", "themes")
_SSH_SIDE = ("dial", "embedded", "embedded_process")
"""Modules that need asyncssh when they are imported; hosts never import them."""


def test_wheel_is_the_same_each_time_and_its_record_is_true() -> None:
    name, content = build_wheel()
    assert (name, content) == build_wheel()
    assert re.fullmatch(r"castoff-[\w.]+-py3-none-any\.whl", name)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        (record,) = (entry for entry in names if entry.endswith(".dist-info/RECORD"))
        lines = archive.read(record).decode().splitlines()
        assert {line.split(",")[0] for line in lines} == set(names)
        for line in lines:
            path, digest, size = line.rsplit(",", 2)
            if path != record:
                data = archive.read(path)
                expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
                assert (digest, int(size)) == (f"sha256={expected}", len(data))
    assert {entry.split("/")[0] for entry in names if ".dist-info" not in entry} == {"agent", "remote", "snapshot"}
    assert "remote/requirements-host.txt" in names
    assert not [entry for entry in names if "__pycache__" in entry]


def test_runtime_id_names_version_and_content() -> None:
    version, _, digest = runtime_id().rpartition("-")
    assert build_wheel()[0].startswith(f"castoff-{version}-")
    assert re.fullmatch("[0-9a-f]{12}", digest)


def test_requirements_are_pinned_with_hashes_and_name_no_index() -> None:
    text = host_requirements().decode()
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries if entry[0] != "#")
    pinned = {entry.split("==")[0] for entry in entries}
    assert not pinned & set(_ONLY_HERE) - {"click"}


def test_hosts_need_no_ssh_and_no_screen() -> None:
    """Every module of the wheel but the SSH ones imports where those packages do not exist."""
    modules = [
        name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for package in ("agent", "remote", "snapshot")
        for name in package_contents(package)
        if name.endswith(".py") and Path(name).stem not in (*_SSH_SIDE, "__main__")
    ]
    script = (
        "import importlib, sys\n"
        f"for name in {_ONLY_HERE!r}: sys.modules[name] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr


def test_light_modules_do_not_load_ssh() -> None:
    script = "import sys, remote.connection, remote.rsync, remote.bootstrap; print('asyncssh' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, cwd="/", check=True)
    assert done.stdout == "False\n"
