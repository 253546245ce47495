"""The runtime on a host: installed once, found again, complete or absent."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from remote import host_install
from remote.bootstrap import ensure_runtime, find_runtime
from remote.errors import HostFull, HostLacks, RemoteError, RuntimeSetupFailed
from remote.facts import Facts
from remote.wheel import pack, runtime_id
from tests.hosts import HostForTests

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


_QUICK = """
import pathlib, sys
import host_install
host_install.install = lambda new, python: None
host_install.CHECK = "print('x-1')"
host_install.main(pathlib.Path(sys.argv[1]), "x-1")
"""


def test_installations_at_once_make_one_runtime(tmp_path: Path) -> None:
    """The host's side alone, without packages: four at once, and one over a damaged runtime."""
    shutil.copy(host_install.__file__, tmp_path / "host_install.py")
    root = tmp_path / "runtimes"
    (root / "x-1" / "env").mkdir(parents=True)
    stale = root / ".new-left"
    stale.mkdir()
    os.utime(stale, (0, 0))
    argv = [sys.executable, "-c", _QUICK, str(root)]
    several = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=tmp_path) for _ in range(4)]
    for process in several:
        process.communicate(pack({"pip/x": b""}))
    assert [process.returncode for process in several] == [0] * 4
    assert [path.name for path in root.iterdir()] == ["x-1"]
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
    monkeypatch.setattr("remote.bootstrap._FIND_PYTHON", "exit 9")
    shutil.rmtree(_runtimes(embedded_host), ignore_errors=True)
    await _fails(embedded_host, HostLacks, "has no Python 3.11 or newer")


async def test_broken_package_leaves_nothing(bare: HostForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.bootstrap.build_wheel", lambda: ("castoff-1-py3-none-any.whl", b"no zip"))
    monkeypatch.setattr("remote.bootstrap.host_requirements", lambda: b"")
    await _fails(bare, RuntimeSetupFailed, "cannot be installed on .*: pip could not install castoff itself")


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
    async with asyncio.timeout(60):
        await asyncio.to_thread(_wait_until_empty, _runtimes(bare))
    # Runs of other tests may live on the same host; what installs works below a name of its own.
    assert bare.processes(f"{_runtimes(bare)}/.new-") == []


def _wait_until_empty(path: Path) -> None:
    while list(path.iterdir()):  # the host tidies up by itself
        time.sleep(0.05)
