"""A request that the gate of a sandbox refused, as the transcript shows it: the gate's real words."""

import asyncio
from pathlib import Path

import pytest

from agent.events import AnyEvent, Noted
from remote.gate import Gate, Rules
from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage
from tests.tui.doubles import DoubleBackend
from tui.transcript import Transcript


async def _refusal(directory: Path, target: str) -> list[str]:
    """What the gate tells of a request for ``target`` where nothing is allowed."""
    told: list[str] = []
    rules = asyncio.ensure_future(_nothing())
    async with Gate(rules, told.append).listen(directory / "gate"):
        reader, writer = await asyncio.open_unix_connection(str(directory / "gate"))
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert b" 403 " in await reader.readline()
        writer.close()
    return told


async def _nothing() -> Rules:
    return Rules([])


@pytest.mark.parametrize("size", SIZES)
async def test_a_refused_request_is_a_warning_in_the_transcript(
    stage: Stage, size: tuple[int, int], tmp_path: Path
) -> None:
    (sentence,) = await _refusal(tmp_path, "evil.example.org:443")
    events: list[AnyEvent] = list(recorded.working())
    noted = Noted(level="warning", text=sentence, seq=events[-1].seq + 1, at=events[-1].at + 1)
    async with stage(DoubleBackend([*events, noted]), size) as stand:
        transcript = stand.workspace.query_one(Transcript)
        await stand.wait(lambda: any("evil.example.org:443" in row.plain for row in transcript.lines))
        rows = [row for row in transcript.lines if "evil.example.org:443" in row.plain]
        assert "The sandbox refused" in rows[0].plain
        assert any(each.role == "warn" for each in rows[0].spans), rows[0]
