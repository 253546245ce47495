"""The tools one by one, where a whole agent would only be in the way."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.builtin.errors import ToolFailure
from agent.builtin.tools.capture import HEAD, TAIL, Capture
from agent.builtin.tools.edit import EditArguments, replace_exactly
from agent.builtin.tools.process import run_process
from agent.builtin.tools.registry import TOOLS, check_arguments
from agent.builtin.tools.tool import Result
from agent.builtin.workspace import Workspace
from tests.agent.builtin.harness import alive
from tests.waiting import until


async def call(tree: Path, name: str, **arguments: Any) -> Result:
    async def show(_: str) -> None:
        pass

    tool = TOOLS[name]
    return await tool.prepare(check_arguments(tool, arguments), Workspace(tree)).run(show)


@pytest.mark.parametrize(
    "path", ["..", "../x", "/etc/passwd", "a/../../x", "out", "out/x", "loop", "nul\0", "../tree-sibling/x"]
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tmp_path / "tree-sibling").mkdir()
    (tree / "out").symlink_to(tmp_path)
    (tree / "loop").symlink_to("loop")
    with pytest.raises(ToolFailure):
        Workspace(tree).locate(path)


def test_a_path_inside_is_found_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "real/a").mkdir(parents=True)
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    workspace = Workspace(tmp_path / "alias")
    for path in ("a/x", "./a/../a/x", str(tmp_path / "alias/a/x"), str(tmp_path / "real/a/x")):
        real = workspace.locate(path)
        assert real == tmp_path / "real/a/x"
        assert workspace.absolute(real) == str(tmp_path / "alias/a/x")


@settings(deadline=None)
@given(before=st.text(), old=st.text(min_size=1), new=st.text(), after=st.text())
def test_an_edit_changes_exactly_one_place_or_nothing(before: str, old: str, new: str, after: str) -> None:
    text = before + old + after
    try:
        edited, places = replace_exactly(text, EditArguments(path="f", old=old, new=new))
    except ToolFailure:
        assert old == new or text.count(old) != 1
    else:
        assert places == 1
        assert edited == before + new + after


async def test_an_edit_keeps_line_ends_and_permissions(tmp_path: Path) -> None:
    script = tmp_path / "run me.sh"
    script.write_bytes(b"#!/bin/sh\r\necho one\r\n")
    script.chmod(0o755)
    await call(tmp_path, "edit", path="run me.sh", old="one", new="two")
    assert script.read_bytes() == b"#!/bin/sh\r\necho two\r\n"
    assert script.stat().st_mode & 0o777 == 0o755


async def test_a_file_that_changed_since_the_question_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    for name, arguments in (("edit", {"old": "one", "new": "two"}), ("write", {"content": "two"})):
        file.write_text("one")
        tool = TOOLS[name]
        action = tool.prepare(check_arguments(tool, {"path": "f", **arguments}), Workspace(tmp_path))
        file.write_text("mine, one")
        with pytest.raises(ToolFailure, match="changed meanwhile"):
            await action.run(_nothing)
        assert file.read_text() == "mine, one"


async def _nothing(_: str) -> None:
    pass


async def test_what_is_not_text_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"\xff\xfe\x00")
    os.mkfifo(tmp_path / "pipe")
    for path, words in (("image", "not text"), ("pipe", "not an ordinary file"), ("none", "no file")):
        with pytest.raises(ToolFailure, match=words):
            await call(tmp_path, "read", path=path)


async def test_read_gives_a_part_and_says_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("".join(f"{number}\n" for number in range(1, 11)))
    assert (await call(tmp_path, "read", path="f", line=3, limit=2)).text == "3\n4\n\n[6 more lines]"
    assert "10 lines" in (await call(tmp_path, "read", path="f", line=20)).text


async def test_names_that_are_not_utf8_can_be_listed(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9")).write_text("x")
    text = (await call(tmp_path, "list")).text
    assert text == "caf\ufffd"


async def test_search_takes_patterns_that_look_like_options(tmp_path: Path) -> None:
    (tmp_path / "-e").write_text("--help me\n")
    assert (await call(tmp_path, "search", pattern="--help")).text == "-e:1:--help me"
    assert (await call(tmp_path, "search", pattern="(", literal=True)).text == "No match."
    assert "grep" in (await call(tmp_path, "search", pattern="(")).text.lower()


async def test_all_tools_count_lines_alike(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("one\x0c\u2028\x85\r same line\ntwo\n")
    assert (await call(tmp_path, "search", path="f", pattern="two")).text == "f:2:two"
    assert (await call(tmp_path, "read", path="f", line=2)).text == "two\n"
    assert (await call(tmp_path, "edit", path="f", old="two", new="2")).text.endswith("from line 2.")


async def test_output_that_cannot_be_shown_is_not_lost_in_silence(tmp_path: Path) -> None:
    async def show(_: str) -> None:
        raise ConnectionError("nobody listens")

    with pytest.raises(ConnectionError, match="nobody listens"):
        await run_process(["echo", "hello"], tmp_path, 5, show)


async def test_a_command_is_stopped_at_its_limit_with_all_that_it_started(tmp_path: Path) -> None:
    result = await call(tmp_path, "run", command="sleep 300 & echo $! > child; echo begun; wait", timeout=1)
    assert result.failed
    assert result.text == "begun\n[stopped after 1 s: the time limit]"
    child = int((tmp_path / "child").read_text())
    await until(lambda: not alive(child))


async def test_what_a_command_leaves_running_does_not_outlive_it(tmp_path: Path) -> None:
    result = await call(tmp_path, "run", command="sleep 300 & echo $! > child; echo done")
    assert result.text == "done\n[exit status 0]"
    child = int((tmp_path / "child").read_text())
    await until(lambda: not alive(child))


async def test_a_command_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    result = await call(tmp_path, "run", command="trap '' TERM; while :; do sleep 1; done", timeout=1)
    assert "time limit" in result.text


async def test_a_long_output_keeps_its_head_and_tail(tmp_path: Path) -> None:
    result = await call(tmp_path, "run", command="seq 1 100000")
    assert result.text.startswith("1\n2\n")
    assert result.text.endswith("99999\n100000\n[exit status 0]")
    assert "[cut: " in result.text
    assert len(result.text) < HEAD + TAIL + 100


@settings(deadline=None)
@given(st.lists(st.binary(max_size=5000), max_size=30))
def test_the_capture_accounts_for_every_character(pieces: list[bytes]) -> None:
    capture = Capture()

    async def feed() -> None:
        for piece in pieces:
            await capture.add(piece)

    asyncio.run(feed())
    text = capture.text()
    head, cut, tail = text.partition("\n[cut: ")
    if cut:
        number, _, tail = tail.partition(" characters]\n")
        assert len(head) == HEAD and len(tail) == TAIL and int(number) > 0
    else:
        assert len(text) <= HEAD + TAIL
