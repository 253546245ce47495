"""The runtime on a host: installed once, found again, complete or absent."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from remote import host_install
from remote.bootstrap import ensure_runtime, find_runtime
from remote.errors import HostFull, HostLacks, HostTimeout, RemoteError, RuntimeSetupFailed
from remote.facts import Facts
from remote.wheel import pack, package_contents, runtime_id
from tests.hosts import HostForTests
from tests.waiting import until

pytestmark = pytest.mark.timeout(400)


def _runtimes(host: HostForTests) -> Path:
    return host.home / ".local" / "share" / "castoff" / "runtimes"


@pytest.fixture
def bare(any_host: HostForTests) -> HostForTests:
    """A host without any runtime."""
    shutil.rmtree(_runtimes(any_host), ignore_errors=True)
    return any_host


@contextlib.contextmanager
def _no_index(host: HostForTests) -> Generator[None]:
    """While the host's pip reaches no package index."""
    pip = host.home / ".config" / "pip"
    pip.mkdir(parents=True)
    (pip / "pip.conf").write_text("[install]\nno-index = true\nfind-links =\n")
    host.own(host.home / ".config")
    try:
        yield
    finally:
        shutil.rmtree(pip)


async def test_runtime_is_installed_once_and_complete(sshd_host: HostForTests) -> None:
    shutil.rmtree(_runtimes(sshd_host), ignore_errors=True)
    lines: list[str] = []
    async with await sshd_host.connect() as connection:
        runtime = await ensure_runtime(connection, report=lines.append)
        assert lines[0] == f"installing castoff's runtime {runtime_id()} on vm"
        assert lines[-1] == "castoff's runtime is ready on vm"
        lines.clear()
        assert await ensure_runtime(connection, report=lines.append) == runtime
        assert lines == []
        for argv in ([str(runtime.path / "bin" / "castoff-runner")], [str(runtime.python), "-Im", "remote.runner_cli"]):
            assert (await connection.run([*argv, "version"])).text == runtime.runtime_id == runtime_id()
        absent = await connection.run([str(runtime.python), "-I", "-c", "import asyncssh"], check=False)
        assert "No module named 'asyncssh'" in absent.stderr
        code = "from remote.facts import collect_facts; print(collect_facts().model_dump_json())"
        facts = await connection.run([str(runtime.python), "-I", "-c", code])
        assert Facts.model_validate_json(facts.stdout).user == sshd_host.user
    assert [path.name for path in _runtimes(sshd_host).iterdir()] == [runtime_id()]
    assert sorted(path.name for path in (_runtimes(sshd_host) / runtime_id()).iterdir()) == [
        "bin",
        "complete.json",
        "env",
    ]


async def test_host_without_index_gets_the_packages_from_here(embedded_host: HostForTests) -> None:
    shutil.rmtree(_runtimes(embedded_host), ignore_errors=True)
    lines: list[str] = []
    with _no_index(embedded_host):
        async with await embedded_host.connect() as connection:
            runtime = await ensure_runtime(connection, report=lines.append)
            version = await connection.run([str(runtime.path / "bin" / "castoff-runner"), "version"])
    assert version.text == runtime_id()
    assert "embedded cannot get the packages by itself; sending them along" in lines


async def test_a_new_version_is_laid_on_the_packages_that_are_there(
    embedded_host: HostForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only castoff itself differs: nothing is fetched, nothing of the older runtime changes, and it can go."""
    async with await embedded_host.connect() as connection:
        older = await ensure_runtime(connection, report=lambda line: None)
        before = _state(Path(older.path))
        packages = ("agent", "remote", "snapshot")
        contents = {name: data for each in packages for name, data in sorted(package_contents(each).items())}
        contents["remote/__init__.py"] += b"\nNEW = 1\n"
        monkeypatch.setattr("remote.wheel._contents", lambda: contents)
        runtime_id.cache_clear()
        lines: list[str] = []
        try:
            with _no_index(embedded_host):
                newer = await ensure_runtime(connection, report=lines.append)
            assert newer.path != older.path
            assert [line for line in lines if "packages" in line or "Collecting" in line] == []
            assert _state(Path(older.path)) == before
            module = f"env/lib/python{_minor(newer.version)}/site-packages/pydantic/main.py"
            assert (Path(older.path) / module).samefile(Path(newer.path) / module)
            shutil.rmtree(older.path)
            code = "import remote, pydantic, agent.runner; print(remote.NEW)"
            assert (await connection.run([str(newer.python), "-I", "-c", code])).text == "1"
        finally:
            runtime_id.cache_clear()


async def test_a_runtime_whose_python_is_gone_is_made_anew(embedded_host: HostForTests) -> None:
    async with await embedded_host.connect() as connection:
        runtime = await ensure_runtime(connection, report=lambda line: None)
        _lose_python(Path(runtime.path))
        assert await find_runtime(connection) is None
        assert await ensure_runtime(connection, report=lambda line: None) == runtime
        assert (await connection.run([str(runtime.path / "bin" / "castoff-runner"), "version"])).text == runtime_id()


async def test_a_runtime_below_another_python_is_not_found(embedded_host: HostForTests) -> None:
    async with await embedded_host.connect() as connection:
        runtime = await ensure_runtime(connection, report=lambda line: None)
        marker = Path(runtime.path) / "complete.json"
        told = marker.read_text()
        _tell_version(marker, "3.4.10")
        assert await find_runtime(connection) is None
        marker.write_text(told)
        assert await find_runtime(connection) == runtime


def _lose_python(runtime: Path) -> None:
    """As the upgrade of a distribution does."""
    python = runtime / "env" / "bin" / "python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.of-the-old-system")


def _tell_version(marker: Path, version: str) -> None:
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"version": version}))


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _state(root: Path) -> dict[str, tuple[int, int, int]]:
    """What would tell that a file was written: its number, size and time."""
    found = {path: path.lstat() for path in root.rglob("*") if not path.is_dir()}
    return {str(path): (facts.st_ino, facts.st_size, facts.st_mtime_ns) for path, facts in found.items()}


_QUICK = """
import pathlib, sys
import host_install
host_install.install = lambda new, python: None
host_install.install_own = lambda new: None
host_install.CHECK = "print('x-1')"
host_install.main(pathlib.Path(sys.argv[1]), "x-1")
"""


def _leave_unmarked(runtime: Path) -> None:
    (runtime / "complete.json").unlink()


def _tell_another_version(runtime: Path) -> None:
    _tell_version(runtime / "complete.json", "3.4.10")


@pytest.mark.parametrize("damage", [_leave_unmarked, _lose_python, _tell_another_version])
def test_installations_at_once_make_one_runtime(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """The host's side alone, without packages: four at once, over a damaged runtime and beside another one."""
    shutil.copy(host_install.__file__, tmp_path / "host_install.py")
    root = tmp_path / "runtimes"
    (root / "w-1").mkdir(parents=True)
    facts = {"version": sys.version.split()[0], "base_prefix": sys.base_prefix}
    (root / "x-1" / "env" / "bin").mkdir(parents=True)
    (root / "x-1" / "env" / "bin" / "python").symlink_to(sys.executable)
    (root / "x-1" / "damaged").touch()
    (root / "x-1" / "complete.json").write_text(json.dumps(facts))
    damage(root / "x-1")
    facts["requirements"] = hashlib.sha256(b"").hexdigest()
    (root / "w-1" / "complete.json").write_text(json.dumps(facts))  # it has the same packages, and no environment
    stale = root / ".new-left"
    stale.mkdir()
    os.utime(stale, (0, 0))
    argv = [sys.executable, "-c", _QUICK, str(root)]
    several = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=tmp_path) for _ in range(4)]
    for process in several:
        process.communicate(pack({"pip/x": b"", "requirements-host.txt": b""}))
    assert [process.returncode for process in several] == [0] * 4
    assert sorted(path.name for path in root.iterdir()) == ["w-1", "x-1"]
    assert sorted(path.name for path in (root / "x-1").iterdir()) == ["bin", "complete.json", "env"]


async def _fails(host: HostForTests, error: type[RemoteError], said: str) -> None:
    async with await host.connect() as connection:
        with pytest.raises(error, match=said) as caught:
            await ensure_runtime(connection, report=lambda line: None)
        assert "\n" not in str(caught.value)
        assert caught.value.way_out
        assert await find_runtime(connection) is None
    assert not _runtimes(host).exists() or list(_runtimes(host).iterdir()) == []


async def test_no_index_there_and_none_here(
    bare: HostForTests, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nno-index = true\nfind-links =\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with _no_index(bare):
        await _fails(bare, RuntimeSetupFailed, "cannot get castoff's packages from an index, and they cannot be had")


@pytest.fixture
def full(bare: HostForTests) -> Generator[HostForTests]:
    """A host with one megabyte left for runtimes."""
    _runtimes(bare).mkdir(parents=True, exist_ok=True)
    bare.own(bare.home / ".local")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", str(_runtimes(bare))], check=True)
    yield bare
    subprocess.run(["umount", "--lazy", str(_runtimes(bare))], check=True)


async def test_no_space(full: HostForTests) -> None:
    await _fails(full, HostFull, "has no space for castoff's runtime: 1 MB are free")


async def test_no_python(embedded_host: HostForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.interpreter._FIND_PYTHON", "exit 9")
    monkeypatch.setattr("remote.interpreter._FETCH_PYTHON", "echo error: no network. >&2; exit 2")
    shutil.rmtree(_runtimes(embedded_host), ignore_errors=True)
    await _fails(embedded_host, HostLacks, r"has no Python 3.11 or newer, and uv .* \(error: no network\)")


async def test_an_installation_that_takes_too_long_is_told(
    embedded_host: HostForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(_runtimes(embedded_host), ignore_errors=True)
    monkeypatch.setattr("remote.bootstrap._INSTALL_SECONDS", 0.5)
    async with await embedded_host.connect() as connection:
        with pytest.raises(HostTimeout, match="was not installed on embedded within"):
            await ensure_runtime(connection, report=lambda line: None)
    await _until_tidy(embedded_host)


async def test_broken_package_leaves_nothing(bare: HostForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.bootstrap.build_wheel", lambda: ("castoff-1-py3-none-any.whl", b"no zip"))
    monkeypatch.setattr("remote.bootstrap.host_requirements", lambda: b"")
    await _fails(bare, RuntimeSetupFailed, "cannot be installed on .*: castoff's own package arrived damaged")


async def test_cancelled_installation_leaves_nothing(bare: HostForTests) -> None:
    begun = asyncio.Event()
    async with await bare.connect() as connection:
        installing = asyncio.create_task(
            ensure_runtime(connection, report=lambda line: begun.set() if line.startswith("Collecting") else None)
        )
        await begun.wait()
        installing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await installing
    await _until_tidy(bare)
    # Runs of other tests may live on the same host; what installs works below a name of its own.
    assert bare.processes(f"{_runtimes(bare)}/.new-") == []


async def _until_tidy(host: HostForTests) -> None:
    """The host tidies up by itself."""
    runtimes = _runtimes(host)
    await until(lambda: not runtimes.exists() or not list(runtimes.iterdir()))
