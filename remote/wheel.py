"""Castoff's own code for hosts, as a wheel: the packages `agent`, `snapshot` and `remote`, without the screen.

Built from the packages as they are installed here, editable or not, always byte-equal for equal files. The
runtime's id names version and content, so that both ends of a move run the same code.
"""

import base64
import functools
import hashlib
import importlib.metadata
import importlib.util
import io
import tomllib
import zipfile
from pathlib import Path

from remote.errors import RuntimeSetupFailed

_PACKAGES = ("agent", "remote", "snapshot")
_DISTRIBUTION = "castoff"
_TIME = (1980, 1, 1, 0, 0, 0)
REQUIREMENTS = "requirements-host.txt"


@functools.cache
def runtime_id() -> str:
    """``VERSION-DIGEST``: the same here and in a runtime that was installed from here."""
    digest = hashlib.sha256()
    for name, content in _contents().items():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"{_version()}-{digest.hexdigest()[:12]}"


def host_requirements() -> bytes:
    """What the runtime needs from a package index: pinned with hashes, without any index address."""
    return _contents()[f"remote/{REQUIREMENTS}"]


def build_wheel() -> tuple[str, bytes]:
    """The wheel's file name and content. https://packaging.python.org/specifications/binary-distribution-format/"""
    version = _version()
    info = f"{_DISTRIBUTION}-{version}.dist-info"
    contents = dict(_contents())
    contents[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {_DISTRIBUTION}\nVersion: {version}\n"
        "Summary: Castoff's runtime on a host.\nRequires-Python: >=3.11\n"
    ).encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: castoff\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={_urlsafe(content)},{len(content)}" for name, content in sorted(contents.items())]
    contents[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    return f"{_DISTRIBUTION}-{version}-py3-none-any.whl", pack(contents)


def pack(contents: dict[str, bytes]) -> bytes:
    """A zip file of these names and contents, byte-equal for equal input (and equal zlib)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o100644 << 16
            stored = name.endswith(".whl")
            archive.writestr(entry, content, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def package_contents(package: str, below: str = "") -> dict[str, bytes]:
    """A package's files by name under ``below``, without compiled ones."""
    return {below + name: path.read_bytes() for name, path in _package_files(package)}


@functools.cache
def _contents() -> dict[str, bytes]:
    """Our packages' files, read once: the id and the wheel must agree even if an upgrade replaces them meanwhile."""
    return {name: path.read_bytes() for package in _PACKAGES for name, path in sorted(_package_files(package))}


def _package_files(package: str) -> list[tuple[str, Path]]:
    root = _package(package)
    paths = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [(f"{package}/{path.relative_to(root).as_posix()}", path) for path in paths if path.suffix != ".pyc"]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeSetupFailed(f"The package {name} is missing from this installation.", "Install castoff again.")
    return Path(next(iter(spec.submodule_search_locations)))


def _version() -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:  # run from a source tree that is not installed
        project = _package("remote").parent / "pyproject.toml"
        return str(tomllib.loads(project.read_text())["project"]["version"])


def _urlsafe(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
