"""Keys: one table, no banned key, all documented, all reachable, remappable; Ctrl+H told from Backspace."""

import re
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.events import Key
from textual.screen import Screen
from textual.widgets import Input

from tests.tui import recorded
from tests.tui.conftest import Stage
from tests.tui.doubles import PLACE, DoubleBackend, DoubleMove
from tests.tui.keys_page import HEADINGS, PAGE, renewed
from tui.app import CastoffApp
from tui.backend import KeyQuestion
from tui.chooser import Chooser
from tui.composer import Composer
from tui.deliveries import DeliveriesScreen
from tui.find_bar import FindBar
from tui.handoff import Handoff
from tui.hosts_screen import HostsScreen
from tui.jump import JumpScreen
from tui.keymap import BANNED, KEYS, bindings, key_fault, shown_key
from tui.keymap import Key as KeyEntry
from tui.keys_screen import KeysScreen, KeyTable
from tui.line_dialog import LineDialog
from tui.lines_view import Lines
from tui.panes import PlanPane, QuestionBar
from tui.passphrase import PassphraseDialog
from tui.pull import Pull
from tui.review import DiffScreen
from tui.runs import RunsScreen
from tui.signpost import SignpostScreen
from tui.small_screens import HostKeyDialog
from tui.timeline import TimelineScreen
from tui.transcript import Transcript
from tui.verase import is_ctrl_h, read_verase
from tui.workspace import Workspace

OWNERS: dict[str, type[Any]] = {
    "app": CastoffApp,
    "workspace": Workspace,
    "transcript": Transcript,
    "find": FindBar,
    "composer": Composer,
    "question": QuestionBar,
    "plan": PlanPane,
    "handoff": Handoff,
    "pull": Pull,
    "runs": RunsScreen,
    "diff": DiffScreen,
    "timeline": TimelineScreen,
    "deliveries": DeliveriesScreen,
    "away": SignpostScreen,
    "dialog": HostKeyDialog,
    "chooser": Chooser,
    "jump": JumpScreen,
    "passphrase": PassphraseDialog,
    "line": LineDialog,
    "hosts": HostsScreen,
    "keys": KeysScreen,
}


def _own_bindings(owner: type[Any]) -> list[Binding]:
    return [b for b in owner.__dict__.get("BINDINGS", []) if isinstance(b, Binding)]


def _faults(found: list[Binding]) -> list[str]:
    """What is wrong with bindings: no id, or a banned key."""
    out = [f"{b.action} has no id" for b in found if not b.id or not re.fullmatch(r"[a-z]+\.[a-z_]+", b.id)]
    return out + [f"{b.id} uses {k}" for b in found for k in b.key.split(",") if k in BANNED]


@pytest.mark.parametrize("where", OWNERS)
def test_every_binding_comes_from_the_table(where: str) -> None:
    found = _own_bindings(OWNERS[where])
    assert found == bindings(where) and found
    assert _faults(found) == []
    assert all(hasattr(OWNERS[where], "action_" + b.action.split("(")[0]) for b in found)


def test_the_guard_catches_a_binding_without_id_and_a_banned_key() -> None:
    assert _faults([Binding("x", "quit")]) == ["quit has no id"]
    assert _faults([Binding("x,ctrl+i", "quit", id="a.b")]) == ["a.b uses ctrl+i"]


def test_ids_are_unique_and_all_have_an_owner() -> None:
    assert len({k.id for k in KEYS}) == len(KEYS)
    assert {k.where for k in KEYS} == set(OWNERS)


def test_the_keys_page_lists_exactly_these() -> None:
    page = PAGE.read_text()
    assert renewed(page) == page, "python -m tests.tui.keys_page writes it"
    assert set(HEADINGS) >= {k.where for k in KEYS}


def test_a_key_that_the_page_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.tui.keys_page.KEYS", KEYS[1:])
    assert renewed(PAGE.read_text()) != PAGE.read_text()


async def test_the_palette_reaches_every_action(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.out, backend.home, backend.parts = DoubleMove([recorded.PREFLIGHT]), DoubleMove([recorded.REVIEW]), []
    async with stage(backend) as stand:
        workspace = stand.workspace
        screens: dict[str, Screen[Any]] = {"workspace": workspace}
        for where, key in (("handoff", "f8"), ("runs", "ctrl+r"), ("keys", "f4")):
            await stand.pilot.press(key)
            await stand.wait(lambda: stand.app.screen is not workspace and stand.app.screen.is_mounted)
            screens[where] = stand.app.screen
            titles = [c.title for c in stand.app.get_system_commands(stand.app.screen)]
            assert {k.name for k in KEYS if k.where == where} <= set(titles)
            await stand.pilot.press("escape")
            await stand.wait(lambda: stand.app.screen is workspace)
        found = {c.title: c for c in stand.app.get_system_commands(workspace)}
        wanted = {k.name for k in KEYS if k.where in ("app", "workspace", "composer") and k.id != "app.palette"}
        assert wanted <= set(found)
        assert {"Theme: Harbour (dark)", "Policy: accept all"} <= set(found)
        await found["Details"].callback()
        found["Policy: accept all"].callback()
        await stand.wait(lambda: ("policy", "accept-all") in backend.viewer.sent)


async def test_keys_can_be_changed_and_bad_ones_are_said(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.kept = backend.kept.model_copy(
        update={"keys": {"app.runs": "f12", "app.quit": "ctrl+i", "nobody.knows": "x", "runs.up": "k,"}}
    )
    async with stage(backend) as stand:
        await stand.wait(lambda: stand.notices)
        assert "app.quit, nobody.knows, runs.up" in stand.notices[0]
        await stand.pilot.press("ctrl+r")
        assert isinstance(stand.app.screen, Workspace)
        await stand.pilot.press("f12")
        await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen))


async def test_a_clash_is_said(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.kept = backend.kept.model_copy(update={"keys": {"app.runs": "ctrl+q"}})
    async with stage(backend) as stand:
        await stand.wait(lambda: any("Ctrl+Q (app.runs, app.quit)" in n for n in stand.notices))


async def test_the_keys_page_shows_what_came(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        await stand.pilot.press("f4")
        await stand.wait(lambda: isinstance(stand.app.screen, KeysScreen))
        assert "/budget $2 30 turns 60 min | off" in stand.app.screen.query_one(KeyTable).plain
        await stand.pilot.press("f5")
        await stand.wait(lambda: "sent: f5" in stand.app.screen.query_one("#keys-pressed", Lines).plain)


async def test_a_key_is_changed_on_the_page_and_kept(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        await stand.pilot.press("f4")
        await stand.wait(lambda: isinstance(stand.app.screen, KeysScreen))
        table, told = stand.app.screen.query_one(KeyTable), stand.app.screen.query_one("#keys-pressed", Lines)
        await stand.pilot.press("pagedown", "down", "k", "pageup")
        await stand.wait(lambda: table.current.id == "app.runs")
        for key, said in (
            ("ctrl+q", "“Quit” already (app.quit)"),
            ("ctrl+h", "“Cast off” already (workspace.handoff)"),
            ("g", "needed to write with"),
            ("enter", "needed to write with"),
            ("ctrl+i", "does not get through"),
            ("escape", "Nothing was changed"),
        ):
            await stand.pilot.press("enter")
            await stand.wait(lambda: "Press the new key" in told.plain)
            await stand.pilot.press(key)
            await stand.wait(lambda said=said: said in " ".join(told.plain.split()))
        assert stand.backend.kept.keys == {}
        await stand.pilot.press("enter", "f12")
        await stand.wait(lambda: stand.backend.kept.keys == {"app.runs": "f12"})
        await stand.pilot.press("a", "ctrl+e")
        await stand.wait(lambda: stand.backend.kept.keys == {"app.runs": "f12,ctrl+e"})
        assert "▸*F12 Ctrl+E" in table.plain
        await stand.pilot.press("f12")
        await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen))
        await stand.pilot.press("escape", "d")
        await stand.wait(lambda: stand.backend.kept.keys == {})
        await stand.pilot.press("ctrl+r")
        await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen))


@pytest.mark.parametrize("entry", KEYS, ids=lambda k: k.id)
def test_no_shipped_key_is_one_that_the_page_would_refuse(entry: KeyEntry) -> None:
    shadows = {("find.close", "escape"), ("question.accept", "enter"), ("find.above", "enter")}
    for key in entry.keys.split(","):
        fault = key_fault({}, entry, key, printable=len(key) == 1)
        assert not fault or (entry.id, key) in shadows or "already" in fault, fault


async def test_first_contact_asks_with_the_fingerprint(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        trust = stand.backend.trust
        assert trust is not None
        question = KeyQuestion(host="vm", destination="vm.example", algorithm="ssh-ed25519", fingerprint="SHA256:abc")
        for key, answer in (("y", True), ("n", False), ("escape", False)):
            asked = stand.app.run_worker(trust(question))
            await stand.wait(lambda: isinstance(stand.app.screen, HostKeyDialog))
            assert "SHA256:abc" in stand.app.screen.query_one("#host-key", Lines).plain
            await stand.pilot.press("enter")
            assert isinstance(stand.app.screen, HostKeyDialog), "Enter agrees to nothing"
            await stand.pilot.press(key)
            assert await asked.wait() is answer


async def test_a_question_that_nobody_answers_is_a_no(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        trust = stand.backend.trust
        assert trust is not None
        question = KeyQuestion(host="vm", destination="vm.example", algorithm="ssh-ed25519", fingerprint="SHA256:abc")
        asked = stand.app.run_worker(trust(question))
        await stand.wait(lambda: isinstance(stand.app.screen, HostKeyDialog))
        stand.app.reattach(PLACE)
        assert await asked.wait() is False
        given_up = stand.app.run_worker(trust(question))
        await stand.wait(lambda: isinstance(stand.app.screen, HostKeyDialog))
        given_up.cancel()
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))


async def test_a_passphrase_is_asked_for_without_echo(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        ask = stand.backend.passphrase
        assert ask is not None
        for keys, answer in ((("s", "3", "space", "x", "enter"), "s3 x"), (("s", "escape"), "")):
            asked = stand.app.run_worker(ask("/home/ada/.ssh/locked"))
            await stand.wait(lambda: isinstance(stand.app.screen, PassphraseDialog))
            field = stand.app.screen.query_one(Input)
            await stand.wait(lambda field=field: field.content_size.height == 1)  # what is typed is seen, as dots
            assert "/home/ada/.ssh/locked" in stand.app.screen.query_one("#passphrase-key", Lines).plain
            assert stand.app.screen.query_one(Input).password
            await stand.pilot.press(*keys)
            assert await asked.wait() == answer
        given_up = stand.app.run_worker(ask("/home/ada/.ssh/locked"))
        await stand.wait(lambda: isinstance(stand.app.screen, PassphraseDialog))
        given_up.cancel()
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))


@pytest.mark.parametrize(
    ("key", "character", "verase", "told"),
    [
        ("backspace", "\x08", b"\x7f", True),
        ("backspace", "\x7f", b"\x7f", False),
        ("backspace", "\x08", b"\x08", False),
        ("backspace", "\x08", None, False),
        ("ctrl+h", "\x08", b"\x7f", False),
    ],
)
def test_ctrl_h_by_the_raw_byte(key: str, character: str, verase: bytes | None, told: bool) -> None:
    assert is_ctrl_h(Key(key, character), verase) is told


async def test_where_it_cannot_be_told_the_screen_shows_f8(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working()), verase=b"\x08") as stand:
        assert "F8 cast off" in stand.workspace.query_one("#status", Lines).plain
        assert "Ctrl+H" not in stand.workspace.query_one(Composer).placeholder  # type: ignore[operator]
        await stand.type("ab")
        stand.app.post_message(Key("backspace", "\x08"))
        await stand.wait(lambda: stand.workspace.query_one(Composer).text == "a")


def test_no_terminal_has_no_verase(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert read_verase(file.fileno()) is None


def test_keys_are_written_for_people() -> None:
    assert shown_key("workspace.handoff") == "Ctrl+H"
    assert shown_key("workspace.handoff", ctrl_h=False) == "F8"
