"""Every scene at three sizes, in a dark and a light theme and without colours, as the text files in snapshots/ say.

A file holds for each size the screen's text, then for each look its styles in runs: ``12-14 a40 b80`` are rows 12 to
14, forty cells in style a and eighty in b. Rows in style a alone are left out. ``make snapshots`` writes all anew.
"""

import difflib
import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.pilot import Pilot

from tests.tui.scenes import SCENES, SteadyApp, settle, shown, staged
from tui.app import CastoffApp

FOLDER = Path(__file__).with_name("snapshots")
SIZES = ((80, 24), (120, 40), (200, 60))
LOOKS = ("harbour", "daylight")
WRITES = os.environ.get("CASTOFF_SNAPSHOTS") == "write"


@pytest.fixture(autouse=True)
def settled_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a picture may depend on besides the scene."""
    for name, value in {"TZ": "UTC", "LC_ALL": "C.UTF-8", "COLORTERM": "truecolor"}.items():
        monkeypatch.setenv(name, value)
    for name in ("TMUX", "SSH_CONNECTION", "EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    # No time passes in what tells of times; what waits for a moment to pass goes by the real clock.
    still = SimpleNamespace(monotonic=lambda: 1e12)
    for module in ("bridge", "following", "handoff", "moves", "pull", "runs_list", "runs_table", "feed", "transcript"):
        monkeypatch.setattr(f"tui.{module}.time", still)


def styles(app: CastoffApp) -> list[str]:
    """The legend of styles, then each row's runs; equal rows that follow each other are one line."""
    rows = app.screen._compositor.render_strips(app.size)  # pyright: ignore[reportPrivateUsage]  # no public reader
    names: dict[str, str] = {}
    runs = [" ".join(_runs(row, names)) for row in rows]
    legend = [f"{letter} = {style}" for style, letter in names.items()]
    return [*legend, *_gathered(runs, f"{next(iter(names.values()))}{app.size.width}")]


def _gathered(runs: list[str], plain: str) -> Iterator[str]:
    for said, group in groupby(enumerate(runs, 1), key=lambda each: each[1]):
        numbers = [number for number, _ in group]
        if said != plain:
            yield f"{numbers[0]}-{numbers[-1]} {said}" if len(numbers) > 1 else f"{numbers[0]} {said}"


def _runs(row: Iterable[Segment], names: dict[str, str]) -> Iterator[str]:
    for look, group in groupby(row, key=lambda piece: _words(piece.style)):
        letter = names.setdefault(look, _letter(len(names)))
        yield f"{letter}{sum(piece.cell_length for piece in group)}"


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else f"z{chr(ord('a') + number - 26)}"


def _words(style: Style | None) -> str:
    """A style without what is not seen, as what a click does."""
    return str(style.without_color + Style.from_color(style.color, style.bgcolor)) if style else "none"


async def picture(app: SteadyApp, pilot: Pilot[None], name: str, looks: tuple[str, ...]) -> dict[str, list[str]]:
    """What is seen in each look and size, by the words of its heading."""
    seen: dict[str, list[str]] = {}
    for size in SIZES:
        if app.size != size:
            await pilot.resize_terminal(*size)
        await pilot.pause(1.1 if SCENES[name].ticks else 0)
        told = f"{size[0]}x{size[1]}"
        # The last look of a size is the first of the next: each change takes its time.
        looks = tuple(reversed(looks)) if seen else looks
        for look in looks:
            if app.theme_name != look:
                app.use_theme(look)
            await settle(pilot, app, SCENES[name].shows)
            text = [row.rstrip() for row in shown(app)]
            assert seen.setdefault(told, text) == text, "the text depends on the theme"
            seen[f"{told} {look}"] = styles(app)
    return seen


@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_looks_as_it_did(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(name, SIZES[0], LOOKS[0]) as (app, pilot):
        coloured = await picture(app, pilot, name, LOOKS)
    monkeypatch.setenv("NO_COLOR", "1")
    async with staged(name, SIZES[0], "terminal") as (app, pilot):
        bare = await picture(app, pilot, name, ("terminal",))
    parts = {**coloured, **{k.replace("terminal", "NO_COLOR"): rows for k, rows in bare.items() if " " in k}}
    text = "\n".join(line for heading in sorted(parts, key=_order) for line in (f"=== {heading}", *parts[heading]))
    path = FOLDER / f"{name}.txt"
    if WRITES:
        path.write_text(text + "\n", encoding="utf-8")
    kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    differs = list(difflib.unified_diff(kept, text.splitlines(), "kept", "now", lineterm="", n=2))
    assert not differs, "make snapshots writes anew what is meant:\n" + "\n".join(differs[:120])


def _order(heading: str) -> tuple[int, str]:
    return int(heading.split("x")[0]), heading


def test_no_snapshot_is_left_of_a_scene_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(SCENES)
