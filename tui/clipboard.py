"""Ways to the clipboard: a program of this machine, else the terminal by OSC 52, through tmux where that is between."""

import asyncio
import base64
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

_TOOLS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("pbcopy",)),
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-in")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)
"""Programs that set the clipboard, and the variable without which they cannot."""
_REMOTE = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
TOOL_SECONDS = 3.0


class Route(NamedTuple):
    """How a copy leaves: ``argv`` of a program, or empty for the terminal."""

    argv: tuple[str, ...] = ()
    in_tmux: bool = False


def choose_route(
    surroundings: Mapping[str, str],
    wanted: Literal["auto", "tool", "terminal"] = "auto",
    which: Callable[[str], str | None] = shutil.which,
) -> Route:
    """The program of this machine unless the user sits elsewhere; ``wanted`` overrules, for a tmux that was moved."""
    in_tmux = bool(surroundings.get("TMUX"))
    is_away = any(surroundings.get(name) for name in _REMOTE)
    if wanted == "terminal" or (wanted == "auto" and is_away):
        return Route((), in_tmux)
    for needs, argv in _TOOLS:
        if (not needs or surroundings.get(needs)) and which(argv[0]):
            return Route(argv, in_tmux)
    return Route((), in_tmux)


async def copy(
    text: str,
    surroundings: Mapping[str, str],
    wanted: Literal["auto", "tool", "terminal"],
    write: Callable[[str], object] | None,
) -> str:
    """Copy by the likeliest way and say which; ``write`` sends to the terminal, ``None`` where there is none."""
    route = choose_route(surroundings, wanted)
    told = await asyncio.to_thread(hand_to_tool, route, text) if route.argv else ""
    if told:
        return told
    if write is not None:
        write(osc_52(text, in_tmux=route.in_tmux))
    return said_of_terminal(text, route)


def hand_to_tool(route: Route, text: str) -> str:
    """Give ``text`` to the route's program; what to say, or nothing where the program failed."""
    try:
        subprocess.run(
            route.argv,
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        # Not an error that is swallowed: the terminal is the next way, and that one is said.
        return ""
    return f"Copied {_amount(text)} with {route.argv[0]}."


def osc_52(text: str, *, in_tmux: bool) -> str:
    """The sequence that asks the terminal to set its clipboard; for tmux itself and, wrapped, for what is around it."""
    code = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    plain = f"\x1b]52;c;{code}\x07"
    return f"{plain}\x1bPtmux;\x1b{plain}\x1b\\" if in_tmux else plain


def said_of_terminal(text: str, route: Route) -> str:
    """What is known of a copy by OSC 52: that it was sent."""
    if route.in_tmux:
        needs = "it needs set-clipboard or allow-passthrough on"
        return f"Sent {_amount(text)} to the terminal through tmux (OSC 52); {needs}."
    return f"Sent {_amount(text)} to the terminal (OSC 52); not every terminal takes it."


def _amount(text: str) -> str:
    rows = text.count("\n") + 1
    return f"{rows:,} lines" if rows > 1 else f"{len(text):,} character{'' if len(text) == 1 else 's'}"
