"""A whole journey to a host where bubblewrap may not make a sandbox: level reduced, by Landlock, and home again."""

from collections.abc import Generator
from pathlib import Path

import pytest

from agent.demo_model.reply import Call, Reply
from agent.paths import state_dir
from agent.sessions import create_session
from remote.handoff import hand_off
from remote.landlock import LEAST, find_abi
from remote.links import Links
from remote.pull import pull_back
from remote.steps import Away, Home, Preflighted, StillHere
from remote.terms import Terms
from tests.doubles.openai_model import model_environment, serving
from tests.e2e.journey import assert_unbroken, drive, fill_project, lay_out, wait_for_run
from tests.e2e.scene import give_variables
from tests.hosts import HostForTests

pytestmark = pytest.mark.skipif(find_abi() < LEAST, reason="this kernel is too old for Landlock")

_TRIES = {
    "read the user's files": "cat {home}/.bashrc",
    "list the user's home": "ls {home}",
    "write there": "echo x > {home}/new",
    "write to everybody's directory": "echo x > /tmp/$$",
    "read the journal": "cat {home}/.local/state/castoff/sessions/*/journal.jsonl",
    "read the keys": "cat {home}/.config/castoff/agent.env",
    "tmux": "{tmux}; echo at $socket; tmux -S $socket list-sessions",
    "a file of its own": "echo there > made_there.txt && cat made_there.txt",
    "a temporary one": "cat $(mktemp)",
    "git": "git status --short",
}
_TMUX = r"socket=$(pgrep -u $(id -u) -af '[t]mux -S /' | sed -n 's/.*tmux -S \([^ ]*\) .*/\1/p' | head -1)"
_WORK = {"a file of its own", "a temporary one", "git"}


@pytest.fixture
def host(sshd_host: HostForTests) -> Generator[HostForTests]:
    """Its bubblewrap fails as that of an Ubuntu whose administrator has not been asked yet."""
    programs, settings = sshd_host.home / "bin", sshd_host.home / ".bashrc"
    programs.mkdir()
    (programs / "bwrap").write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n")
    (programs / "bwrap").chmod(0o755)
    before = settings.read_text()
    settings.write_text(f"PATH={programs}:$PATH\n{before}")
    sshd_host.own(programs)
    yield sshd_host
    settings.write_text(before)
    (programs / "bwrap").unlink()
    programs.rmdir()


async def test_a_run_at_level_reduced(tmp_path: Path, host: HostForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    laptop = lay_out(tmp_path, monkeypatch.setenv)
    fill_project(laptop)
    host.write_settings(tmp_path / "config")
    session = create_session(state_dir(), laptop.project, "builtin")
    tries = {what: command.format(home=host.home, tmux=_TMUX) for what, command in _TRIES.items()}
    script = (
        *(
            Reply("I try.", (Call("run", {"command": f"({command}) && echo It worked."}),))
            for command in tries.values()
        ),
        Reply("All done."),
    )
    with serving({"there": script}, tmp_path / "model.jsonl") as (_, port):
        for name, value in model_environment(port).items():
            monkeypatch.setenv(name, value)
        give_variables(host, model_environment(port))
        host.own(host.home / ".config")
        links = Links()
        terms = Terms(say="Go on. [[script: there]]")
        (laptop.project / ".castoff.toml").write_text('sandbox = "open"\n')
        refused = (await drive(hand_off(session, links.host("vm"), terms, links)))[-1]
        assert isinstance(refused, StillHere) and refused.code == "no-sandbox", refused
        (laptop.project / ".castoff.toml").write_text('sandbox = "reduced"\n')
        steps = await drive(hand_off(session, links.host("vm"), terms, links))
        assert isinstance(steps[-1], Away), steps[-1]
        assert next(step for step in steps if isinstance(step, Preflighted)).facts.sandbox == "reduced"
        state = await wait_for_run(host, session.id, lambda state: state.phase in ("finished", "failed"))
    assert state.phase == "finished", state.detail
    commands = [block for block in state.blocks if block.type == "tool" and block.tool_kind == "execute"]
    said = ["".join(part.text for part in each.content if part.type == "text") for each in commands]
    worked = {what for what, text in zip(tries, said, strict=True) if "It worked." in text}
    assert worked == _WORK, said
    assert f"at {host.home}/.local/state/castoff/tmux/" in said[list(tries).index("tmux")]
    assert isinstance((await drive(pull_back(links, "vm", session.id)))[-1], Home)
    await links.close()
    assert (laptop.project / "made_there.txt").read_text() == "there\n"
    assert_unbroken(session)
