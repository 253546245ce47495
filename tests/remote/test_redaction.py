"""Logs hold no secret of a form that our rules know."""

import io
import os
import subprocess
import sys
from pathlib import Path

from agent.profiles import load_profile
from agent.program_log import ProgramLog
from agent.sessions import create_session
from remote.launch import launch_here, launch_on_host
from remote.place import Place
from remote.redaction import RedactedText, redact
from snapshot.secrets import REDACTED
from tests.snapshot.plants import TOKENS, Plant, plants

LINES = 10_000


def corpus() -> list[Plant]:
    rounds = LINES // len(TOKENS) + 1
    return [plant for plant in plants(seed=71, rounds=rounds) if plant.kind in TOKENS]


def test_what_a_process_says_is_written_redacted() -> None:
    made = corpus()
    assert len(made) >= LINES
    out = io.StringIO()
    stream = RedactedText(out)
    for plant in made:
        print(f"The agent ended: {plant.data.decode()}", file=stream)
    said = out.getvalue()
    assert [plant.kind for plant in made if plant.secret in said] == []
    assert said.count("The agent ended: ") == len(made) and said.count("# end") == len(made)


def test_what_an_agent_complains_of_is_written_redacted(tmp_path: Path) -> None:
    made = corpus()
    log = ProgramLog(tmp_path / "agent.log", redact)
    with os.fdopen(os.dup(log.pipe), "wb") as pipe:
        for plant in made:
            pipe.write(b"error: " + plant.data + b"\n")
    log.close_pipe()
    log.settle(300)
    said = (tmp_path / "agent.log").read_text()
    assert [plant.kind for plant in made if plant.secret in said] == []
    assert said.count("error: ") == len(made)


def test_a_line_is_whole_before_it_is_looked_at() -> None:
    token = next(plant.secret for plant in corpus() if plant.kind == "github-classic")
    out = io.StringIO()
    stream = RedactedText(out)
    stream.write(f"use {token[:12]}")
    assert out.getvalue() == ""
    stream.write(f"{token[12:]} now\nand")
    assert out.getvalue() == f"use {REDACTED} now\n"
    stream.flush()
    assert out.getvalue() == f"use {REDACTED} now\nand"


def test_a_runner_that_crashes_says_no_secret(tmp_path: Path) -> None:
    token = next(plant.secret for plant in corpus() if plant.kind == "github-classic")
    program = (
        "import logging, sys\n"
        "from remote.redaction import redact_output\n"
        "assert not [name for name in sys.modules if 'secret' in name and 'snapshot' in name]\n"
        "redact_output()\n"
        f"logging.getLogger('x').warning('the key is %s', {token!r})\n"
        f"raise RuntimeError({token!r})\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and token not in done.stderr
    assert done.stderr.count(REDACTED) >= 2 and "RuntimeError" in done.stderr


def test_what_a_runner_cannot_do_is_told_without_secrets(tmp_path: Path) -> None:
    token = next(plant.secret for plant in corpus() if plant.kind == "github-classic")
    serve = [sys.executable, "-I", "-m", "remote.runner_cli", "serve", str(tmp_path / token)]
    done = subprocess.run(serve, capture_output=True, text=True, cwd="/")
    assert done.returncode == 1 and REDACTED in done.stderr and token not in done.stdout + done.stderr


def test_agents_are_started_so_that_their_complaints_are_redacted(tmp_path: Path) -> None:
    session = create_session(tmp_path / "state", tmp_path, "builtin")
    profile = load_profile("builtin")
    place = Place(
        host="vm",
        origin="here",
        sandbox="none",
        tree=str(tmp_path),
        tree_at=str(tmp_path),
        home=str(tmp_path),
        home_at=str(tmp_path),
    )
    for launch in (launch_here(session, profile), launch_on_host(session, profile, place, {})):
        assert launch.redact is redact
