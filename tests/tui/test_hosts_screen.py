"""The hosts screen."""

import pytest
from textual.app import SuspendNotSupported
from textual.widgets import Input

from remote.errors import HostUnreachable, RemoteError
from remote.settings_protocol import Use, Variable
from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage, Stand
from tests.tui.doubles import PLACE, DoubleBackend
from tui.backend import HostCard, HostLook
from tui.chooser import Chooser
from tui.confirm import ConfirmDialog
from tui.drawing.lines import Line
from tui.hosts_screen import HostsScreen
from tui.hosts_table import HostsTable
from tui.line_dialog import LineDialog
from tui.lines_view import Lines


def _table(stand: Stand) -> HostsTable:
    return stand.app.screen.query_one(HostsTable)


async def test_hosts_are_looked_over_when_asked_and_set_up_only_then(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.host_cards = (HostCard(name="vm", destination="ada@vm"), HostCard(name="barge", destination="barge"))
    backend.looks = {
        "vm": HostLook(rows=(("memory", "8.0 GB\x1b[31m"),), notes=("its clock is 9 s ahead.",)),
        "barge": HostUnreachable("No answer.", "Check the network."),
    }
    async with stage(backend) as stand:
        await stand.type("/hosts")
        await stand.pilot.press("enter")
        await stand.wait(lambda: isinstance(stand.app.screen, HostsScreen) and "vm  ada@vm" in _table(stand).plain)
        assert backend.looked == [], "opening the list asks nobody"
        await stand.pilot.press("enter")
        await stand.wait(lambda: "memory" in _table(stand).plain)
        assert "its clock is 9 s ahead." in _table(stand).plain and "\x1b" not in _table(stand).plain
        await stand.pilot.press("down", "s")
        await stand.wait(lambda: "No answer. Check the network." in _table(stand).plain)
        assert backend.looked == [("vm", False), ("barge", True)]
        await stand.pilot.press("escape")
        await stand.wait(lambda: not isinstance(stand.app.screen, HostsScreen))


async def test_without_a_host_it_says_how_to_add_one(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.host_cards, backend.parts = (), []
    async with stage(backend) as stand:
        await stand.pilot.press("ctrl+r", "h")
        await stand.wait(lambda: isinstance(stand.app.screen, HostsScreen))
        await stand.wait(lambda: "castoff host add" in _table(stand).plain)
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.notices)


async def test_a_host_is_added_and_given_a_key(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.host_cards, backend.parts = (), []
    backend.looks = {"off": HostUnreachable("No answer.", "Check the network.")}
    async with stage(backend) as stand:

        async def say(key: str, *lines: str) -> None:
            await stand.pilot.press(key)
            for text in lines:
                await stand.wait(lambda: isinstance(stand.app.screen, LineDialog))
                dialog = stand.app.screen
                field = dialog.query_one(Input)
                await stand.wait(lambda field=field: field.content_size.height == 1)  # what is typed is seen
                await stand.pilot.press(*text, "enter")
                await stand.wait(lambda dialog=dialog: stand.app.screen is not dialog)

        await stand.pilot.press("ctrl+r", "h")
        await stand.wait(lambda: isinstance(stand.app.screen, HostsScreen))
        for typed, complaint in (("vm", "two or three words"), ("vm a b", "port is a number"), ("off a", "No answer.")):
            await say("a", typed)
            await stand.wait(lambda complaint=complaint: any(complaint in notice for notice in stand.notices))
            assert backend.host_cards == ()
        await say("a", "vm ada@vm 2222")
        await stand.wait(lambda: "vm  ada@vm:2222" in _table(stand).plain)
        await say("v", "OPENAI_API_KEY", "s3cret")
        await stand.wait(lambda: backend.keys_kept)
        assert backend.keys_kept == [("vm", "OPENAI_API_KEY", "s3cret")]
        await stand.wait(lambda: any("Kept OPENAI_API_KEY on vm." in notice for notice in stand.notices))
        assert not any("s3cret" in notice for notice in stand.notices)
        await stand.pilot.press("v")
        await stand.wait(lambda: isinstance(stand.app.screen, LineDialog))
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, HostsScreen))
        assert len(backend.keys_kept) == 1


async def _open(stand: Stand) -> None:
    await stand.pilot.press("ctrl+r", "h")
    await stand.wait(lambda: isinstance(stand.app.screen, HostsScreen))


async def _press(stand: Stand, key: str, opens: type[object] = HostsScreen) -> None:
    await stand.pilot.press(key)
    await stand.wait(lambda: isinstance(stand.app.screen, opens))


def _asked(stand: Stand) -> str:
    """What the question on the screen says."""
    assert isinstance(stand.app.screen, ConfirmDialog)
    return _words(stand.app.screen.draw(72))


def _words(rows: list[Line]) -> str:
    return " ".join(" ".join(row.plain for row in rows).split())


def _backend() -> DoubleBackend:
    backend = DoubleBackend(recorded.working())
    backend.host_cards = (HostCard(name="vm", destination="ada@vm"), HostCard(name="barge", destination="barge"))
    backend.parts = []
    return backend


@pytest.mark.parametrize("size", SIZES)
async def test_every_key_of_its_own_is_told(stage: Stage, size: tuple[int, int]) -> None:
    async with stage(_backend(), size) as stand:
        await _open(stand)
        foot = stand.app.screen.query_one("#hosts-foot", Lines)
        await stand.wait(lambda: "Esc back" in foot.plain)
        for word in ("set up", "log in", "keep a key", "revoke a key", "add", "remove"):
            assert word in foot.plain
        assert foot.region.bottom <= size[1] - 1


async def test_a_host_is_forgotten_only_after_a_question_that_names_what_is_there(stage: Stage) -> None:
    backend = _backend()
    backend.away = (PLACE.model_copy(update={"host": "vm", "title": "Mend the\x1b[31m parser"}),)
    async with stage(backend) as stand:
        await _open(stand)
        await _press(stand, "x", ConfirmDialog)
        said = _asked(stand)
        assert "Forget vm?" in said and f"({PLACE.session_id})" in said and "\x1b" not in said
        assert "out of reach until you add vm again" in said
        await _press(stand, "n")
        assert len(backend.host_cards) == 2
        await stand.pilot.press("down")
        await _press(stand, "x", ConfirmDialog)
        assert "Forget barge?" in _asked(stand) and "out of reach" not in _asked(stand)
        await _press(stand, "y")
        await stand.wait(lambda: "barge" not in _table(stand).plain)
        assert [card.name for card in backend.host_cards] == ["vm"]


async def test_an_agent_s_own_login_takes_the_terminal_and_says_what_went_wrong(stage: Stage) -> None:
    backend = _backend()
    async with stage(backend) as stand:
        await _open(stand)
        await _press(stand, "l", Chooser)
        await _press(stand, "escape")
        assert backend.logged_in == []
        refused = RemoteError("codex is not on vm.", "castoff host setup vm --agent codex installs it.")
        for error, said in (
            (None, "codex is logged in on vm"),
            (refused, "is not on vm. castoff host setup"),
            (SuspendNotSupported(), "In another: castoff host login vm codex"),
        ):
            backend.no_terminal = error
            await _press(stand, "l", Chooser)
            await stand.type("codex")
            await _press(stand, "enter")
            await stand.wait(lambda said=said: any(said in notice for notice in stand.notices))
        assert backend.logged_in == [("vm", "codex")] * 3


async def test_a_key_is_revoked_after_a_question_that_names_who_has_it(stage: Stage) -> None:
    backend = _backend()
    async with stage(backend) as stand:
        await _open(stand)
        await stand.pilot.press("d")
        await stand.wait(lambda: any("keeps nothing" in notice for notice in stand.notices))
        run = Use(run_id="k3v7q2m9x4ab", title="Mend the parser", agent="codex")
        backend.kept_variables = (Variable(name="A_KEY"), Variable(name="OPENAI_API_KEY", runs=(run,)))
        await _press(stand, "d", Chooser)
        await stand.pilot.press("down")
        await _press(stand, "enter", ConfirmDialog)
        said = _asked(stand)
        assert "Revoke OPENAI_API_KEY on vm?" in said and "Mend the parser (k3v7q2m9x4ab)" in said
        assert "1 run may have it until the agent ends" in said
        await _press(stand, "n")
        assert backend.keys_kept == []
        await _press(stand, "d", Chooser)
        await _press(stand, "enter", ConfirmDialog)
        await _press(stand, "y")
        await stand.wait(lambda: backend.keys_kept)
        assert backend.keys_kept == [("vm", "A_KEY", "")]
