"""A control group of its own: asked for where linger is on and it works. ``systemd-run`` is a double here."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote import scope

_DOUBLE = """#!/bin/sh
test "$XDG_RUNTIME_DIR" || exit 1
echo "$*" >> "$(dirname "$0")/asked"
test -e "$(dirname "$0")/broken" && exit 1
while [ "$1" != -- ]; do shift; done
shift
INVOCATION_ID=x exec "$@"
"""
"""It is a shell, and adds ``PWD``; the real one does not."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the double is; linger is on."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "systemd-run").write_text(_DOUBLE)
    (place / "systemd-run").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    monkeypatch.setattr(scope, "lingers", lambda: True)
    scope._works.cache_clear()  # pyright: ignore[reportPrivateUsage]
    yield place
    scope._works.cache_clear()  # pyright: ignore[reportPrivateUsage]


def test_the_program_gets_its_words_and_variables_and_stays_the_process(programs: Path) -> None:
    script = "import os, sys; print(os.getpid(), sys.argv[1:], sorted({*os.environ} - {'LC_CTYPE', 'PWD'}))"
    argv = scope.scoped([sys.executable, "-c", script, "a b", "--", "$x"])
    env = {"PATH": os.environ["PATH"], "HOME": "/"}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate(timeout=60)
    assert said.split(" ", 1) == [str(process.pid), "['a b', '--', '$x'] ['HOME', 'PATH']\n"]
    asked = (programs / "asked").read_text().splitlines()[-1]
    assert asked.startswith("--user --scope --quiet --collect --property MemoryMax=80% ") and "TasksMax=4096" in asked


def test_without_linger_its_groups_would_end_with_the_login(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "lingers", lambda: False)
    assert scope.scoped(["true"]) == ["true"] and not (programs / "asked").exists()


def test_where_it_does_not_work_the_program_starts_as_ever(programs: Path) -> None:
    (programs / "broken").touch()
    assert scope.scoped(["true"]) == ["true"]


def test_an_account_is_known_by_its_number_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "_LINGER", tmp_path)
    monkeypatch.setenv("LOGNAME", "somebody-else")
    (tmp_path / pwd.getpwuid(os.getuid()).pw_name).touch()
    assert scope.lingers()
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    assert not scope.lingers()
