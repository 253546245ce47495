"""The whole journey with each real agent: cast off in mid-task to a real sshd, and pulled back.

The host's user is an ordinary one, the model is a scripted double that notes every conversation it gets.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent.programs import installed_version
from tests.e2e.laptop import CHANGES, Laptop, Record, contents, make_laptop
from tests.hosts import HostForTests
from tests.real_agents import AgentsModel, Item, RealAgent
from tests.waiting import wait_until

pytestmark = [pytest.mark.agents, pytest.mark.timeout(900)]
BEATS = 12
NOTE = "Note from castoff"
SUNG = "What shall we do\nwith the drunken sailor\n"


@pytest.fixture
def laptop(tmp_path: Path, real_agent: RealAgent) -> Laptop:
    laptop = make_laptop(tmp_path / "laptop")
    (laptop.home / "data" / "agents").mkdir(parents=True)
    (laptop.home / "data" / "agents" / real_agent.profile.name).symlink_to(real_agent.prefix)
    real_agent.write_settings(laptop.home)
    (laptop.home / "ashore").touch()
    laptop.env.update(real_agent.variables)
    return laptop


@pytest.fixture
def vm(sshd_host: HostForTests, laptop: Laptop, real_agent: RealAgent) -> HostForTests:
    """A host that the laptop knows, where the agent is installed and has a login of the host's own."""
    data = sshd_host.home / ".local" / "share" / "castoff"
    if not data.exists():
        data.mkdir(parents=True)
        sshd_host.own(sshd_host.home / ".local")
    # The agent's files are links to the cache: they stay root's.
    program = real_agent.provide(data)
    assert installed_version(program) == real_agent.profile.version_hint
    real_agent.write_settings(sshd_host.home)
    for name in real_agent.settings:
        sshd_host.own(sshd_host.home / Path(name).parts[0])
    sshd_host.write_settings(laptop.home / "config")
    for name, value in real_agent.variables.items():
        laptop.castoff("host", "key", sshd_host.host.name, name, given=f"{value}\n")
    return sshd_host


def write_scripts(model: AgentsModel, project: Path) -> None:
    """A long piece of work that can be cast off between any two of its beats, and a short one for after.

    A beat takes its time only on the laptop, where ``~/ashore`` is, so that the handoff falls in the middle.
    """
    beat = {"shell": "echo beat >> beats.txt; if [ -e ~/ashore ]; then sleep 3; fi"}
    song = str(project / "song.txt")
    model.write_script(
        "shanty",
        {"read": song},
        {"edit": song, "old": "with the sailor", "new": "with the drunken sailor", "whole": SUNG},
        *[beat] * BEATS,
        {"shell": "git status --short -- staged.txt unstaged.txt untracked.txt > status.txt; pwd > where.txt"},
        {"text": "Early in the morning."},
    )
    model.write_script("encore", {"shell": "echo encore > encore.txt"}, {"text": "And once more."})


def beats(tree: Path) -> int:
    path = tree / "beats.txt"
    return len(path.read_text("utf-8").splitlines()) if path.exists() else 0


def assert_continues(before: list[Item], after: list[Item]) -> None:
    """Every item of the earlier conversation is in the later one, in order and unchanged, but for what the agent tells
    the model of its surroundings each time anew."""
    rest = iter(after)
    missing = [item for item in before if not item[1].startswith("<") and not any(item == each for each in rest)]
    assert missing == []


def kinds(events: list[Record], kind: str) -> list[Record]:
    return [event for event in events if event["kind"] == kind]


def requests_sent(laptop: Laptop, session: str) -> list[Any]:
    """What castoff asked of the agent over all its processes, oldest first: the method, and the mode it set."""
    lines = (laptop.home / "state" / "sessions" / session / "acp.jsonl").read_text("utf-8").splitlines()
    frames = [each["frame"] for each in map(json.loads, lines) if each["direction"] == "outgoing"]
    return [(each["method"], each["params"].get("modeId")) for each in frames if "method" in each and "id" in each]


def test_an_agent_is_cast_off_in_mid_task_and_comes_home(
    laptop: Laptop, vm: HostForTests, real_agent: RealAgent, agents_model: AgentsModel
) -> None:
    profile = real_agent.profile
    write_scripts(agents_model, laptop.project)
    new = laptop.castoff("new", "--agent", profile.name, "--policy", "accept-all", "--prompt", "Sing it [[shanty]]")
    session = str(new[-1]["id"])
    wait_until(lambda: beats(laptop.project) >= 2, seconds=120)
    cast_off(laptop, vm, session)
    ashore = [each for each in agents_model.conversations() if not any(NOTE in text for _, text in each)][-1]
    assert beats(laptop.project) < BEATS

    # The command that cast it off has ended, and its connection with it: the run goes on by itself.
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "280")
    events = laptop.events(session)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    starts = kinds(events, "agent_started")
    assert [(start["resumed"], start["host"]) for start in starts] == [("new", ""), (profile.resume[0], vm.host.name)]
    assert {(start["agent_session_id"], start["version"]) for start in starts} == {
        (starts[0]["agent_session_id"], profile.version_hint)
    }
    assert_continues(ashore, agents_model.conversations()[-1])

    tree = vm.home / ".local" / "state" / "castoff" / "trees" / session
    assert (tree / "where.txt").read_text("utf-8").strip() == str(laptop.project)
    assert (tree / "status.txt").read_text("utf-8").splitlines() == CHANGES
    assert (tree / "song.txt").read_text("utf-8") == SUNG
    # The call that the handoff cut off may have run or not.
    assert beats(tree) in (BEATS - 1, BEATS)
    there, away = contents(tree), agents_model.conversations()[-1]
    laptop.castoff("pull", session, "--yes")
    assert contents(laptop.project) == there

    goes_on_at_home(laptop, session, real_agent)
    assert_continues(away, agents_model.conversations()[-1])
    laptop.castoff("stop", session)


def cast_off(laptop: Laptop, vm: HostForTests, session: str) -> None:
    """Hand the session off, and agree to what looks like a secret in the agent's own record of it, as a user would."""
    handoff = ["handoff", session, "--host", vm.host.name, "--yes"]
    try:
        laptop.castoff(*handoff)
    except AssertionError as refused:
        marks = re.findall(r"--allow-secret ([0-9a-f]{12})", str(refused))
        assert marks, str(refused)
        laptop.castoff(*handoff, *(word for mark in marks for word in ("--allow-secret", mark)))


def goes_on_at_home(laptop: Laptop, session: str, real_agent: RealAgent) -> None:
    """The session takes a further prompt on the laptop; after each start the mode was set before anything was asked."""
    laptop.castoff("send", session, "Encore [[encore]]")
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "120")
    assert (laptop.project / "encore.txt").read_text("utf-8") == "encore\n"
    events = laptop.events(session)
    first = real_agent.profile.resume[0]
    assert [start["resumed"] for start in kinds(events, "agent_started")] == ["new", first, first]
    sent = requests_sent(laptop, session)
    opened = [at for at, (method, _) in enumerate(sent) if method in ("session/new", f"session/{first}")]
    mode = real_agent.profile.modes.get("accept-all")
    wanted = ("session/set_mode", mode) if mode else ("session/prompt", None)
    assert [sent[at + 1] for at in opened] == [wanted] * 3
    # The short turn cost less than the long one before it: nothing is counted twice over a move, and nothing is lost.
    costs = costs_by_turn(events)
    assert 0 < costs[2] - costs[1] < costs[1] - costs[0]


def costs_by_turn(events: list[Record]) -> list[float]:
    """What the session had cost at each turn's end."""
    costs, cost = list[float](), 0.0
    for event in events:
        if event["kind"] == "usage" and event["cost_usd"] is not None:
            cost = event["cost_usd"]
        if event["kind"] == "turn_ended":
            costs.append(cost)
    return costs
