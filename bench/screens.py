"""Writes the screenshots of docs/screens from recorded data through the real app.

``python bench/screens.py [OUTDIR]``
"""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from textual.pilot import Pilot

from remote.run import Runs
from tests.tui import recorded
from tests.tui.absent import absent
from tests.tui.doubles import PLACE, DoubleBackend, DoubleMove
from tui.app import CastoffApp
from tui.backend import Signpost
from tui.quiet import QUIET_SECONDS

SIZES = ((80, 24), (120, 40), (200, 60))
Act = Callable[[Pilot[None], DoubleBackend], Awaitable[None]]


async def _settle(pilot: Pilot[None]) -> None:
    for _ in range(6):
        await pilot.pause(0.05)


async def _nothing(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await _settle(pilot)


async def _open_handoff(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("f8")
    await _settle(pilot)


async def _confirm(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await _open_handoff(pilot, backend)
    await pilot.pause(QUIET_SECONDS + 0.1)
    await pilot.press("enter")
    await pilot.pause(0.4)


async def _open_runs(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("ctrl+r")
    await _settle(pilot)


async def _open_pull(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await _open_runs(pilot, backend)
    await pilot.press("p")
    await _settle(pilot)


async def _pane(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("ctrl+t", "ctrl+t")
    await _settle(pilot)


async def _palette(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("ctrl+p")
    await _settle(pilot)


async def _menu(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("slash")
    await _settle(pilot)


async def _keys(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("f4")
    await _settle(pilot)


async def _themes(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("f9", "down")
    await _settle(pilot)


async def _jump(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("alt+j")
    await _settle(pilot)


async def _sessions(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press("ctrl+s", "down")
    await _settle(pilot)


async def _deliveries(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.press(*"/deliveries", "enter")
    await _settle(pilot)


async def _digest(pilot: Pilot[None], backend: DoubleBackend) -> None:
    await pilot.pause(2.5)  # it opens by itself when the history is here


def _moves(sending: bool = False, blocked: bool = False) -> DoubleMove:
    steps: list[object] = list(recorded.HANDOFF)
    if blocked:
        steps[1] = recorded.BLOCKED
    return DoubleMove(steps, {5: asyncio.Event()} if sending else {})


KEPT = (
    "workspace",
    "asking",
    "empty",
    "handoff",
    "away",
    "runs",
    "pull",
    "keys",
    "themes",
    "sessions",
    "jump",
    "digest",
    "deliveries",
)
"""The screens that are kept under docs/."""


def _scenes() -> dict[str, tuple[Act, Callable[[DoubleBackend], None]]]:
    def working(b: DoubleBackend) -> None:
        b.events, b.diffs = recorded.working(), {"": recorded.diff(), "vm": recorded.diff()}
        b.out, b.parts, b.home = _moves(), [recorded.RUNS], DoubleMove(list(recorded.PULL))

    def asking(b: DoubleBackend) -> None:
        working(b)
        b.events = recorded.asking()

    def several(b: DoubleBackend) -> None:
        working(b)
        titles = (
            ("parser", "", "k3v7q2m9"),
            ("Write the release notes", "", "w8c2ht5n"),
            ("Bump all dependencies", "vm", "p6x9dz3r"),
        )
        places = [PLACE.model_copy(update={"title": t, "host": h, "session_id": i}) for t, h, i in titles]
        b.others = tuple(Signpost(place=p) if p.host else p for p in places)

    def empty(b: DoubleBackend) -> None:
        b.place, b.parts = None, [Runs()]

    def sending(b: DoubleBackend) -> None:
        working(b)
        b.out = _moves(sending=True)

    def blocked(b: DoubleBackend) -> None:
        working(b)
        b.out = _moves(blocked=True)

    def alone(b: DoubleBackend) -> None:
        working(b)
        b.events = absent()

    def back(b: DoubleBackend) -> None:
        alone(b)
        b.place = PLACE.model_copy(update={"host": "vm"})

    return {
        "workspace": (_nothing, working), "asking": (_nothing, asking), "empty": (_nothing, empty),
        "handoff": (_open_handoff, working), "sending": (_confirm, sending), "away": (_confirm, working),
        "blocked": (_open_handoff, blocked), "runs": (_open_runs, working), "no-runs": (_open_runs, empty),
        "pull": (_open_pull, working), "pane": (_pane, working), "palette": (_palette, working),
        "menu": (_menu, working), "keys": (_keys, working), "themes": (_themes, working), "jump": (_jump, working),
        "sessions": (_sessions, several),
        "digest": (_digest, back), "deliveries": (_deliveries, alone),
    }  # fmt: skip


def _offline(svg: str) -> str:
    """Without fonts from the network, and with the spaces that some programs would drop."""
    svg = re.sub(r"@font-face \{.*?\n    \}\n", "", svg, flags=re.DOTALL)
    return svg.replace("<text ", '<text xml:space="preserve" ').replace("Fira Code, monospace", "monospace")


async def shoot(name: str, size: tuple[int, int], theme: str, out: Path) -> Path:
    """One screenshot."""
    act, prepare = _scenes()[name]
    backend = DoubleBackend()
    prepare(backend)
    backend.kept = backend.kept.model_copy(update={"theme": theme})
    app = CastoffApp(lambda: backend, verase=b"\x7f")
    async with app.run_test(size=size) as pilot:
        await _settle(pilot)
        await act(pilot, backend)
        path = out / f"{name}-{size[0]}x{size[1]}.svg"
        path.write_text(_offline(app.export_screenshot(title="castoff")), encoding="utf-8")
    return path


async def main() -> None:
    """The screens of docs/ at two sizes; or with ``all`` every scene, size and theme given."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "docs" / "screens"
    out.mkdir(parents=True, exist_ok=True)
    names = sys.argv[3].split(",") if len(sys.argv) > 3 else KEPT
    theme = sys.argv[2] if len(sys.argv) > 2 else "harbour"
    sizes = [tuple(int(n) for n in s.split("x")) for s in sys.argv[4].split(",")] if len(sys.argv) > 4 else SIZES[:2]
    for name in names:
        for width, height in sizes:
            print(await shoot(name, (width, height), theme, out))


if __name__ == "__main__":
    asyncio.run(main())
