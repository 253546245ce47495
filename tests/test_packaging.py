"""The wheel holds what it should and nothing else; requirement files name no place that packages come from."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REQUIREMENTS = sorted([*(ROOT / "requirements").glob("*.txt"), *(ROOT / "remote").glob("requirements*.txt")])
ADDRESS = re.compile(r"://|^\s*-|^\s*#.*(?:index|find-links|https?)|\bfile:|@ ", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as built from this tree, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-I", "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_top_level_names(wheel: zipfile.ZipFile) -> None:
    names = {name.partition("/")[0] for name in wheel.namelist()}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert names == {
        "agent",
        "snapshot",
        "remote",
        "tui",
        "themes",
        "castoff_launch.py",
        f"castoff-{version}.dist-info",
    }


def test_every_tracked_file_of_the_product_is_in_it(wheel: zipfile.ZipFile) -> None:
    folders = ("agent", "snapshot", "remote", "tui", "themes")
    listed = subprocess.run(["git", "ls-files", "--", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    assert tracked
    assert tracked - set(wheel.namelist()) == set()


def test_no_compiled_or_hidden_file_is_in_it(wheel: zipfile.ZipFile) -> None:
    assert [n for n in wheel.namelist() if n.endswith(".pyc") or "/." in n] == []


def test_entry_points(wheel: zipfile.ZipFile) -> None:
    (name,) = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]
    lines = wheel.read(name).decode().split()
    assert lines == [
        "[console_scripts]", "castoff", "=", "castoff_launch:castoff", "castoff-runner", "=", "castoff_launch:runner",
    ]  # fmt: skip


def test_licence_travels(wheel: zipfile.ZipFile) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_requirements_are_pinned_by_hash_and_hold_no_address(path: Path) -> None:
    text = path.read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    assert [line for line in pins if not re.match(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[^ ]+ ", line)] == []
    assert text.count("--hash=sha256:") >= len(pins)
    assert ADDRESS.search(text.replace("    --hash", "    hash")) is None


@pytest.mark.parametrize(
    "line",
    ["--index-url https://example.invalid/simple", "    # via -i http://example.invalid", "a @ file:///srv/a.whl"],
)
def test_the_guard_sees_an_address(line: str) -> None:
    assert ADDRESS.search(f"a==1 \\\n{line}\n")


def test_pins_satisfy_what_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = {line.partition("==")[0] for line in (ROOT / "requirements" / "runtime.txt").read_text().splitlines()}
    wanted = {re.split(r"[\[<>=]", requirement)[0] for requirement in declared}
    assert wanted <= pinned
