"""The hosts screen."""

from textual.widgets import Input

from remote.errors import HostUnreachable
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend
from tui.backend import HostCard, HostLook
from tui.hosts_screen import HostsScreen, HostsTable
from tui.line_dialog import LineDialog


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
