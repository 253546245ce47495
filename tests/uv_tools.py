"""Agents that are tools of uv's, with a Python of their own beside them in one prefix: installed once, and copied."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_INSTALL_SECONDS = 600.0


def install_tool(argv: list[str], prefix: Path) -> None:
    """Run the install command ``argv`` so that ``prefix`` is complete and may be moved; `settle_tool` comes after that.

    uv fetches the Python; where the machine has one of that version in a directory of pyenv's, nothing is fetched. The
    test is skipped where there is neither.
    """
    version = argv[argv.index("--python") + 1]
    _place_python(version, prefix)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    env = {**os.environ, "PATH": path, "UV_LINK_MODE": "copy"}
    done = subprocess.run(argv, env=env, cwd=prefix, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    if done.returncode != 0 and f"cpython-{version}" in done.stderr and "Failed to download" in done.stderr:
        pytest.skip(f"{argv[-1]} needs Python {version}: it is not here, and uv cannot reach where it fetches it from.")
    if done.returncode != 0:
        pytest.fail(f"uv could not install {argv[-1]}:\n{done.stderr.strip()}")
    for directory, folders, names in os.walk(prefix):
        for link in (Path(directory, name) for name in (*folders, *names)):
            if link.is_symlink() and link.readlink().is_relative_to(prefix):
                target = link.readlink()
                link.unlink()
                link.symlink_to(os.path.relpath(target, link.parent))


def settle_tool(prefix: Path) -> None:
    """Tell the environments of tools in ``prefix`` where their Python lies now, if there are any."""
    for config in prefix.glob("*/pyvenv.cfg"):
        home = (config.parent / "bin" / "python").resolve().parent
        lines = (f"home = {home}" if line.startswith("home =") else line for line in config.read_text().splitlines())
        text = "\n".join(lines) + "\n"
        config.unlink()  # it may be a link to that of another place
        config.write_text(text)


def _place_python(version: str, prefix: Path) -> None:
    """Put pyenv's Python where uv would put the one that it fetches."""
    # Ours may be another one of pyenv's, whoever's HOME this is.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for found in sorted((*pyenv.glob(f"{version}.*"), *Path(sys.base_prefix).parent.glob(f"{version}.*"))):
        place = prefix / f"cpython-{found.name}-linux-{os.uname().machine}-gnu"
        left_out = shutil.ignore_patterns("site-packages", "test", "share", "*.a", "__pycache__")
        shutil.copytree(found, place, symlinks=True, ignore=left_out)
        _find_library_beside(place / "bin" / f"python{version}", found / "lib")
        return
    prefix.mkdir()


def _find_library_beside(program: Path, library: Path) -> None:
    """Have ``program`` look for its shared library beside itself instead of in ``library``."""
    old, new = bytes(library) + b"\0", b"$ORIGIN/../lib\0"
    program.write_bytes(program.read_bytes().replace(old, new.ljust(len(old), b"\0")))
