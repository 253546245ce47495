"""Which programs a run would find: asked in a real sandbox, and without one."""

import os
from pathlib import Path

import pytest

from remote import host_tools
from remote.errors import ProgramsUnknown
from remote.facts import collect_facts
from remote.host_tools import find_programs_in, foresee_programs
from remote.launch import wrap_in
from remote.place import Place, SandboxLevel
from remote.sandbox import Bind
from remote.tools import by_name

AT = {"tree_at": "/home/ada/shop", "home_at": "/home/ada"}


@pytest.fixture(autouse=True)
def fresh_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))


@pytest.fixture(params=["open", "none"])
def level(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxLevel:
    if request.param == "open" and collect_facts(tmp_path).sandbox == "none":
        pytest.skip("bubblewrap does not work here")

    def wrap_with_source(place: Place, argv: list[str]) -> list[str]:
        # A host's runtime holds castoff itself; the one that tests run in only points to it.
        return wrap_in(place, argv, [Bind(source=Path(host_tools.__file__).parents[1])])

    monkeypatch.setattr(host_tools, "wrap_in", wrap_with_source)
    return request.param


async def test_what_a_run_would_find(level: SandboxLevel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "only-mine").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "only-mine").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    found = by_name(await foresee_programs(["git", "only-mine", "/home/ada/bin/x"], sandbox=level, **AT))
    assert found["git"].version.startswith("git version")
    # The PATH of a run is its own, whatever castoff's runtime was started with.
    assert (found["only-mine"].path, found["/home/ada/bin/x"].path) == ("", "")
    assert not [path for path in (tmp_path / "state").iterdir() if path.name.startswith("look-")]


async def test_programs_in_the_tree_once_it_is_there(level: SandboxLevel, tmp_path: Path) -> None:
    tree, home = tmp_path / "tree", tmp_path / "home"
    home.mkdir()
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "tool").write_text("#!/bin/sh\n")
    (tree / "bin" / "tool").chmod(0o755)
    tree_at = AT["tree_at"] if level == "open" else str(tree)
    home_at = AT["home_at"] if level == "open" else str(home)
    place = Place(
        host="vm", origin="here", sandbox=level, tree=str(tree), tree_at=tree_at, home=str(home), home_at=home_at
    )
    found = by_name(await find_programs_in(place, ["./bin/tool", "./bin/gone", "sh"]))
    assert [bool(found[name].path) for name in ("./bin/tool", "./bin/gone", "sh")] == [True, False, True]


async def test_a_sandbox_that_cannot_be_built_is_no_empty_answer() -> None:
    with pytest.raises(ProgramsUnknown):
        await foresee_programs(["git"], sandbox="open", tree_at="/usr/x", home_at="/home/ada")


@pytest.mark.parametrize(
    ("argv", "why"), [(["sleep", "600"], "took longer"), (["sh", "-c", "echo no >&2; exit 3"], "no"),
                      (["echo", "hello"], "no sense"), (["/no/such/program"], "No such file")],
)  # fmt: skip
async def test_nobody_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch, argv: list[str], why: str) -> None:
    def wrap_otherwise(place: Place, _: list[str]) -> list[str]:
        return argv

    monkeypatch.setattr(host_tools, "_SECONDS", 0.5)
    monkeypatch.setattr(host_tools, "wrap_in", wrap_otherwise)
    with pytest.raises(ProgramsUnknown, match=why):
        await foresee_programs(["git"], sandbox="none", **AT)
