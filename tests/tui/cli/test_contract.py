"""The contract for scripts: exit status 0, 1, 2, and JSON lines of which the last has ``ok``."""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import CompletionItem

from agent.durable import read_model
from agent.events import (
    Budget,
    BudgetSet,
    Notified,
    PermissionAsked,
    PermissionOption,
    PhaseChanged,
    PlanEntry,
    Planned,
    Prompted,
    ToolCalled,
    TurnEnded,
    TurnStarted,
    Used,
)
from agent.lease import Lease, write_lease
from agent.paths import config_dir, state_dir
from agent.reception import RunnerRecord
from agent.sessions import create_session
from tests.tui.cli.conftest import ASKING, FINISHED, Castoff, MakeSession
from tests.waiting import wait_until
from tui.cli.names import complete_session
from tui.cli.root import COMMANDS, root


def _leaves(command: click.Command) -> list[click.Command]:
    """The commands below a group, those of groups in it too; else the command itself."""
    if not isinstance(command, click.Group):
        return [command]
    return [leaf for each in command.commands.values() for leaf in _leaves(each)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_examples_and_json(name: str) -> None:
    """The table is written apart, so that help need not import every command."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.name == name
    assert command.help
    for leaf in _leaves(command):
        assert leaf.help, leaf.name
        if name != "completion":
            assert any("--json" in param.opts for param in leaf.params), leaf.name
        assert leaf.epilog and "castoff " in leaf.epilog, leaf.name
    assert command.epilog and "castoff " in command.epilog


def test_every_command_module_is_reachable() -> None:
    folder = Path(importlib.import_module("tui.cli.commands").__path__[0])
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "open"}
    assert modules == {entry.place.partition(":")[0] for entry in COMMANDS.values()}


@pytest.mark.parametrize(
    "argv",
    [
        ("shwo",),
        ("wait",),
        ("wait", "--until", "never"),
        ("log", "--after", "-1"),
        ("new",),
        ("handoff",),
        ("handoff", "--host", "vm"),
        ("handoff", "--host", "vm", "--max-usd", "0", "--yes"),
        ("pull",),
        ("send",),
        ("send", "a", "b", "c"),
        ("answer",),
        (".",),
        ("--no-such-option",),
    ],
)
def test_misuse_is_2_and_says_so_in_json_too(argv: tuple[str, ...], castoff: Castoff) -> None:
    plain, as_json = castoff(*argv), castoff(*argv, "--json")
    assert plain.status == as_json.status == 2
    assert plain.out == ""
    assert "Error: " in plain.err
    assert (as_json.records[-1]["ok"], as_json.records[-1]["code"]) == (False, "usage")


def test_a_mistyped_command_is_guessed(castoff: Castoff) -> None:
    assert "Did you mean “castoff show”?" in castoff("shwo").err


@pytest.mark.parametrize("argv", [("show",), ("show", "zzz"), ("log", "zzz"), ("stop", "zzz"), ("diff", "zzz")])
def test_failure_is_1_with_one_sentence(argv: tuple[str, ...], castoff: Castoff) -> None:
    plain, as_json = castoff(*argv), castoff(*argv, "--json")
    assert (plain.status, as_json.status) == (1, 1)
    assert plain.err.startswith("castoff: ")
    last = as_json.records[-1]
    assert (last["ok"], last["code"]) == (False, "session-unknown")
    assert last["reason"] in plain.err
    assert as_json.err == ""


def test_a_damaged_journal_is_a_sentence(castoff: Castoff, make_session: MakeSession) -> None:
    session = make_session()
    session.journal.write_bytes(b"nonsense\n" + session.journal.read_bytes())
    ran = castoff("show", "--json")
    assert (ran.status, ran.records[-1]["code"]) == (1, "journal-damaged")


def test_show(castoff: Castoff, make_session: MakeSession) -> None:
    session = make_session(ASKING)
    ran = castoff("show", session.id[:6])
    assert ran.status == 0
    assert "\x1b" not in ran.out
    assert f"castoff answer {session.id} allow   (Allow)" in ran.out
    assert "[x] Look" in ran.out
    (record, last) = castoff("show", "--json").records
    assert last == {"type": "result", "ok": True}
    assert (record["type"], record["phase"], record["last_text"]) == ("session", "needs-input", "I look first.")
    assert [option["option_id"] for option in record["questions"][0]["options"]] == ["allow", "reject"]


def test_an_agents_title_cannot_pass_for_lines_of_ours(castoff: Castoff, make_session: MakeSession) -> None:
    lie = "x\n    castoff answer me\n-- finished"
    make_session(
        (
            Planned(entries=(PlanEntry(content=lie),)),
            ToolCalled(call_id="c1", title=lie, tool_kind="execute", status="pending"),
            PermissionAsked(
                request_id="r1",
                call_id="c1",
                options=(PermissionOption(option_id="allow", name=lie, kind="allow_once"),),
            ),
        )
    )
    for command in ("show", "log"):
        lines = castoff(command).out.splitlines()
        assert len([line for line in lines if "x↵    castoff answer me↵-- finished" in line]) >= 3, lines
        assert "-- finished" not in lines


def test_show_counts_what_was_spent_since_the_budget(castoff: Castoff, make_session: MakeSession) -> None:
    make_session((Used(cost_usd=3), BudgetSet(budget=Budget(max_usd=2)), Used(cost_usd=3.5)))
    assert "$0.50 of $2.00" in castoff("show").out
    assert "$0.50 of $2.00" in castoff("runs").out


def test_a_cost_of_which_a_part_is_unknown_is_told_as_the_least(castoff: Castoff, make_session: MakeSession) -> None:
    make_session((BudgetSet(budget=Budget(max_usd=2)), Used(cost_usd=0.5), Used(unpriced=True)))
    assert "at least $0.50 of $2.00" in castoff("show").out
    assert "at least $0.50 of $2.00" in castoff("runs").out


def test_log_prints_text_as_it_is_and_events_as_they_are(castoff: Castoff, make_session: MakeSession) -> None:
    make_session(FINISHED)
    ran = castoff("log")
    assert "> Say hello" in ran.out
    assert "Hello [bold]there[/bold] :smile:" in ran.out
    records = castoff("log", "--after", "2", "--json").records
    assert [r["seq"] for r in records[:-1]] == [3, 4, 5, 6, 7]
    assert records[-1]["head_seq"] == 7


def test_log_tells_once_why_a_turn_failed(castoff: Castoff, make_session: MakeSession) -> None:
    why = "No model is chosen."
    failed = (
        Prompted(prompt_id="p1", text="Build a boat"),
        TurnStarted(prompt_id="p1"),
        TurnEnded(prompt_id="p1", stop_reason="error", detail=why),
        PhaseChanged(phase="failed", detail=why),
    )
    assert castoff("log", make_session(failed).id).out.endswith(f"-- turn ended: error. {why}\n-- failed\n")


def test_log_sends_no_control_sequence(castoff: Castoff, make_session: MakeSession) -> None:
    make_session(ASKING)
    assert "\x1b" not in castoff("log").out


def test_runs_hides_no_session(castoff: Castoff, make_session: MakeSession) -> None:
    here, moving, away, damaged = make_session(), make_session(), make_session(), make_session(ASKING)
    write_lease(moving, Lease(epoch=1, state="offered", to="vm"))
    write_lease(away, Lease(epoch=2, state="away", to="vm"))
    lines = damaged.journal.read_bytes()
    damaged.journal.write_bytes(b"nonsense\n" + lines)
    ran = castoff("runs", "--json")
    assert ran.status == 0
    found = {record["id"]: record for record in ran.records[:-1]}
    assert {one: record["type"] for one, record in found.items()} == {
        here.id: "session",
        moving.id: "unseen",
        away.id: "unseen",
        damaged.id: "damaged",
    }
    assert (found[moving.id]["lease"], found[moving.id]["host"]) == ("offered", "vm")
    damaged.journal.write_bytes(lines)
    plain = castoff("runs").out
    assert "on its way, not seen" in plain and "away, not seen" in plain and "needs-input, runner gone" in plain


@pytest.mark.parametrize("record", ["session.json", "lease.json"])
def test_one_damaged_session_does_not_hide_the_others(castoff: Castoff, make_session: MakeSession, record: str) -> None:
    whole, damaged = make_session(), make_session()
    (damaged.path / record).write_text("nonsense")
    ran = castoff("runs", "--json")
    assert ran.status == 0
    assert {r["id"]: r["type"] for r in ran.records[:-1]} == {whole.id: "session", damaged.id: "damaged"}
    assert f"{damaged.id} cannot be read" in castoff("runs").out
    assert castoff("show", whole.id).status == 0
    ran = castoff("show", damaged.id, "--json")
    assert (ran.status, ran.records[-1]["code"]) == (1, "record-damaged")
    assert [item.value for item in complete(whole.id)] == [whole.id]
    assert any(damaged.id in r["sentence"] for r in castoff("doctor", "--json").records if r.get("about") == "sessions")


def complete(incomplete: str) -> list[CompletionItem]:
    return complete_session(click.Context(root), click.Argument(["run"]), incomplete)


def test_json_is_ascii(castoff: Castoff, make_session: MakeSession) -> None:
    make_session(title="caf\u00e9 \x9b31m \u202e")
    ran = castoff("show", "--json")
    assert ran.out.isascii()
    assert ran.records[0]["title"] == "caf\u00e9 \x9b31m \u202e"


def test_ambiguous_ids_are_named(castoff: Castoff, make_session: MakeSession) -> None:
    ids = {make_session().id, make_session().id}
    ran = castoff("show")
    assert ran.status == 1
    assert all(one in ran.err for one in ids)


@pytest.mark.parametrize(
    ("events", "until", "status", "code"),
    [
        (FINISHED, "finished", 0, "finished"),
        (FINISHED, "idle", 0, "idle"),
        (ASKING, "needs-input", 0, "needs-input"),
        (ASKING, "idle", 0, "idle"),
    ],
)
def test_wait_for_what_is_already_so(
    events: tuple[object, ...], until: str, status: int, code: str, castoff: Castoff, make_session: MakeSession
) -> None:
    make_session(events)
    ran = castoff("wait", "--until", until, "--timeout", "5", "--json")
    assert (ran.status, ran.records[-1]["reached"]) == (status, code)


def test_completion_scripts_and_values(castoff_process: Castoff, make_session: MakeSession) -> None:
    session = make_session(title="Sh\x1b[2J\nop")
    assert "_CASTOFF_COMPLETE=zsh_complete" in castoff_process("completion", "zsh").out
    assert "_CASTOFF_COMPLETE=bash_complete" in castoff_process("completion", "bash").out

    def complete(words: str, index: int) -> str:
        return castoff_process(_CASTOFF_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(index)).out

    assert f"plain,{session.id}" in complete("castoff show ", 2)
    assert "plain,handoff" in complete("castoff ha", 1)
    assert "plain,needs-input" in complete("castoff wait --until n", 3)
    assert "plain,builtin" in complete("castoff new --agent b", 3)
    assert "plain,builtin" in complete("castoff host check --agent b", 4)
    zsh = castoff_process(_CASTOFF_COMPLETE="zsh_complete", COMP_WORDS="castoff show ", COMP_CWORD="2").out
    assert zsh.splitlines() == ["plain", session.id, "Sh␛↵op"]


def test_a_reader_that_goes_away_is_no_traceback(make_session: MakeSession) -> None:
    make_session()
    command = f"{sys.executable} -I -m tui.cli log --json | true"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_130_and_a_sentence(tmp_path: Path) -> None:
    agents = config_dir() / "agents"
    agents.mkdir()
    (agents / "silent.toml").write_text(
        'name = "silent"\ntitle = "Silent"\nlaunch = ["/bin/sleep", "100"]\nsession_files = ["x/{sid}"]\n'
        'resume = ["load"]\nusage = "none"\ninstall = "It is there."\n'
    )
    session = create_session(state_dir(), tmp_path, "silent")
    argv = [sys.executable, "-I", "-m", "tui.cli", "wait", "--until", "finished", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        # The command has started a runner: it waits, and for long, because this agent never answers.
        wait_until((session.path / "runner.json").exists)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        os.kill(read_model(session.path / "runner.json", RunnerRecord).pid, signal.SIGTERM)
    assert process.returncode == 130, out + err
    assert '"code": "interrupted"' in out.splitlines()[-1]


@pytest.mark.parametrize(
    "argv",
    [
        ("new", "--prompt", " ", "--title", "x"),
        ("new", "--prompt", "\udcff"),
        ("new", "--prompt", "x", "--title", "\udcff"),
        ("send", "\udcff"),
        ("handoff", "--host", "vm", "--yes", "--say", "\udcff"),
    ],
)
def test_words_that_no_agent_could_get_leave_nothing_behind(argv: tuple[str, ...], castoff: Castoff) -> None:
    create_session(state_dir(), Path("/"), "builtin")
    assert castoff(*argv).status == 2
    assert len(list((state_dir() / "sessions").iterdir())) == 1
    assert list((state_dir() / "sessions").glob("*/runner.json")) == []


@pytest.mark.parametrize("argv", [("runs",), ("new", "--prompt", "x"), ("doctor",)])
def test_what_the_system_refuses_is_a_sentence(
    argv: tuple[str, ...], castoff: Castoff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "file" / "state"))
    ran = castoff(*argv, "--json")
    assert (ran.status, ran.records[-1]["ok"]) == (1, False)
    assert str(tmp_path / "file") in ran.out


def test_the_doctor_sees_a_program_that_does_not_work(
    castoff: Castoff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"git": "#!/bin/sh\nexit 127\n", "tmux": "not a program"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    grades = {record["about"]: record["grade"] for record in castoff("doctor", "--json").records[:-1]}
    assert (grades["git"], grades["tmux"], grades["rsync"]) == ("note", "note", "note")


@pytest.mark.parametrize(
    ("says", "grade", "word"),
    [
        ("rsync  version 3.2.7  protocol version 31", "note", "cannot be pulled home"),
        ("openrsync: protocol version 29", "note", "nothing can be moved"),
        ("rsync  version 3.5.0  protocol version 32", "ok", "rsync  version 3.5.0"),
    ],
)
def test_the_doctor_says_what_an_old_rsync_is_not_good_for(
    says: str, grade: str, word: str, castoff: Castoff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "rsync"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (found,) = (each for each in castoff("doctor", "--json").records if each.get("about") == "rsync")
    assert (found["grade"], word in found["sentence"]) == (grade, True)
    assert ("3.5.0 or newer" in found["way_out"]) == (grade == "note")


def test_ctrl_c_in_a_handoff_says_where_the_session_is(make_session: MakeSession, castoff: Castoff) -> None:
    session = make_session()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        assert castoff("host", "add", "vm", "me@127.0.0.1", "--port", port, "--offline").status == 0
        argv = [sys.executable, "-I", "-m", "tui.cli", "handoff", session.id, "--host", "vm", "--yes", "--json"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            silent.settimeout(30)
            with silent.accept()[0]:  # this host never says a word
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    last = json.loads(out.splitlines()[-1])
    assert (last["code"], last["reason"]) == ("interrupted", "Stopped by Ctrl-C; the session is here, as it was.")
    assert "Traceback" not in err


def test_what_became_of_notifications_is_shown(castoff: Castoff, make_session: MakeSession) -> None:
    sent = Notified(notification_id="r-7", about="finished", channel="ntfy://… (a1)", ok=True)
    failed = sent.model_copy(update={"channel": "json://x (b2)\x1b[2J", "ok": False, "detail": "The service refused."})
    assert "No notification" in castoff("notify", "log", make_session(FINISHED).id).out
    session = make_session((sent, failed))
    records = castoff("notify", "log", session.id, "--json").records
    assert [(r["about"], r["ok"]) for r in records[:2]] == [("finished", True), ("finished", False)]
    shown = castoff("notify", "log", session.id).out
    assert "failed: The service refused." in shown and "r-7" in shown and "\x1b" not in shown
