"""Other versions of castoff as they would be installed: a wheel of an earlier commit, and one of a future."""

import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDER = "6f2dcbf"
"""The first commit that passes over events of kinds which it does not know."""
BEFORE = "c2c523f"
"""The last commit whose records do not say their format."""
_BUILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); from remote.wheel import build_wheel; from pathlib import Path;"
    "name, wheel = build_wheel(); (Path(sys.argv[2]) / name).write_bytes(wheel)"
)


def unpack_older(target: Path, commit: str = OLDER) -> Path:
    """The source of an earlier commit; the test is skipped where the repository's history is not there."""
    done = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the commit {commit} is not here: a shallow clone, or no clone at all")
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-x", "-C", str(target)], input=done.stdout, check=True)
    return target


def unpack_newer(target: Path, changes: Mapping[str, tuple[str, str]]) -> Path:
    """A copy of this version in which, by file, one text is replaced by another."""
    for package in ("agent", "remote", "snapshot"):
        for file in (ROOT / package).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                copy = target / file.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
    (target / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for name, (before, after) in changes.items():
        text = (target / name).read_text()
        assert text.count(before) == 1, (name, before)
        (target / name).write_text(text.replace(before, after))
    return target


def install(source: Path, environment: Path) -> Path:
    """Build castoff's wheel from ``source`` and install it alone; returns the interpreter that runs it.

    What it depends on is what these tests have.
    """
    wheels = environment.with_suffix(".wheels")
    wheels.mkdir()
    subprocess.run([sys.executable, "-I", "-c", _BUILD, str(source), str(wheels)], check=True, cwd=wheels)
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", str(environment)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # A path in a .pth file is searched; what .pth files lie there (this very source, editable) is not looked at.
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    python = environment / "bin" / "python"
    where = subprocess.run(
        [python, "-I", "-c", "import agent; print(agent.__file__)"], check=True, capture_output=True, text=True
    ).stdout
    assert where.startswith(str(packages)), f"another castoff is imported: {where}"
    return python
