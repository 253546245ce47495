"""Levels: which one counts, what is said where a host cannot do it, and the way out of the sandbox at level full."""

import asyncio
from pathlib import Path
from unittest.mock import Mock

import pytest

from agent.events import Noted
from agent.journal import read_events
from agent.paths import state_dir
from agent.profiles import load_profile
from agent.recorder import Recorder
from agent.sessions import create_session
from remote.egress import Egress
from remote.facts import collect_facts
from remote.furnishing import Furnishing, keep_furnishing
from remote.gate_count import Counter
from remote.gatekeeper import Refusals, open_gate
from remote.host_look import look
from remote.host_protocol import Look
from remote.landlock import LEAST, find_abi
from remote.launch import environment_in, launch_on_host, wrap_in
from remote.levels import LEVELS, Level, Need, chosen, stricter
from remote.limits import bounded
from remote.place import Place
from remote.registries import find_registries, load_ecosystems
from remote.sandbox import Bind
from remote.sandbox_advice import advise


@pytest.mark.parametrize(
    ("host", "project", "counts"),
    [
        ("auto", "auto", "auto"),
        ("auto", "full", "full"),
        ("open", "auto", "open"),
        ("none", "auto", "none"),
        ("none", "open", "open"),
        ("full", "open", "full"),
        ("open", "full", "full"),
        ("auto", "none", "none"),
        ("reduced", "open", "open"),
        ("none", "reduced", "reduced"),
    ],
)
def test_the_stronger_level_counts(host: Need, project: Need, counts: Need) -> None:
    assert stricter(host, project) == counts


@pytest.mark.parametrize(
    ("need", "best", "level"),
    [
        ("auto", "full", "open"),
        ("auto", "none", "none"),
        ("full", "full", "full"),
        ("full", "open", "open"),
        ("open", "none", "none"),
        ("none", "full", "none"),
        ("reduced", "full", "open"),
        ("reduced", "reduced", "reduced"),
        ("auto", "reduced", "reduced"),
        ("open", "reduced", "reduced"),
    ],
)
def test_a_run_gets_no_more_than_works(need: Need, best: Level, level: Level) -> None:
    assert chosen(need, best) == level


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine as a host whose state and settings are in the directory that is given."""
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path / "config"))
    return tmp_path


def _look(need: Need) -> Look:
    return Look(agent="builtin", size=0, tree_at="/home/ann/app", home_at="/home/ann", sandbox=need)


@pytest.mark.parametrize(
    ("need", "best", "refused"),
    [
        ("full", "open", True),
        ("full", "none", True),
        ("auto", "none", False),
        ("open", "reduced", True),
        ("reduced", "none", True),
        ("auto", "reduced", False),
    ],
)
async def test_less_than_is_needed_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, host: Path, need: Need, best: Level, refused: bool
) -> None:
    from remote import host_look

    facts = host_look.collect_facts(host).model_copy(update={"sandbox": best, "sandbox_detail": "It does not."})
    monkeypatch.setattr(host_look, "collect_facts", Mock(return_value=facts))
    seen = await look(_look(need))
    problems = [problem for problem in seen.problems if problem.code == "no-sandbox"]
    assert [problem.blocking for problem in problems] == [refused]
    assert "It does not" in problems[0].sentence and "nstall" in problems[0].way_out
    assert seen.sandbox == best and seen.sandbox_detail


@pytest.mark.usefixtures("host")
async def test_what_is_enough_is_no_problem() -> None:
    pairs: list[tuple[Need, Level]] = [("auto", "open"), ("full", "full"), ("none", "none"), ("reduced", "open")]
    for need, level in pairs:
        seen = await look(_look(need))
        assert seen.sandbox == level
        assert not [problem for problem in seen.problems if problem.code == "no-sandbox" and problem.blocking]


def test_where_bubblewrap_may_not_there_is_landlock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    facts = collect_facts(tmp_path)
    assert facts.sandbox == ("reduced" if find_abi() >= LEAST else "none")
    assert "setting up uid map: Permission denied" in facts.sandbox_detail


def test_what_an_administrator_does() -> None:
    apparmor = {"kernel/apparmor_restrict_unprivileged_userns": 1, "user/max_user_namespaces": 15000}
    assert "/etc/apparmor.d/bwrap" in advise(installed=True, switches=apparmor)
    assert "apt install bubblewrap" in advise(installed=False, switches=apparmor)
    assert "unprivileged_userns_clone=1" in advise(installed=True, switches={"kernel/unprivileged_userns_clone": 0})
    assert "max_user_namespaces" in advise(installed=True, switches={"user/max_user_namespaces": 0})


async def test_registries_are_what_the_hosts_tools_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "npm").write_text("#!/bin/sh\npwd >&2; echo https://mirror.example.org:8443/npm/\n")
    (programs / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    tree = tmp_path / "tree"
    tree.mkdir()
    assert await find_registries(tree) == Egress()
    (tree / "package.json").touch()
    # A project's own settings do not count: the tool does not run there.
    (tree / ".npmrc").write_text("registry=https://evil.example.org/")
    assert (await find_registries(tree)).allow == ("mirror.example.org:8443",)


async def test_pip_says_itself_where_it_fetches_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert len((await find_registries(tmp_path)).allow) >= 1
    assert set(load_ecosystems()) >= {"python", "node", "go", "ruby"}


def _place(tree: Path | str, home: Path | str) -> Place:
    at, home_at = "/home/ann/app", "/home/ann"
    return Place(host="vm", origin="here", sandbox="full", tree=str(tree), tree_at=at, home=str(home), home_at=home_at)


_ASK = """
import sys, urllib.request, urllib.error
def ask(url):
    try:
        return urllib.request.urlopen(url, timeout=20).read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"
    except OSError as error:
        return f"failed: {error}"
print([ask(url) for url in sys.argv[1:]])
"""


async def test_the_way_out_is_the_gate_and_refusals_are_in_the_journal(host: Path) -> None:
    tree, home = host / "tree", host / "home"
    tree.mkdir()
    home.mkdir()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    session = create_session(state_dir(), tree, "builtin")
    egress = Egress(allow=(f"localhost:{port}",), private=("127.0.0.0/8",))
    keep_furnishing(session, Furnishing(egress=egress))
    place = _place(tree, home)
    recorder = Recorder(session.journal, 1)
    refusals = Refusals()
    refusals.watch(recorder)
    async with open_gate(session, load_profile("builtin"), place, refusals, Counter()) as gate:
        assert gate is not None
        environ = environment_in(place, {"http_proxy": "http://127.0.0.1:3128", "PYTHONDONTWRITEBYTECODE": "1"})
        argv = wrap_in(
            place,
            ["/usr/bin/python3", "-I", "-c", _ASK, f"http://localhost.:{port}/", "http://169.254.169.254/latest"],
            source_binds(),
            gate,
        )
        process = await asyncio.create_subprocess_exec(*argv, env=environ, stdout=-1, stderr=-1)
        said, errors = await process.communicate()
    server.close()
    recorder.close()
    assert process.returncode == 0, errors.decode()
    assert b"'hello'" in said and b'"403 castoff: The sandbox refused 169.254.169.254:80' in said
    told = [event.text for event in read_events(session.journal) if isinstance(event, Noted)]
    assert told == ["The sandbox refused 169.254.169.254:80: it is not on this run's list."]


def source_binds() -> list[Bind]:
    """The working copy, where an editable install has it."""
    return [Bind(source=Path(__file__).parents[2])]


_AGENTS = ("builtin", "claude", "gemini", "opencode", "qwen", "vibe")
"""Those whose service can be told to be at the gate."""


@pytest.mark.parametrize("agent", _AGENTS)
def test_an_agent_at_level_full_has_no_key(agent: str, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load_profile(agent)
    monkeypatch.setattr("remote.launch.agent_command", Mock(return_value=["/usr/bin/env"]))
    given = {service.key: f"sk-secret-{service.key}" for service in profile.services}
    session = create_session(host / "sessions", host, agent)
    launch = launch_on_host(session, profile, _place("/t", "/h"), given, host / "gate")
    assert given and "sk-secret" not in " ".join([*launch.env.values(), *launch.argv])
    assert {launch.env[service.variable] for service in profile.services} == {
        service.form.replace("{address}", f"http://127.0.0.1:3128/castoff/{service.key}")
        for service in profile.services
    }
    assert launch.env["HTTPS_PROXY"] == "http://127.0.0.1:3128" and "--unshare-net" in launch.argv
    without = launch_on_host(session, profile, _place("/t", "/h"), given)
    assert given.items() <= without.env.items()


@pytest.mark.parametrize("level", LEVELS)
def test_every_sandbox_limits_its_processes_inside(level: Level) -> None:
    words, limited = wrap_in(_place("/t", "/h").model_copy(update={"sandbox": level}), ["true"]), bounded(["true"])
    assert (words[-len(limited) :] == limited) is (level != "none")
