"""A host without a Python that is new enough gets one of castoff's own, by uv."""

import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from remote import interpreter
from remote.errors import HostLacks
from remote.interpreter import find_python
from tests.hosts import HostForTests

UV = f"""#!/bin/sh
[ "$1 $2 $3" = "python install 3.12" ] || exit 3
mkdir -p "$UV_PYTHON_INSTALL_DIR/cpython-3.12/bin"
printf '%s\\n' '#!/bin/sh' 'exec {sys.executable} "$@"' > "$UV_PYTHON_INSTALL_DIR/cpython-3.12/bin/python3"
chmod 755 "$UV_PYTHON_INSTALL_DIR/cpython-3.12/bin/python3"
"""


@pytest.fixture
def old(embedded_host: HostForTests, monkeypatch: pytest.MonkeyPatch) -> Generator[HostForTests]:
    """A host whose only Python is castoff's own, if there is one."""
    own = '"${XDG_DATA_HOME:-$HOME/.local/share}"/castoff/python/*/bin'
    find = interpreter._FIND_PYTHON  # pyright: ignore[reportPrivateUsage]
    assert own in find
    begin, end = find.index("for name in"), find.index("exit 9")
    only = f"for path in {own}; do [ -x $path/python3 ] && echo $path/python3 && exit 0; done\n"
    monkeypatch.setattr(interpreter, "_FIND_PYTHON", find[:begin] + only + find[end:])
    yield embedded_host
    for name in (".local/share/castoff/python", ".local/bin"):
        shutil.rmtree(embedded_host.home / name, ignore_errors=True)


def _put_uv(host: HostForTests, text: str) -> None:
    program = host.home / ".local" / "bin" / "uv"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(text)
    program.chmod(0o755)


async def test_uv_fetches_one_into_castoffs_own_place(old: HostForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests' own uv may be on the host's PATH; the one of this test is to be used.
    fetch = interpreter._FETCH_PYTHON.replace('"$(command -v uv)"', '""')  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(interpreter, "_FETCH_PYTHON", fetch)
    said: list[str] = []
    _put_uv(old, UV)
    async with await old.connect() as connection:
        python = await find_python(connection, report=said.append)
        assert Path(python).is_relative_to(old.home / ".local/share/castoff/python")
        assert (await connection.run([python, "-c", "print(1)"])).text == "1"
        assert await find_python(connection, report=said.append) == python
    assert len(said) == 1 and "fetching one for castoff alone" in said[0], "the second time it is there"


async def test_where_uv_fails_it_says_why_and_what_root_does(
    old: HostForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = interpreter._FETCH_PYTHON.replace('"$(command -v uv)"', '""')  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(interpreter, "_FETCH_PYTHON", fetch)
    _put_uv(old, "#!/bin/sh\necho 'error: Failed to download.' >&2\nexit 2\n")
    async with await old.connect() as connection:
        with pytest.raises(HostLacks, match=r"no Python 3.11 or newer, .* \(error: Failed to download\)") as caught:
            await find_python(connection, report=lambda line: None)
    assert "apt install python3 python3-venv" in caught.value.way_out
