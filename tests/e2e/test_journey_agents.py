"""The whole journey with each real agent: cast off in mid-task to a real sshd, and pulled back.

The host's user is an ordinary one, the model is a scripted double that notes every conversation it gets.
"""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.programs import installed_version
from tests.e2e.agents_page import note_proof, read_events
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
        laptop.castoff("host", "secrets", "set", sshd_host.host.name, name, given=f"{value}\n")
    return sshd_host


def write_scripts(model: AgentsModel, project: Path) -> None:
    """A long piece of work that can be cast off between any two of its beats, and a short one for after.

    A beat takes its time only on the laptop, where ``~/ashore`` is, so that the handoff falls in the middle.
    """
    # Each is another one: an agent may end a turn in which it is asked for the same again and again.
    beats = [f"echo {n} >> beats.txt; if [ -e ~/ashore ]; then sleep 3; fi" for n in range(BEATS)]
    song = str(project / "song.txt")
    model.write_script(
        "shanty",
        {"read": song},
        {"edit": song, "old": "with the sailor", "new": "with the drunken sailor", "whole": SUNG},
        *[{"shell": beat} for beat in beats],
        {"shell": "git status --short -- staged.txt unstaged.txt untracked.txt > status.txt; pwd > where.txt"},
        {"text": "Early in the morning."},
    )
    model.write_script("encore", {"shell": "echo encore > encore.txt"}, {"text": "And once more."})


def beats(tree: Path) -> int:
    path = tree / "beats.txt"
    return len(path.read_text("utf-8").splitlines()) if path.exists() else 0


def latest(model: AgentsModel, name: str, *, first: str, without: str = "") -> list[Item]:
    """The last conversation that held the scripts ``first`` and ``name``, and not the text ``without``.

    Agents talk with their model beside it as well, to remember things, without what came first.
    """
    texts = [(items, "".join(text for _, text in items)) for items in model.conversations()]
    fit = [(items, text) for items, text in texts if f"[[{first}]]" in text and f"[[{name}]]" in text]
    return [items for items, text in fit if not without or without not in text][-1]


def assert_continues(before: list[Item], after: list[Item], *, in_order: bool = True) -> None:
    """Every item of the earlier conversation is in the later one, in order and unchanged, but for what the agent tells
    the model of its surroundings each time anew. Gemini puts the calls of a turn together, and then their results."""
    rest = iter(after)
    told = [item for item in before if not item[1].startswith(("<", "[The previous response was interrupted"))]
    missing = [item for item in told if (item not in after if not in_order else not any(item == each for each in rest))]
    assert missing == []


def assert_continues_after_kill(before: list[Item], after: list[Item], *, in_order: bool = True) -> None:
    """As `assert_continues` up to the prompt of the turn in which the agent was killed; of the calls after it, which an
    agent may write down behind its work, castoff tells what it saw."""
    prompt = max(at for at, (kind, text) in enumerate(before) if kind == "user" and "[[" in text)
    assert_continues(before[: prompt + 1], after, in_order=in_order)
    assert any(kind == "user" and ": it was done" in text and ": it was cut off" in text for kind, text in after)


def kinds(events: list[Record], kind: str) -> list[Record]:
    return [event for event in events if event["kind"] == kind]


def requests_sent(laptop: Laptop, session: str) -> list[Any]:
    """What castoff asked of the agent over all its processes, oldest first: the method, and the mode it set."""
    lines = (laptop.home / "state" / "sessions" / session / "acp.jsonl").read_text("utf-8").splitlines()
    frames = [each["frame"] for each in map(json.loads, lines) if each["direction"] == "outgoing"]
    return [(each["method"], each["params"].get("modeId")) for each in frames if "method" in each and "id" in each]


def modes_set(laptop: Laptop, session: str) -> list[str]:
    return [mode for method, mode in requests_sent(laptop, session) if method == "session/set_mode"]


def test_an_agent_is_cast_off_in_mid_task_and_comes_home(
    laptop: Laptop, vm: HostForTests, real_agent: RealAgent, agents_model: AgentsModel
) -> None:
    profile = real_agent.profile
    in_order = profile.name != "gemini"
    write_scripts(agents_model, laptop.project)
    new = laptop.castoff("new", "--agent", profile.name, "--policy", "accept-all", "--prompt", "Sing it [[shanty]]")
    session = str(new[-1]["id"])
    wait_until(lambda: beats(laptop.project) >= 2, seconds=120)
    # Nothing in the agent's own record of the session is taken for a secret: then this would be refused.
    laptop.castoff("handoff", session, "--host", vm.host.name, "--yes")
    ashore = latest(agents_model, "shanty", first="shanty", without=NOTE)
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
    assert_continues(ashore, latest(agents_model, "shanty", first="shanty"), in_order=in_order)

    tree = vm.home / ".local" / "state" / "castoff" / "trees" / session
    assert (tree / "where.txt").read_text("utf-8").strip() == str(laptop.project)
    assert (tree / "status.txt").read_text("utf-8").splitlines() == CHANGES
    assert (tree / "song.txt").read_text("utf-8") == SUNG
    # The call that the handoff cut off may have run or not.
    assert beats(tree) in (BEATS - 1, BEATS)
    there, away = contents(tree), latest(agents_model, "shanty", first="shanty")
    laptop.castoff("pull", session, "--yes")
    assert contents(laptop.project) == there

    goes_on_at_home(laptop, session, real_agent)
    assert_continues(away, latest(agents_model, "encore", first="shanty"), in_order=in_order)
    note_proof(profile.name, "journey", read_events(laptop.events(session), modes_set(laptop, session)))
    laptop.castoff("stop", session)


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
    methods = [method for method, _ in sent]
    assert len(opened) == 3
    for at in opened:
        before = sent[at : methods.index("session/prompt", at)]
        assert [set_to for method, set_to in before if method == "session/set_mode"] == ([mode] if mode else [])
    assert_counted_right(events, real_agent)


def assert_counted_right(events: list[Record], real_agent: RealAgent) -> None:
    """Nothing is counted twice over a move and nothing is lost: the last turn was two calls of the model, 100 tokens in
    and 10 out each; the one before it many."""
    profile = real_agent.profile
    landed = [event["seq"] for event in kinds(events, "moved")][-1]
    told = kinds(events, "usage")
    if profile.usage in ("call", "turn"):
        away = [used["input_tokens"] for used in told if used["seq"] < landed and used["input_tokens"]][-1]
        counts = [(used["input_tokens"], used["output_tokens"]) for used in told if used["input_tokens"]]
        assert counts[-1] == (away + 200, away // 10 + 20)
        # Of what the handoff cut off in its midst, only agents that count each call tell.
        assert away == (BEATS + 4) * 100 if profile.usage == "call" else away >= BEATS * 50
    if (profile.cost or profile.usage) in ("turn", "process", "session"):
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


def test_an_agent_killed_in_the_middle_of_a_call_goes_on(
    laptop: Laptop, vm: HostForTests, real_agent: RealAgent, agents_model: AgentsModel
) -> None:
    """By kill -9, on the laptop and on the host: each time in its own session, with all that came before that turn."""
    profile = real_agent.profile
    in_order = profile.name != "gemini"
    call = {"shell": "touch begun; while [ -e hold ]; do sleep 0.1; done"}
    for name in ("gale", "storm"):
        agents_model.write_script(name, {"read": str(laptop.project / "song.txt")}, call, {"text": "We sail on."})
    agents_model.write_script("lull", {"shell": "rm begun; touch hold"}, {"text": "All quiet."})
    agents_model.write_script("encore", {"shell": "echo encore > encore.txt"}, {"text": "And once more."})
    (laptop.project / "hold").touch()
    new = laptop.castoff("new", "--agent", profile.name, "--policy", "accept-all", "--prompt", "Sail [[gale]]")
    session = str(new[-1]["id"])
    kill_in_call(laptop.project, profile.name, marked=b"HOME=%s\0" % bytes(laptop.home))
    journal = laptop.home / "state" / "sessions" / session / "journal.jsonl"
    wait_until(lambda: '"phase":"failed"' in journal.read_text("utf-8"), seconds=60)
    before = latest(agents_model, "gale", first="gale")
    laptop.castoff("send", session, "Look out [[lull]]")
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "120")
    assert_continues_after_kill(before, latest(agents_model, "lull", first="gale"), in_order=in_order)

    laptop.castoff("handoff", session, "--host", vm.host.name, "--yes", "--say", "Sail on [[storm]]")
    tree = vm.home / ".local" / "state" / "castoff" / "trees" / session
    kill_in_call(tree, profile.name, uid=vm.home.stat().st_uid)
    before = latest(agents_model, "storm", first="gale")
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "180")
    after = latest(agents_model, "storm", first="gale")
    assert len(after) > len(before)
    assert_continues_after_kill(before, after, in_order=in_order)

    laptop.castoff("pull", session, "--yes")
    laptop.castoff("send", session, "Encore [[encore]]")
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "120")
    assert_continues(after, latest(agents_model, "encore", first="gale"), in_order=in_order)
    starts = kinds(laptop.events(session), "agent_started")
    assert [start["resumed"] for start in starts] == ["new", *[profile.resume[0]] * 4]
    assert len({start["agent_session_id"] for start in starts}) == 1
    note_proof(profile.name, "killed", read_events(laptop.events(session), modes_set(laptop, session)))
    laptop.castoff("stop", session)


_SEARCH = """{
grep -qa 'adds-the-ke[y]-outside' /proc/[0-9]*/environ && echo the placeholder
grep -qa 'key-of-%s[-]host' /proc/[0-9]*/environ && echo the key
grep -rqa 'key-of-%s[-]host' ~ . && echo the key
} > found.txt; true"""


def test_at_level_full_an_agents_key_stays_outside(
    laptop: Laptop, vm: HostForTests, real_agent: RealAgent, agents_model: AgentsModel
) -> None:
    """Its requests carry the host's key, which neither a variable nor a file of its sandbox holds."""
    name = real_agent.profile.name
    key = f"key-of-{name}-host"  # the host has others of other agents, as variables
    laptop.castoff("host", "secrets", "set", vm.host.name, real_agent.key, given=f"{key}\n")
    agents_model.write_script("begin", {"text": "We begin."})
    agents_model.write_script("search", {"shell": _SEARCH.replace("%s", name)}, {"text": "All done."})
    (laptop.project / ".castoff.toml").write_text('sandbox = "full"\n')
    new = laptop.castoff("new", "--agent", name, "--policy", "accept-all", "--prompt", "Go [[begin]]")
    session = str(new[-1]["id"])
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "120")
    before = len(agents_model.keys())
    laptop.castoff("handoff", session, "--host", vm.host.name, "--yes", "--say", "Look [[search]]")
    laptop.castoff("wait", session, "--until", "finished", "--timeout", "180")
    assert {given.removeprefix("Bearer ") for given in agents_model.keys()[before:]} == {key}
    tree = vm.home / ".local" / "state" / "castoff" / "trees" / session
    assert (tree / "found.txt").read_text("utf-8").splitlines() == ["the placeholder"]
    note_proof(name, "full", read_events(laptop.events(session), modes_set(laptop, session)))
    laptop.castoff("stop", session)


def kill_in_call(tree: Path, name: str, *, uid: int = -1, marked: bytes = b"") -> None:
    """Kill the agent while the call runs that waits for the file ``hold`` to go, which then goes.

    Its processes are those that name its directory or run a program in it: the user's with ``uid``, or those with
    ``marked`` as a variable.
    """
    wait_until((tree / "begun").exists, seconds=120)
    doomed: list[int] = []
    for entry in Path("/proc").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if not entry.name.isdigit() or uid not in (-1, entry.stat().st_uid):
                continue
            # Some write another name over their command line.
            named = (entry / "cmdline").read_bytes() + os.fsencode((entry / "exe").readlink())
            if f"/agents/{name}".encode() in named and marked in (entry / "environ").read_bytes():
                doomed.append(int(entry.name))
    assert doomed
    # All at once: that one of them is gone is nothing that another may tell of.
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    (tree / "hold").unlink()
