"""Connections against both hosts: commands, streams, status, host keys and what goes wrong."""

from tests.hosts import HostForTests


async def test_run_returns_status_and_output(any_host: HostForTests) -> None:
    async with await any_host.connect() as connection:
        output = await connection.run(
            ["sh", "-c", 'printf "%s|" "$@"; echo oops >&2; exit 3', "sh", "a b", "it's\n"], check=False
        )
        assert (output.status, output.stdout, output.stderr) == (3, b"a b|it's\n|", "oops\n")
        echoed = await connection.run(["cat"], input=b"x" * 5_000_000)
        assert echoed.stdout == b"x" * 5_000_000
        assert 0 < connection.rtt < 5
