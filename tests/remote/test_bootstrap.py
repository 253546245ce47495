"""The runtime on a host: installed once, found again, complete or absent."""

from remote.bootstrap import ensure_runtime, find_runtime
from remote.wheel import runtime_id
from tests.hosts import HostForTests


async def test_runtime_is_installed_once(any_host: HostForTests) -> None:
    lines: list[str] = []
    async with await any_host.connect() as connection:
        runtime = await ensure_runtime(connection, report=lines.append)
        version = await connection.run([str(runtime.path / "bin" / "castoff-runner"), "version"])
        assert version.text == runtime.runtime_id == runtime_id()
        lines.clear()
        assert await ensure_runtime(connection, report=lines.append) == runtime == await find_runtime(connection)
        assert lines == []
