"""What a session used of its machine, from tool calls in the shapes that real agents give them."""

from typing import Any

from agent.blocks import ToolBlock
from agent.events import EVENT, AnyEvent, DiffContent, Location, ToolKind
from agent.fold import advance
from agent.footprint import Footprint, Touched, read_footprint
from agent.state import SessionState
from tests.agent.recording import read_recorded

TREE, HOME = "/home/ada/shop", "/home/ada"


def call(kind: ToolKind, title: str = "", raw: Any = None, **more: Any) -> ToolBlock:
    return ToolBlock(seq=1, at=0.0, call_id="c", tool_kind=kind, title=title, raw_input=raw, **more)


def footprint(*calls: ToolBlock) -> Footprint:
    return read_footprint(calls, TREE, HOME)


def test_commands_in_the_shapes_of_many_agents() -> None:
    found = footprint(
        call("execute", "`npm ci`", {"command": "npm ci", "description": "Install"}),  # Claude, OpenCode
        call("execute", "cargo test", {"command": ["/bin/bash", "-lc", "cargo test"], "cwd": TREE}),  # Codex A
        call("execute", "go vet", {"cmd": "go vet ./...", "yield_time_ms": 20000}),  # Codex B
        call("execute", "make all [current working directory /home/ada/shop] (Builds all)"),  # Gemini
        call("execute", "uv sync", {"command": "uv sync", "is_background": False}),  # Qwen
        call("other", "", {"command": "deno lint", "security_risk": "LOW", "summary": "Lint"}),  # OpenHands
        call("execute", "Run a command", {"command": "zig build"}),  # the built-in agent, Vibe
    )
    assert sorted(found.programs) == ["/bin/bash", "cargo", "deno", "go", "make", "npm", "uv", "zig"]


def test_what_only_looks_like_a_command() -> None:
    found = footprint(
        call("edit", "", {"command": "view", "path": f"{TREE}/a.py"}),  # OpenHands' file editor
        call("read", "Read ls.py", {"file_path": f"{TREE}/ls.py"}),
        call("execute", "Ask the weather", {"city": "Bergen"}),  # marked execute by agents that mark everything so
        call("think", "npm ci"),
        call("execute", "", {"command": ""}),
        call("execute", "", ["npm"]),
    )
    assert found.programs == ()


def test_the_most_used_come_first_and_a_repeated_line_counts_once() -> None:
    lines = ["git status", "git status", "git log", "ls", "git diff | less", "less x"]
    assert footprint(*(call("execute", raw={"command": line}) for line in lines)).programs == ("git", "less", "ls")


def test_variables_are_names_that_a_shell_does_not_have_anyway() -> None:
    found = footprint(call("execute", raw={"command": "curl $API/x -u $TOKEN; echo $HOME $PATH $?; X=1 y $X"}))
    assert found.variables == ("API", "TOKEN")


def test_files_outside_the_tree() -> None:
    found = footprint(
        call("read", locations=(Location(path="/home/ada/notes.md"), Location(path=f"{TREE}/a.py", line=3))),
        call("edit", content=(DiffContent(path="/home/ada/.config/x.toml", old_text="a", new_text="b"),)),
        call("read", raw={"file_path": "/etc/app.conf"}),
        call("edit", raw={"changes": {"/home/ada/lib/b.py": {"type": "update"}, f"{TREE}/c.py": {}}}),
        call("execute", raw={"command": f"cat ~/.npmrc /usr/share/dict/words {TREE}/x /dev/null > /tmp/log"}),
        call("execute", raw={"command": "cp '../shop-data/in.csv' \"$HOME/in put.csv\" /tmp/*.x < ~/in 2>&1"}),
        call("read", locations=(Location(path="/proc/1/environ"), Location(path="relative.txt"))),
        call("read", locations=(Location(path=f"{TREE}/../shop/d.py"), Location(path=f"{TREE}-old/e.py"))),
    )
    assert found.outside == (
        Touched(path="/etc/app.conf"),
        Touched(path="/home/ada/.config/x.toml", written=True),
        Touched(path="/home/ada/.npmrc"),
        Touched(path="/home/ada/in"),
        Touched(path="/home/ada/in put.csv"),
        Touched(path="/home/ada/lib/b.py", written=True),
        Touched(path="/home/ada/notes.md"),
        Touched(path="/home/ada/shop-old/e.py"),
        Touched(path="/tmp/log", written=True),
    )


def test_a_recorded_session_of_codex() -> None:
    events: list[AnyEvent] = [EVENT.validate_json(event.model_dump_json()) for event in read_recorded("codex-turn")]
    state = advance(SessionState(), events)
    found = read_footprint(state.blocks, "/project", "/home/user")
    assert set(found.programs) == {"/bin/bash", "cat", "python3"}
    assert (found.variables, found.outside) == ((), ())


def test_hostile_calls_do_no_harm() -> None:
    found = footprint(
        call("execute", raw={"command": "'a\nb' x; '\x1b[31mred' y; ''; " + "z" * 5000}),
        call("execute", raw={"command": [1, "x"], "cmd": {"a": 1}}),
        call("read", raw={"path": 7, "changes": ["x"]}),
        call("read", locations=(Location(path="/a\0b"), Location(path="/" + "x" * 9999), Location(path="//"))),
    )
    assert found == Footprint()
