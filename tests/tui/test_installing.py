"""An agent that is not there is offered for installation, here and on a host, and never installed without a word."""

from remote.errors import AgentInstallFailed
from remote.findings import Problem
from remote.steps import Connecting
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend, DoubleMove
from tui.composer import Composer
from tui.handoff import Handoff
from tui.install_dialog import InstallDialog
from tui.lines_view import Lines
from tui.quiet import QUIET_SECONDS

OFFER = "Codex takes about 223 MB in /home/ada/[bold]\x1b[2J."


async def _ask(stand: Stand, said: str = "/agent codex") -> None:
    stand.workspace.query_one(Composer).replace_draft(said)
    await stand.pilot.press("enter")
    await stand.wait(lambda: isinstance(stand.app.screen, InstallDialog))


async def test_an_agent_that_is_missing_here_is_installed_after_a_yes(stage: Stage) -> None:
    backend = DoubleBackend(place=None)
    backend.offers["codex"] = OFFER
    async with stage(backend) as stand:
        await _ask(stand)
        shown = stand.app.screen.query_one("#install", Lines).plain
        assert "about 223 MB in /home/ada/[bold]" in shown and "\x1b" not in shown
        await stand.pilot.press("n")
        await stand.wait(lambda: not isinstance(stand.app.screen, InstallDialog))
        assert not backend.installed and stand.workspace.agent == "castoff"
        await _ask(stand)
        await stand.pilot.press("y")
        await stand.wait(lambda: stand.workspace.agent == "codex")
        assert backend.installed == ["codex"]


async def test_what_cannot_be_installed_is_said(stage: Stage) -> None:
    backend = DoubleBackend(place=None)
    backend.offers["codex"] = OFFER
    backend.refuse_install = AgentInstallFailed("Codex could not be installed.", "Free some space.")
    async with stage(backend) as stand:
        await _ask(stand, "/new codex")
        await stand.pilot.press("y")
        await stand.wait(lambda: any("could not be installed. Free some space." in text for text in stand.notices))
        assert stand.workspace.agent == "castoff"


async def test_a_host_s_missing_agent_is_installed_there_after_a_key(stage: Stage) -> None:
    problem = Problem(code="agent-missing", sentence="On the host: no Codex.", way_out="So.", installs="codex")
    seen = recorded.PREFLIGHT.model_copy(update={"problems": (problem,)})
    backend = DoubleBackend(recorded.working())
    backend.out = DoubleMove([Connecting(host="vm"), seen])
    async with stage(backend) as stand:
        await stand.pilot.press("ctrl+h")
        await stand.wait(lambda: isinstance(stand.app.screen, Handoff))
        await stand.wait(lambda: "On the host: no Codex." in stand.app.screen.query_one("#body", Lines).plain)
        assert "install codex there" in stand.app.screen.query_one("#foot", Lines).plain
        await stand.passes(QUIET_SECONDS + 0.1)
        assert [terms.install_on for terms in backend.out.terms] == [""]
        await stand.pilot.press("ctrl+n")
        await stand.wait(lambda: len(backend.out.terms) == 2)
        assert backend.out.terms[1].install_on == "vm"
