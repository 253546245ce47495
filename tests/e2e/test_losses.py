"""The loss report on a real handoff: told before, decided, kept, and looked at again on the host."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from agent.blocks import NoteBlock
from agent.demo_model.reply import Call, Reply
from agent.durable import read_model
from agent.lease import read_lease
from agent.sessions import SessionDir
from remote.findings import Stays
from remote.handoff import hand_off
from remote.local import open_local
from remote.pull import pull_back
from remote.receipt import Receipt
from remote.steps import Away, Home, Preflighted, StillHere
from remote.terms import Decision, Terms
from tests.doubles.openai_model import ScriptedModel, model_environment, serving
from tests.e2e.journey import drive, fill_project, follow, wait_for_run
from tests.e2e.scene import Scene


def only_here(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def model(tmp_path: Path) -> Generator[tuple[ScriptedModel, dict[str, str]]]:
    def runs(*commands: str) -> tuple[Reply, ...]:
        calls = (Reply("I run it.", (Call("run", {"command": command}),)) for command in commands)
        return (*calls, Reply("All done."))

    scripts = {
        "used": runs(
            'only-here; echo "$SHOP_TOKEN $SHOP_URL" | wc -c; perl -e 1',
            "./ignored/tool; cat ~/notes.txt ~/.ssh/config; nonsense || true",
        ),
        "secret": runs("wc -l ~/env.sh"),
    }
    with serving(scripts, tmp_path / "model.jsonl") as (model, port):
        yield model, model_environment(port)


async def run_session(scene: Scene, script: str) -> SessionDir:
    """A session whose agent has done what the script says."""
    session = scene.session()
    viewer = await open_local(session)
    await viewer.set_policy("accept-all")
    await viewer.prompt(f"Do it. [[script: {script}]]")
    await follow(viewer, lambda state: state.phase == "finished")
    await viewer.close()
    return session


async def move(scene: Scene, session: SessionDir, terms: Terms, decision: Decision = "go") -> list[object]:
    return list(await drive(hand_off(session, scene.links.host("vm"), terms, scene.links), decision))


def told_in(steps: list[object]) -> dict[str, Stays]:
    (preflight,) = [step for step in steps if isinstance(step, Preflighted)]
    return by_what(preflight.stays)


def by_what(stays: tuple[Stays, ...]) -> dict[str, Stays]:
    return {each.what: each for each in stays}


def run_castoff(*argv: str) -> list[dict[str, Any]]:
    """The records of a command that works."""
    words = [sys.executable, "-I", "-m", "tui.cli", *argv, "--json"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_told_decided_kept_and_looked_at_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    home, project = scene.place.home, scene.place.project
    only_here(scene.place.root / "bin", "only-here", "echo yes")
    only_here(scene.place.root / "bin", "perl", "echo This is perl, v4.0.1")
    only_here(project / "ignored", "tool", "echo tool")
    monkeypatch.setenv("PATH", f"{scene.place.root / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    monkeypatch.setenv("SHOP_URL", "http://x")
    (home / "notes.txt").write_text("remember\n")
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host x\n")
    session = await run_session(scene, "used")
    steps = await move(scene, session, Terms(), "cancel")
    stays = told_in(steps)
    assert stays["only-here"].kind == "command"
    assert stays["perl"].kind == "version" and stays["perl"].why.startswith("4.0.1 here, ")
    assert stays["ignored/tool"].kind == "command"
    assert stays["SHOP_TOKEN"].kind == "variable"
    assert "s3cret" not in json.dumps([each.model_dump() for each in stays.values()])
    assert stays["ignored/"].kind == "ignored" and stays["ignored/"].can_carry and stays["ignored/"].files == 2
    assert (stays["~/notes.txt"].kind, stays["~/notes.txt"].size) == ("outside", 9)
    assert stays["~/notes.txt"].can_carry and not stays["~/.ssh/config"].can_carry
    assert not {"wc", "cat", "nonsense", "echo"} & set(stays)
    assert read_lease(session).epoch == 1

    before = session.journal.read_bytes()
    argv = ("handoff", session.id, "--host", "vm", "--dry-run", "--carry", "ignored/")
    told_dry, result = (await asyncio.to_thread(run_castoff, *argv))[-2:]
    assert (result["ok"], result["dry_run"], result["would_go"]) == (True, True, True)
    assert told_dry["step"] == "still-here" and session.journal.read_bytes() == before
    assert read_lease(session).epoch == 1 and not (session.path / "moves" / "2" / "manifest.json").exists()

    steps = await move(scene, session, Terms(carry=("ignored/", "~/notes.txt", "~/.ssh/config")))
    assert isinstance(steps[-1], StillHere) and steps[-1].code == "carry-unknown"
    assert "'~/.ssh/config' cannot be carried" in steps[-1].reason

    steps = await move(scene, session, Terms(stop_on_loss=True, accept_loss=("ignored", "variable", "version")))
    assert isinstance(steps[-1], StillHere) and steps[-1].code == "loss"
    assert "only-here" in steps[-1].reason and "SHOP_TOKEN" not in steps[-1].reason

    steps = await move(scene, session, Terms(carry=("ignored/", "~/notes.txt"), say="Go on. [[script: task]]"))
    assert isinstance(steps[-1], Away)
    told = told_in(steps)
    assert {what for what, each in told.items() if each.choice == "carry"} == {"ignored/", "~/notes.txt"}
    assert "ignored/tool" not in told
    receipt = read_model(session.move(2) / "receipt.json", Receipt)
    assert by_what(receipt.stays) == told

    (shown,) = [
        record for record in await asyncio.to_thread(run_castoff, "show", session.id) if record["type"] == "session"
    ]
    assert {each["what"] for each in shown["receipt"]["stays"]} == set(told)

    state = await wait_for_run(scene.host, session.id, lambda s: any(b.type == "move" for b in s.blocks))
    (note,) = [b for b in state.blocks if isinstance(b, NoteBlock) and b.text.startswith("Checked on arrival")]
    assert note.text.endswith("Missing: only-here.") and note.level == "warning"
    prompt = next(b for b in reversed(state.blocks) if b.type == "prompt")
    assert "not installed here: only-here." in prompt.text and ".ssh/config" in prompt.text
    run_home = scene.host.home / ".local/state/castoff/homes" / session.id
    assert (run_home / "notes.txt").read_text() == "remember\n" and not (run_home / ".ssh").exists()
    tree = scene.host.home / ".local/state/castoff/trees" / session.id
    assert (tree / "ignored" / "tool").exists() and (tree / "ignored" / "big").exists()

    await wait_for_run(scene.host, session.id, lambda s: s.phase == "finished")
    (tree / "ignored" / "big").write_text("changed there\n")
    ended = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(ended, Home), ended
    assert (project / "ignored" / "big").read_text() == "changed there\n" and (project / "ignored" / "tool").exists()
    assert (home / "notes.txt").read_text() == "remember\n"


async def test_a_carried_file_with_a_secret_does_not_go(scene: Scene) -> None:
    fill_project(scene.place)
    token = "ghp_" + "".join(chr(97 + (i * 7) % 26) + str(i % 10) for i in range(18))
    (scene.place.home / "env.sh").write_text(f"export GITHUB_TOKEN={token}\n")
    session = await run_session(scene, "secret")
    steps = await move(scene, session, Terms(carry=("~/env.sh",)))
    last = steps[-1]
    assert isinstance(last, StillHere) and last.code == "secret" and "~/env.sh" in last.reason
    assert token not in last.reason
