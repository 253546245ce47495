"""Every screen in every state worth a look: what `test_snapshots` compares and ``bench/screens.py`` draws for docs/."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.notifications import SeverityLevel
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from agent.errors import ViewerGone
from agent.events import PhaseChanged, Prompted, Used
from remote.errors import HostUnreachable
from remote.run import Runs
from remote.steps import StillHere, Verified
from tests.tui import recorded
from tests.tui.absent import absent
from tests.tui.doubles import PLACE, DoubleBackend, DoubleMove, DoubleViewer
from tui.app import CastoffApp
from tui.backend import HostCard, HostLook, KeyQuestion, Place, Signpost
from tui.panes import QuestionBar
from tui.quiet import QUIET_SECONDS
from tui.transcript import Transcript
from tui.workspace import Workspace

AWAY = PLACE.model_copy(update={"host": "vm"})


class SteadyApp(CastoffApp):
    """What it says stays, and its cursor does not blink."""

    CSS_PATH = Path(__file__).parents[2] / "tui" / "app.tcss"

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """As ever, but for as long as it is looked at."""
        super().notify(message, title=title, severity=severity, timeout=3600, markup=markup)


@dataclass
class Scene:
    """A state of the world, what was done in it, and a text that is on the screen then."""

    prepare: Callable[[DoubleBackend], None]
    shows: str
    keys: tuple[str, ...] = ()
    do: Callable[[SteadyApp, DoubleBackend], Awaitable[None]] | None = None
    slow: bool = False
    """Whether the last key confirms, which counts only once input was quiet for a moment."""
    ticks: bool = False
    """Whether some of it is drawn with the second."""


# Worlds


def _working(b: DoubleBackend) -> None:
    b.events, b.diffs = recorded.working(), {"": recorded.diff(), "vm": recorded.diff()}
    b.out, b.parts, b.home = DoubleMove(list(recorded.HANDOFF)), [recorded.RUNS], DoubleMove(list(recorded.PULL))


def _asking(b: DoubleBackend) -> None:
    _working(b)
    b.events = recorded.asking()


def _several(b: DoubleBackend) -> None:
    _working(b)
    titles = (
        ("parser", "", "k3v7q2m9"),
        ("Write the release notes", "", "w8c2ht5n"),
        ("Bump all dependencies", "vm", "p6x9dz3r"),
    )
    places = [PLACE.model_copy(update={"title": t, "host": h, "session_id": i}) for t, h, i in titles]
    b.others = tuple(Signpost(place=p) if p.host else p for p in places)


def _empty(b: DoubleBackend) -> None:
    b.place, b.parts = None, [Runs()]


def _sending(b: DoubleBackend) -> None:
    _working(b)
    b.out = DoubleMove(list(recorded.HANDOFF), {5: asyncio.Event()})


def _blocked(b: DoubleBackend) -> None:
    _working(b)
    b.out.steps[1] = recorded.BLOCKED


def _failing(b: DoubleBackend) -> None:
    _working(b)
    failed = StillHere(code="resume", reason="vm did not take the session up.", way_out="castoff doctor vm says more.")
    b.out.steps[4:] = [failed]


def _alone(b: DoubleBackend) -> None:
    _working(b)
    b.events = absent()


def _back(b: DoubleBackend) -> None:
    _alone(b)
    b.place = AWAY


def _elsewhere(b: DoubleBackend) -> None:
    _working(b)
    b.place = Signpost(place=AWAY)


def _doubtful(b: DoubleBackend) -> None:
    _working(b)
    b.place = Signpost(place=AWAY, certain=False)


def _planned(b: DoubleBackend) -> None:
    _working(b)
    b.place = AWAY
    at = next(index for index, step in enumerate(recorded.PULL) if isinstance(step, Verified)) + 1
    b.home = DoubleMove([*recorded.PULL[:at], recorded.PLAN, *recorded.PULL[at:-1], recorded.PLANNED_HOME])


def _home(b: DoubleBackend) -> None:
    _working(b)
    b.place = AWAY


def _paused(b: DoubleBackend) -> None:
    _working(b)
    last = b.events[-1]
    b.events += [
        Used(cost_usd=2.03, seq=last.seq + 1, at=last.at),
        PhaseChanged(phase="paused", detail="The budget of $2.00 is used up.", seq=last.seq + 2, at=last.at),
        Prompted(prompt_id="later", text="Then say so in the manual.", seq=last.seq + 3, at=last.at),
    ]


def _lost(b: DoubleBackend) -> None:
    _working(b)
    b.events = []

    async def attach(place: Place, after_seq: int) -> DoubleViewer:
        if b.attached:
            await asyncio.Event().wait()
        b.attached.append(place)
        raise ViewerGone("The runner went away.", "It is tried again by itself.")

    b.attach = attach


def _hosts(b: DoubleBackend) -> None:
    _working(b)
    b.host_cards = (HostCard(name="vm", destination="ada@vm.example"), HostCard(name="barge", destination="barge"))
    rows = (("system", "Debian 12, x86_64"), ("memory", "8.0 GB"), ("sandbox", "full"))
    b.looks = {"vm": HostLook(rows=rows, notes=("Its clock is 9 s ahead.",)), "barge": HostUnreachable("No answer.")}


def _hostless(b: DoubleBackend) -> None:
    _empty(b)
    b.host_cards = ()


# What is done


async def _trust(app: SteadyApp, b: DoubleBackend) -> None:
    question = KeyQuestion(host="vm", destination="vm.example, port 22", algorithm="ED25519", fingerprint="SHA256:b3Q9")
    app.run_worker(app.ask_trust(question))


async def _passphrase(app: SteadyApp, b: DoubleBackend) -> None:
    app.run_worker(app.ask_passphrase("id_ed25519"))


async def _offered(app: SteadyApp, b: DoubleBackend) -> None:
    while not app.screen.query_one(QuestionBar).has_focus:  # noqa: ASYNC110  # told by no event
        await asyncio.sleep(0.01)


async def _complain(app: SteadyApp, b: DoubleBackend) -> None:
    app.complain("vm cannot be reached.", "Check the network.")
    app.show_status("Copied 12 lines with wl-copy.")


SCENES: dict[str, Scene] = {
    "workspace": Scene(_working, "Plan"),
    "asking": Scene(_asking, "Allow once", do=_offered),
    "empty": Scene(_empty, "Ask the agent"),
    "lost": Scene(_lost, "runner went away"),
    "paused": Scene(_paused, "used up"),
    "complaints": Scene(_working, "Check the network", do=_complain),
    "plan-tab": Scene(_working, "Plan", ("ctrl+t",)),
    "diff-tab": Scene(_working, "csv", ("ctrl+t", "ctrl+t")),
    "details": Scene(_working, "Plan", ("ctrl+o",)),
    "menu": Scene(_working, "/handoff", ("slash",)),
    "files": Scene(_working, "README.md", ("@",)),
    "find": Scene(_working, "csv", ("ctrl+f", *"csv")),
    "palette": Scene(_working, "Details", ("ctrl+p",)),
    "keys": Scene(_working, "Keys", ("f4",)),
    "themes": Scene(_working, "Themes", ("f9",)),
    "jump": Scene(_working, "Plan", ("alt+j",)),
    "sessions": Scene(_several, "Bump all", ("ctrl+s", "down")),
    "review": Scene(_working, "quoted-commas", ("alt+d",)),
    "comment": Scene(_working, "Comment", ("alt+d", "c", *"why")),
    "timeline": Scene(_alone, "turn", (*"/timeline", "enter")),
    "deliveries": Scene(_alone, "ntfy", (*"/deliveries", "enter")),
    "digest": Scene(_back, "While", slow=True),
    "handoff": Scene(_working, "Debian", ("f8",)),
    "blocked": Scene(_blocked, "2.1 MB free", ("f8",)),
    "sending": Scene(_sending, "141", ("f8", "enter"), slow=True),
    "failed": Scene(_failing, "did not take", ("f8", "enter"), slow=True),
    "away": Scene(_working, "close the laptop", ("f8", "enter"), slow=True),
    "signpost": Scene(_elsewhere, "vm"),
    "doubtful": Scene(_doubtful, "vm"),
    "runs": Scene(_working, "parser", ("ctrl+r",), ticks=True),
    "no-runs": Scene(_empty, "newest first", ("ctrl+r",)),
    "hosts": Scene(_hosts, "8.0 GB", ("ctrl+r", "h", "enter")),
    "no-hosts": Scene(_hostless, "castoff host add", ("ctrl+r", "h")),
    "pull": Scene(_working, "legacy_split", ("ctrl+r", "p")),
    "merge": Scene(_planned, "tool.sh", ("ctrl+l", "enter"), slow=True),
    "home": Scene(_home, "here again", ("ctrl+l", "enter"), slow=True),
    "trust": Scene(_working, "SHA256", do=_trust),
    "passphrase": Scene(_working, "id_ed25519", do=_passphrase),
}  # fmt: skip
KEPT = (
    "workspace", "asking", "empty", "handoff", "away", "runs", "pull", "keys", "themes", "sessions", "jump", "digest",
    "deliveries", "paused", "timeline",
)  # fmt: skip
"""The scenes whose pictures are kept under docs/."""


def shown(app: CastoffApp) -> list[str]:
    """The screen's rows."""
    rows = app.screen._compositor.render_strips(app.size)  # pyright: ignore[reportPrivateUsage]  # no public reader
    return [row.text for row in rows]


async def settle(pilot: Pilot[None], app: CastoffApp, text: str) -> None:
    """Wait until ``text`` is on the screen, which then stays as it is for a moment."""
    before: list[str] = []
    equal, tries = 0, 0
    while equal < 2:
        for typed in (*app.screen.query(TextArea), *app.screen.query(Input)):
            typed.cursor_blink = False
        await pilot.pause(0.03)
        now = shown(app)
        is_behind = any(each.is_behind for each in app.screen.query(Transcript))
        equal = equal + 1 if now == before and text in "\n".join(now) and not is_behind else 0
        before, tries = now, tries + 1
        assert tries < 600, f"{text!r} never came to rest:\n" + "\n".join(now)


@asynccontextmanager
async def staged(name: str, size: tuple[int, int], theme: str) -> AsyncGenerator[tuple[SteadyApp, Pilot[None]]]:
    """The app in a scene, which has come to rest."""
    scene, backend = SCENES[name], DoubleBackend()
    scene.prepare(backend)
    backend.kept = backend.kept.model_copy(update={"theme": theme})
    app = SteadyApp(lambda: backend, verase=b"\x7f")
    async with app.run_test(size=size, notifications=True) as pilot:
        while len(app.screen_stack) < 2 or not app.screen.is_mounted:
            await pilot.pause(0.01)
        if isinstance(app.screen, Workspace):
            while backend.events and app.screen.state.head_seq < backend.events[-1].seq:
                await pilot.pause(0.01)
        for key in scene.keys[:-1] if scene.slow else scene.keys:
            await pilot.press(key)
        if scene.slow and scene.keys:
            await pilot.pause(QUIET_SECONDS + 0.2)
            await pilot.press(scene.keys[-1])
        if scene.do is not None:
            await scene.do(app, backend)
        await settle(pilot, app, scene.shows)
        yield app, pilot
