"""The package registries of a project's ecosystems, as this host's own tools have them (``registries.toml``)."""

import asyncio
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from agent import children
from agent.events import Frozen
from remote.egress import Egress, find_hosts

_SECONDS = 15.0
_DATA = Path(__file__).with_name("registries.toml")


class Ecosystem(Frozen):
    """``marks`` are globs in a project's folder; ``ask`` are commands, ``otherwise`` for when they say nothing."""

    marks: tuple[str, ...]
    ask: tuple[tuple[str, ...], ...]
    otherwise: tuple[tuple[str, ...], ...] = ()


def load_ecosystems() -> dict[str, Ecosystem]:
    """All that are known, by name."""
    tables = tomllib.loads(_DATA.read_text("utf-8"))
    return {name: Ecosystem.model_validate(table) for name, table in tables.items()}


async def find_registries(tree: Path) -> Egress:
    """Where the tools of the ecosystems that ``tree`` shows in its folder fetch from; a tool that is not there is none.

    The tools run outside of the tree, with the host's own settings: a project's do not count.
    """
    wanted = [each for each in load_ecosystems().values() if any(any(tree.glob(mark)) for mark in each.marks)]
    found = await asyncio.gather(*map(_ask_ecosystem, wanted))
    return Egress(allow=tuple(dict.fromkeys(host for hosts in found for host in hosts)))


async def _ask_ecosystem(ecosystem: Ecosystem) -> list[str]:
    said = find_hosts("\n".join(await asyncio.gather(*map(_ask, ecosystem.ask))))
    return said or find_hosts("\n".join(await asyncio.gather(*map(_ask, ecosystem.otherwise))))


async def _ask(command: Sequence[str]) -> str:
    """What a tool of the host prints; nothing where there is no such tool, or it has nothing to say."""
    argv = [word.format(python=sys.executable, here=_DATA.parent) for word in command]
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await children.start(argv, cwd="/", env=_environment(), stdin=null, stdout=pipe, stderr=null)
        async with asyncio.timeout(_SECONDS):
            said, _ = await children.hear_out(process)
    except (OSError, TimeoutError):
        return ""
    return said.decode(errors="replace") if process.returncode == 0 else ""


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
