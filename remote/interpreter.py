"""The host's Python: one of 3.11 or newer that is there, else a private one that uv fetches for castoff alone."""

from collections.abc import Callable

from remote.connection import Connection, Output
from remote.errors import HostLacks

_UV_SECONDS = 600.0
_FIND_PYTHON = """
try() {
    found=$("$1" -I -c 'import sys, venv; print(sys.executable); sys.exit(sys.version_info < (3, 11))' 2>/dev/null) &&
        [ -n "$found" ] && printf '%s\\n' "$found" && exit 0
}
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    command -v "$name" >/dev/null 2>&1 && try "$name"
done
for path in /usr/local/bin /opt/homebrew/bin "$HOME/.local/bin" "$HOME"/.pyenv/versions/*/bin \
        "$HOME"/.local/share/uv/python/*/bin "${XDG_DATA_HOME:-$HOME/.local/share}"/castoff/python/*/bin; do
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        [ -x "$path/$name" ] && try "$path/$name"
    done
done
path=$("${SHELL:-/bin/sh}" -lc 'command -v python3' </dev/null 2>/dev/null | tail -n 1) && [ -n "$path" ] && try "$path"
exit 9
"""
_FETCH_PYTHON = """
data="${XDG_DATA_HOME:-$HOME/.local/share}/castoff"
for uv in "$(command -v uv)" "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv" /usr/local/bin/uv "$data/uv/bin/uv"; do
    [ -n "$uv" ] && [ -x "$uv" ] && break
    uv=
done
if [ -z "$uv" ]; then
    python3 -m venv "$data/uv" && "$data/uv/bin/python" -m pip install --quiet uv || { rm -rf "$data/uv"; exit 8; }
    uv="$data/uv/bin/uv"
fi
export UV_PYTHON_INSTALL_DIR="$data/python" UV_PYTHON_INSTALL_BIN=0 UV_NO_PROGRESS=1
cd / && exec "$uv" python install 3.12
"""


async def find_python(connection: Connection, *, report: Callable[[str], None]) -> str:
    """The path of a Python that can run castoff; fetched there by uv where there is none, which ``report`` is told.

    Raises `HostLacks` where neither is to be had.
    """
    if found := await _find(connection):
        return found
    report(f"{connection.name} has no Python 3.11 or newer; fetching one for castoff alone")
    fetched = await connection.run(["sh", "-c", _FETCH_PYTHON, "sh"], timeout=_UV_SECONDS, check=False)
    if fetched.status == 0 and (found := await _find(connection)):
        return found
    raise HostLacks(
        f"{connection.name} has no Python 3.11 or newer, and uv could not fetch one{_why(fetched)}.",
        "Install one there, as root: apt install python3 python3-venv (Debian 12, Ubuntu 24.04 or later), "
        "or dnf install python3.12.",
        missing=("python3",),
    )


async def _find(connection: Connection) -> str:
    output = await connection.run(["sh", "-c", _FIND_PYTHON, "sh"], check=False)
    return output.text if output.status == 0 else ""


def _why(fetched: Output) -> str:
    said = [line.strip() for line in fetched.stderr.splitlines() if line.strip()]
    return f" ({said[-1].rstrip('.')[:200]})" if said else ""
