"""Rounds in which each command is harmed once, run once more, and looked at."""

import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from random import Random

from tests.kills.points import Harm, Point, harms
from tests.kills.stage import COMMANDS, Stage
from tests.kills.tracing import strace

Blow = tuple[Point, Harm]


@dataclass
class Tally:
    """What was tried, and what came of it: no line is here of a blow that broke a promise, which ends everything."""

    struck: Counter[str] = field(default_factory=Counter[str])
    missed: Counter[str] = field(default_factory=Counter[str])
    blows: list[Blow] = field(default_factory=list[Blow])

    def count(self, blow: Blow, *, reached: bool) -> None:
        """A blow that fell, or a point to which a run did not come this time."""
        point, harm = blow
        self.blows.append(blow)
        (self.struck if reached else self.missed)[f"{point.command} {point.side} {harm}"] += 1

    def __str__(self) -> str:
        """One line for each kind."""
        rows = [f"{kind}: {self.struck[kind]} struck, {self.missed[kind]} not reached" for kind in self._kinds()]
        return "\n".join([*rows, f"in all: {self.struck.total()} struck, {self.missed.total()} not reached"])

    def _kinds(self) -> list[str]:
        return sorted({*self.struck, *self.missed})


def all_blows(points: Iterable[Point], times: int, random: Random) -> list[Blow]:
    """Everything that can happen, so many times, in any order."""
    blows: list[Blow] = [(point, harm) for point in sorted(points) for harm in harms(point)]
    blows *= times
    random.shuffle(blows)
    return blows


def some_blows(points: Iterable[Point], count: int, random: Random) -> list[Blow]:
    """``count`` of them, of every kind in turn."""
    kinds: defaultdict[tuple[str, str, str, Harm, bool], list[Blow]] = defaultdict(list)
    for point, harm in all_blows(points, 1, random):
        kinds[point.command, point.side, point.call, harm, bool(point.path)].append((point, harm))
    order = [kinds[kind] for kind in sorted(kinds)]
    random.shuffle(order)
    chosen: list[Blow] = []
    while len(chosen) < count and any(order):
        chosen += [blows.pop() for blows in order if blows]
    return chosen[:count]


def strike(stage: Stage, blows: Sequence[Blow]) -> Tally:
    """Go round until every blow has fallen; after the first, no further round once the stage's time is over.

    Raises `AssertionError`, naming the blow, when a promise is broken.
    """
    left = {command: [blow for blow in blows if blow[0].command == command] for command in COMMANDS}
    tally = Tally()
    while any(left.values()) and (not tally.blows or time.monotonic() < stage.end):
        for command in COMMANDS:
            _run(stage, command, left[command].pop() if left[command] else None, tally)
        stage.rounds += 1
    return tally


def _run(stage: Stage, command: str, blow: Blow | None, tally: Tally) -> None:
    words = stage.words(command)
    said = list[str]()
    try:
        if blow is not None:
            said.append(_harm(stage, words, blow, tally))
            stage.check()
        again = stage.run(words)
        said.append(f"{again.returncode}: {again.stdout[-1500:]}{again.stderr[-1500:]}")
        stage.settle(command)
        if command != "send":
            stage.check_trees()
    except (AssertionError, subprocess.TimeoutExpired) as error:
        before = "\n".join(map(str, tally.blows[-5:]))
        told = "\n".join([*said, stage.describe()])
        raise AssertionError(f"{command}, harmed at {blow}: {error}\n{told}\nafter:\n{before}") from error


def _harm(stage: Stage, words: list[str], blow: Blow, tally: Tally) -> str:
    point, harm = blow
    options = point.options(harm, stage.leases()[0].epoch)
    out = stage.meeting / "blow"
    out.unlink(missing_ok=True)
    near = point.side == "here"
    with nullcontext() if near else stage.traced_host(out, *options, calls=(point.call,)):
        ran = stage.run(words, strace(out, *options, calls=(point.call,)) if near else None)
    seen = out.read_text(errors="replace") if out.exists() else ""
    mark = "+++ killed by SIGKILL" if harm == "KILL" else "(INJECTED)"
    tally.count(blow, reached=mark in seen)
    sys.stdout.write(f"{len(tally.blows)}: {harm} at {point}: {'struck' if mark in seen else 'not reached'}\n")
    sys.stdout.flush()
    return f"{ran.returncode}: {ran.stdout[-1500:]}{ran.stderr[-1500:]}\n{seen[-600:]}"
