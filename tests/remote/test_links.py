"""The links of one castoff process: what they keep, and when they look again."""

from pathlib import Path, PurePosixPath

import pytest

from remote.bootstrap import Report, Runtime
from remote.config import Settings
from remote.connection import Connection
from remote.links import Links
from tests.hosts import HostForTests


async def test_a_host_that_became_another_machine_is_asked_for_its_own_runtime(
    embedded_host: HostForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path / "config"))
    embedded_host.write_settings(tmp_path / "config")
    looked: list[str] = []

    async def look(connection: Connection, *, report: Report) -> Runtime:
        looked.append(connection.host.destination)
        path = PurePosixPath(f"/{len(looked)}")
        return Runtime(path=path, runtime_id="x", python=path, base_prefix=path, version="3")

    monkeypatch.setattr("remote.links.ensure_runtime", look)
    settings, name = Settings(), embedded_host.host.name
    links = Links(settings)
    try:
        first = await links.client(name)
        assert await links.client(name) is first
        await first.connection.close()
        again = await links.client(name)
        assert again.runtime == first.runtime and looked == ["127.0.0.1"]
        settings.add(embedded_host.host.model_copy(update={"destination": f"{embedded_host.user}@127.0.0.1"}))
        assert (await links.client(name)).runtime != first.runtime
        assert looked == ["127.0.0.1", f"{embedded_host.user}@127.0.0.1"]
    finally:
        await links.close()
