"""The whole journey with a real third-party agent: Codex, cast off in mid-task to a real sshd, and pulled back.

The host's user is an ordinary one, the model is a scripted double that logs every conversation it gets.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.agents import ResponsesModel, provide_codex, write_codex_config
from tests.codex_machines import assert_continues
from tests.e2e.laptop import CHANGES, Laptop, Record, contents, make_laptop
from tests.hosts import HostForTests
from tests.waiting import wait_until

BEATS = 25
NOTE = "Note from castoff"


@pytest.fixture
def laptop(tmp_path: Path, codex_prefix: Path, responses_model: ResponsesModel) -> Laptop:
    laptop = make_laptop(tmp_path / "laptop")
    (laptop.home / "data" / "agents").mkdir(parents=True)
    (laptop.home / "data" / "agents" / "codex").symlink_to(codex_prefix)
    write_codex_config(laptop.home, responses_model.url)
    (laptop.home / "ashore").touch()
    laptop.env["OPENAI_API_KEY"] = "laptop-key"
    return laptop


@pytest.fixture
def vm(sshd_host: HostForTests, laptop: Laptop, codex_prefix: Path, responses_model: ResponsesModel) -> HostForTests:
    """A host that the laptop knows, where Codex is installed and has a login of the host's own."""
    data = sshd_host.home / ".local" / "share" / "castoff"
    if not data.exists():
        data.mkdir(parents=True)
        sshd_host.own(sshd_host.home / ".local")
    if not (data / "agents" / "codex").exists():
        # The agent's files are links to the cache: they stay root's.
        provide_codex(codex_prefix, data)
    write_codex_config(sshd_host.home, responses_model.url)
    sshd_host.own(sshd_host.home / ".codex")
    sshd_host.write_settings(laptop.home / "config")
    laptop.castoff("host", "secrets", "set", sshd_host.host.name, "OPENAI_API_KEY", given="host-key\n")
    return sshd_host


def write_scripts(model: ResponsesModel) -> None:
    """A long piece of work that can be cast off between any two of its beats, and a short one for after.

    A beat takes its time only on the laptop, where ``~/ashore`` is, so that the handoff falls in the middle.
    """
    beat = {"shell": "echo beat >> beats.txt; if [ -e ~/ashore ]; then sleep 3; fi"}
    model.write_script(
        "shanty",
        {"plan": [["Read", "in_progress"], ["Sing", "pending"]], "say": "First a plan."},
        {"read": "song.txt"},
        {"edit": "song.txt", "old": "with the sailor", "new": "with the drunken sailor"},
        *[beat] * BEATS,
        {"add": "chorus.txt", "content": "Way hay and up she rises"},
        {"shell": "git status --short -- staged.txt unstaged.txt untracked.txt > status.txt; pwd > where.txt"},
        {"plan": [["Read", "completed"], ["Sing", "completed"]]},
        {"text": "Early in the morning."},
    )
    model.write_script("encore", {"shell": "echo encore > encore.txt"}, {"text": "And once more."})


def beats(tree: Path) -> int:
    path = tree / "beats.txt"
    return len(path.read_text("utf-8").splitlines()) if path.exists() else 0


def prompts(items: list[dict[str, Any]]) -> list[str]:
    """What the user, or castoff for them, asked in a conversation as the model got it."""
    texts = [part["text"] for item in items if item.get("role") == "user" for part in item["content"]]
    return [text for text in texts if not text.startswith("<")]


def kinds(events: list[Record], kind: str) -> list[Record]:
    return [event for event in events if event["kind"] == kind]


@pytest.mark.timeout(600)
def test_codex_is_cast_off_in_mid_task_and_comes_home(
    laptop: Laptop, vm: HostForTests, responses_model: ResponsesModel
) -> None:
    write_scripts(responses_model)
    new = laptop.castoff("new", "--agent", "codex", "--policy", "accept-all", "--prompt", "Sing it [[shanty]]")
    session = str(new[-1]["id"])
    wait_until(lambda: beats(laptop.project) >= 2)
    before = cast_off(laptop, vm, session, responses_model)
    remaining = BEATS - beats(laptop.project)
    assert remaining > 0

    # The command that cast it off has ended, and its connection with it: the run goes on by itself.
    assert vm.processes("codex-acp")
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "120")
    check_run(laptop, vm, session, before, responses_model)

    tree = vm.home / ".local" / "state" / "castoff" / "trees" / session
    there = contents(tree)
    # The call that the handoff cut off did not run; the model is told so, and the script goes on after it.
    assert beats(tree) in (BEATS - 1, BEATS)
    laptop.castoff("pull", session, "--yes")
    assert contents(laptop.project) == there
    assert laptop.git("status", "--short", "--", "staged.txt", "unstaged.txt", "untracked.txt").splitlines() == CHANGES
    assert not vm.processes("codex-acp")

    goes_on_at_home(laptop, session, responses_model)


def cast_off(laptop: Laptop, vm: HostForTests, session: str, model: ResponsesModel) -> list[dict[str, Any]]:
    """Hand the session off and return the conversation as the model last got it from the laptop."""
    laptop.castoff("handoff", session, "--host", vm.host.name, "--yes")
    return [items for items in model.inputs() if not any(NOTE in text for text in prompts(items))][-1]


def check_run(
    laptop: Laptop, vm: HostForTests, session: str, before: list[dict[str, Any]], model: ResponsesModel
) -> None:
    """Assert that history and conversation are complete and that the work was done on the host."""
    events = laptop.events(session)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    starts = kinds(events, "agent_started")
    assert [(start["resumed"], start["host"]) for start in starts] == [("new", ""), ("resume", vm.host.name)]
    assert len({start["agent_session_id"] for start in starts}) == 1
    assert [(moved["origin"], moved["to"]) for moved in kinds(events, "moved")] == [("here", vm.host.name)]
    assert [entry["status"] for entry in kinds(events, "plan")[-1]["entries"]] == ["completed", "completed"]
    after = model.inputs()[-1]
    assert_continues(before, after)
    first, note = prompts(after)
    assert first == "Sing it [[shanty]]"
    assert note.startswith(NOTE)
    tree = vm.home / ".local" / "state" / "castoff" / "trees" / session
    assert (tree / "where.txt").read_text("utf-8").strip() == str(laptop.project)
    assert (tree / "status.txt").read_text("utf-8").splitlines() == CHANGES


def goes_on_at_home(laptop: Laptop, session: str, model: ResponsesModel) -> None:
    """Assert that the session takes a further prompt on the laptop, with everything that came before."""
    before = model.inputs()[-1]
    laptop.castoff("send", session, "Encore [[encore]]")
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "60")
    assert (laptop.project / "encore.txt").read_text("utf-8") == "encore\n"
    assert_continues(before, model.inputs()[-1])
    events = laptop.events(session)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [start["resumed"] for start in kinds(events, "agent_started")] == ["new", "resume", "resume"]
    laptop.castoff("stop", session)
