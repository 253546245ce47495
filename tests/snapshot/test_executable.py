"""What of a run's changes a tool would run or obey by itself: by name, by content, by what git's settings say."""

import subprocess
from pathlib import Path

import pytest

from snapshot.changes import Change
from snapshot.executable import find_executables
from snapshot.git_obeys import find_obeyed
from snapshot.manifest import Entry


def added(path: str, kind: str = "file") -> Change:
    return Change(path=path, change="added", before=None, after=entry(path, kind))


def entry(path: str, kind: str = "file") -> Entry:
    return Entry.model_validate({"path": path, "type": kind, "mode": 0o644, "size": 0, "mtime_ns": 0, "digest": ""})


def asked(*paths: str, repositories: tuple[str, ...] = (), obeyed: frozenset[str] = frozenset()) -> list[str]:
    changes = [added(path) for path in paths]
    found = find_executables(changes, lambda _: None, lambda _: None, repositories=repositories, obeyed=obeyed)
    return [each.change.path for each in found]


@pytest.mark.parametrize(
    "path",
    [
        *(".github/workflows/ci.yml", ".gitlab-ci.yml", "Jenkinsfile", "Makefile", "sub/makefile", "rules.mk"),
        *(".claude/settings.json", ".mcp.json", ".codex/config.toml", "AGENTS/.gemini/x", ".castoff.toml"),
        *(".vscode/tasks.json", ".idea/x.xml", ".devcontainer/devcontainer.json", "x.code-workspace", ".envrc"),
        *(".husky/pre-commit", ".githooks/pre-push", "tools/hooks/x", ".gitattributes", ".gitmodules", "a/.gitconfig"),
        *("conftest.py", "setup.py", "sitecustomize.py", "lib/x.pth", "noxfile.py", "build.rs", ".npmrc"),
        *("Dockerfile", "Dockerfile.dev", "compose.yaml", ".pre-commit-config.yaml", ".cargo/config.toml"),
    ],
)
def test_what_a_tool_runs_by_itself(path: str) -> None:
    assert asked(path) == [path]


@pytest.mark.parametrize("path", ["src/main.py", "README.md", "docs/make.md", "hook.py", "github/x", "data.json"])
def test_what_none_runs(path: str) -> None:
    assert asked(path) == []


def test_deletions_are_none() -> None:
    gone = added("Makefile").model_copy(update={"change": "deleted", "before": added("Makefile").after, "after": None})
    assert find_executables([gone], lambda _: None, lambda _: None) == ()


def test_what_becomes_a_program() -> None:
    before = entry("run.sh")
    now = before.model_copy(update={"mode": 0o755})
    change = Change(path="run.sh", change="modified", before=before, after=now)
    assert find_executables([change], lambda _: b"", lambda _: b"")
    was = change.model_copy(update={"before": now, "after": now.model_copy(update={"digest": "0" * 64})})
    assert find_executables([was], lambda _: b"", lambda _: b"") == ()


@pytest.mark.parametrize(
    ("name", "left", "run", "counts"),
    [
        ("package.json", '{"version": "1"}', '{"version": "2"}', False),
        ("package.json", '{"version": "1"}', '{"scripts": {"postinstall": "evil"}}', True),
        ("package.json", '{"version": "1"}', "{", True),
        ("pyproject.toml", '[project]\nname = "a"\n', '[project]\nname = "b"\n', False),
        ("pyproject.toml", '[project]\nname = "a"\n', '[build-system]\nbuild-backend = "evil"\n', True),
        ("pyproject.toml", "", '[tool.pytest.ini_options]\naddopts = "-p evil"\n', True),
    ],
)
def test_parts_of_files_that_tools_run(name: str, left: str, run: str, counts: bool) -> None:
    before = entry(name)
    change = Change(path=name, change="modified", before=before, after=before.model_copy(update={"digest": "1" * 64}))
    found = find_executables([change], lambda _: left.encode(), lambda _: run.encode())
    assert bool(found) == counts
    assert find_executables([change], lambda _: None, lambda _: run.encode()), "what cannot be read counts as changed"


def test_a_folder_that_poses_as_a_repository() -> None:
    assert asked("x/HEAD", "x/objects/a", "x/refs/b") == ["x/HEAD"]
    assert asked("x/config", "x/commondir", "y/config", repositories=("x",)) == ["x/config", "x/commondir"]
    assert asked("HEADER", "config", "src/head.py") == []


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("include.path", "../settings.inc", "settings.inc"),
        ("includeIf.gitdir:/.path", "../more.inc", "more.inc"),
        ("core.hooksPath", "tools/git", "tools/git/pre-push"),
        ("core.hooksPath", "Tools", "tools/pre-push"),
        ("core.fsmonitor", "./watch.sh", "watch.sh"),
        ("filter.x.clean", "python3 scripts/clean.py --fast", "scripts/clean.py"),
        ("diff.x.textconv", "./show", "show"),
        ("alias.up", "!sh bin/up.sh", "bin/up.sh"),
    ],
)
def test_what_gits_settings_name(tmp_path: Path, name: str, value: str, path: str) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert find_obeyed(tmp_path) == frozenset()
    subprocess.run(["git", "-C", tmp_path, "config", name, value], check=True)
    obeyed = find_obeyed(tmp_path)
    assert asked(path, "other.txt", obeyed=obeyed) == [path]


def test_a_folder_that_a_command_works_on(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "src").mkdir()
    for name, value in (("filter.x.clean", "tidy src"), ("alias.l", "log src/a.py"), ("core.hooksPath", "hooks.d")):
        subprocess.run(["git", "-C", tmp_path, "config", name, value], check=True)
    assert asked("src/a.py", "hooks.d/x", obeyed=find_obeyed(tmp_path)) == ["hooks.d/x"]


def test_a_link_in_place_of_a_folder_of_hooks() -> None:
    link = added("tools", "symlink")
    assert find_executables([link], lambda _: None, lambda _: None, obeyed={"tools/git"})


def test_a_tree_without_repository(tmp_path: Path) -> None:
    assert find_obeyed(tmp_path) == frozenset()
