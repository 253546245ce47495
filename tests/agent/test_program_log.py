"""What programs complain of, on its way into a file."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent import program_log
from agent.agent_process import start_agent
from agent.errors import AgentDied
from agent.launch import Launch, Listener
from agent.program_log import ProgramLog


def cut(words: str) -> str:
    return words.replace("hush", "[secret]")


def test_each_line_is_redacted_wherever_the_pieces_are_cut(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("of before\n")
    log = ProgramLog(tmp_path / "log", cut)
    for piece in (b"one hu", b"sh\ntwo hush and h", b"ush\nno end: hush"):
        os.write(log.pipe, piece)
    log.close_pipe()
    log.settle(60)
    said = (tmp_path / "log").read_bytes()[log.start :]
    assert said == b"one [secret]\ntwo [secret] and [secret]\nno end: [secret]"
    assert (tmp_path / "log").read_text().startswith("of before\n")


def test_a_key_is_redacted_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_log, "_AT_ONCE", 7)
    seen: list[str] = []
    log = ProgramLog(tmp_path / "log", lambda words: seen.append(words) or words)
    first, key, last = "hello\n", "-----BEGIN X PRIVATE KEY-----\nabc\n-----END X PRIVATE KEY-----\n", "bye\n"
    for line in (first + key).splitlines(keepends=True):
        os.write(log.pipe, line.encode())
    os.write(log.pipe, last.encode())
    log.close_pipe()
    log.settle(60)
    assert sum(key in words for words in seen) == 1 and "".join(seen) == first + key + last


def test_who_writes_without_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_log, "_LONGEST", 5000)
    log = ProgramLog(tmp_path / "log", cut)
    child = [sys.executable, "-c", "import sys; sys.stderr.write('-----BEGIN A-----\\n' + 'x' * 3_000_000)"]
    with subprocess.Popen(child, stderr=log.pipe) as process:
        log.close_pipe()
        assert process.wait(timeout=60) == 0
    log.settle(60)
    assert (tmp_path / "log").stat().st_size == 3_000_018


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    def refuse(_: str) -> str:
        raise OSError("full")

    log = ProgramLog(tmp_path / "log", refuse)
    os.write(log.pipe, b"one\n")
    log.close_pipe()
    log.settle(60)
    assert all(thread.name != "program log" for thread in threading.enumerate())


async def test_the_last_words_of_an_agent_are_redacted(tmp_path: Path) -> None:
    async def refuse(*_: object) -> None:
        return None

    argv = [sys.executable, "-c", "import sys; sys.exit('no access with hush')"]
    launch = Launch(argv, dict(os.environ), tmp_path, str(tmp_path), tmp_path, redact=cut)
    listener = Listener(happened=lambda _: None, asked=refuse)
    with pytest.raises(AgentDied, match=r"ended with status 1: no access with \[secret\]"):
        await start_agent(launch, listener, frames=tmp_path / "frames", log=tmp_path / "log")
    assert "hush" not in (tmp_path / "log").read_text()
