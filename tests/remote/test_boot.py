"""What takes runs up after a restart: the texts, and a crontab that is changed in our line only.

Cron and a user's systemd do not run where the tests do: ``crontab`` is a double here, the unit is read by systemd's
own verifier where that is installed.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from remote import boot
from remote.boot import cron_line, install_hook, look_at_hook, read_hook, remove_hook, unit_text, without_line
from remote.errors import RebootUnready

CRONTAB = """#!/bin/sh
table="$(dirname "$0")/table"
case "$1" in
    -l) if [ -e "$table" ]; then cat "$table"; else echo "no crontab for $LOGNAME" >&2; exit 1; fi ;;
    -) cat > "$table" ;;
esac
"""
ODD = '/home/ann o\'brien/100% "sure" $HOME\\x'


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the double keeps its table; there is no systemd."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "crontab").write_text(CRONTAB)
    (programs / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CASTOFF_BOOT", raising=False)
    monkeypatch.setattr(boot, "_install_unit", _no_systemd)
    return programs / "table"


def _no_systemd(*_: object) -> None:
    raise RebootUnready("Systemd does not run here.")


def make_state(tmp_path: Path) -> Path:
    state = tmp_path / "my 100%\x0c\u2028state"
    state.mkdir()
    return state


def lines_of(text: str) -> list[str]:
    """As cron sees them: ended by line feeds alone."""
    return text.removesuffix("\n").split("\n") if text else []


@pytest.mark.parametrize("before", [None, "", "5 4 * * * mine # castoff\n", "MAILTO=ann", "# page\x0cbreak\n"])
def test_a_line_comes_and_goes_and_nothing_else(tmp_path: Path, crontab: Path, before: str | None) -> None:
    state = make_state(tmp_path)
    if before is not None:
        crontab.write_text(before)
    for _ in range(2):
        install_hook(state)
    lines = lines_of(crontab.read_text())
    assert lines[:-1] == lines_of(before or "") and lines[-1].startswith("@reboot ")
    assert "crontab line" in look_at_hook(state)
    remove_hook(state)
    assert lines_of(crontab.read_text()) == lines_of(before or "") and read_hook(state) is None
    remove_hook(state)


def test_a_line_that_somebody_took_out_is_told_and_put_back(tmp_path: Path, crontab: Path) -> None:
    state = make_state(tmp_path)
    install_hook(state)
    crontab.write_text("")
    with pytest.raises(RebootUnready, match="not there any more"):
        look_at_hook(state)
    install_hook(state)
    assert look_at_hook(state)


def test_another_runtime_takes_the_place_of_the_earlier_one(
    tmp_path: Path, crontab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = make_state(tmp_path)
    monkeypatch.setattr("sys.executable", "/old/python")
    install_hook(state)
    monkeypatch.setattr("sys.executable", "/new/python")
    install_hook(state)
    assert "/old/" not in crontab.read_text() and crontab.read_text().count("@reboot") == 1


def test_a_crontab_that_cannot_be_read_is_not_overwritten(tmp_path: Path, crontab: Path) -> None:
    (crontab.parent / "crontab").write_text("#!/bin/sh\n[ $1 = -l ] && { echo not allowed >&2; exit 1; }\ntouch wrote")
    with pytest.raises(RebootUnready, match="not allowed"):
        install_hook(make_state(tmp_path))
    assert list(tmp_path.glob("my*/boot.json")) == []


def test_a_host_that_is_no_machine_of_its_own_is_left_alone(
    tmp_path: Path, crontab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTOFF_BOOT", "off")
    with pytest.raises(RebootUnready, match="switched off"):
        install_hook(make_state(tmp_path))
    assert not crontab.exists()


def test_the_variables_that_matter_are_kept_and_no_others(
    tmp_path: Path, crontab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    state = make_state(tmp_path)
    assert install_hook(state).variables["PATH"] == os.environ["PATH"]
    assert "sk-secret" not in (state / "boot.json").read_text() + crontab.read_text()
    assert (state / "boot.json").stat().st_mode & 0o777 == 0o600


def test_cron_gives_the_words_to_a_shell_as_they_are(tmp_path: Path) -> None:
    """Cron turns ``\\%`` into ``%``, and ends the command at a bare one."""
    line = cron_line(["printf", "%s\n".strip(), ODD], Path(ODD))
    assert line.count("%") == line.count(r"\%")
    command = line.removeprefix("@reboot ").replace(r"\%", "%")
    said = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True).stdout
    assert said.decode() == ODD
    assert without_line(f"a\n{line}\nb\n", Path(ODD)) == "a\nb\n"
    with pytest.raises(RebootUnready):
        cron_line(["a\n@reboot evil"], Path("/"))


def test_the_unit_keeps_what_it_started() -> None:
    text = unit_text(["/usr/bin/python3", "-I", ODD])
    assert "KillMode=process" in text and "Type=oneshot" in text and "WantedBy=default.target" in text
    assert r'ExecStart="/usr/bin/python3" "-I" "/home/ann o' in text
    assert '100%% \\"sure\\" $$HOME\\\\x"' in text
    assert len(unit_text(["a\nExecStart=/bin/evil"]).splitlines()) == len(text.splitlines())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd's own verifier is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / boot.unit_name(tmp_path)
    unit.write_text(unit_text(["/bin/sh", "-c", ODD]))
    argv = ["systemd-analyze", "verify", "--user", "--man=no", str(unit)]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, "")
