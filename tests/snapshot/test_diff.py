import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from snapshot import diff as diff_module
from snapshot.base import record_base
from snapshot.diff import FILE_LIMIT, diff
from snapshot.errors import BaseLost
from tests.snapshot.fingerprint import fingerprint
from tests.snapshot.repos import NASTY, STATES, ignored, no_repository, run, start, write


@pytest.mark.parametrize("state", STATES)
def test_a_base_touches_nothing_and_equals_itself(tmp_path: Path, state: str) -> None:
    tree, store = tmp_path / 'tr: "e\ne"', tmp_path / "store"
    STATES[state](tree)
    before = fingerprint(tree)
    objects = sorted((tree / ".git/objects").rglob("*")) if before else []
    base = record_base(tree, store)
    assert record_base(tree, store) == base
    assert diff(tree, store, base).files == ()
    assert fingerprint(tree) == before
    assert (sorted((tree / ".git/objects").rglob("*")) if before else []) == objects


@pytest.mark.parametrize("state", ["split", "merging", "stashed", "unborn", "no_repository", "shallow", "flagged"])
def test_what_changed_is_shown_whatever_the_state(tmp_path: Path, state: str) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    STATES[state](tree)
    base = record_base(tree, store)
    write(tree, "added/new", "1\n2\n")
    changed = diff(tree, store, base)
    assert [(f.path, f.change, f.added, f.removed, f.binary) for f in changed.files] == [
        ("added/new", "added", 2, 0, False)
    ]
    assert (changed.added, changed.removed) == (2, 0)
    assert changed.files[0].text == "new file mode 100644\n--- /dev/null\n+++ b/added/new\n@@ -0,0 +1,2 @@\n+1\n+2\n"


def test_each_kind_of_change(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    write(tree, "binary", b"\0\1")
    write(tree, "gone", "x\n")
    write(tree, "retyped", "x\n")
    base = record_base(tree, store)
    write(tree, "README", "one\nTWO\nthree\n")
    write(tree, "binary", b"\0\2")
    (tree / "gone").unlink()
    (tree / "src/app.py").chmod(0o755)
    (tree / "retyped").unlink()
    (tree / "retyped").symlink_to("README")
    files = {file.path: file for file in diff(tree, store, base).files}
    assert (files["README"].change, files["README"].added, files["README"].removed) == ("modified", 2, 1)
    assert files["README"].text.endswith("@@ -1,2 +1,3 @@\n one\n-two\n+TWO\n+three\n")
    assert (files["binary"].binary, files["binary"].added, files["binary"].note) == (True, None, "binary")
    assert (files["gone"].change, files["gone"].text.splitlines()[-1]) == ("deleted", "-x")
    assert (files["src/app.py"].mode_before, files["src/app.py"].mode_after) == (0o100644, 0o100755)
    assert files["src/app.py"].text == "old mode 100644\nnew mode 100755\n"
    assert files["retyped"].text.count("@@ ") == 2
    assert len(files) == 5


def test_nasty_names_keep_their_own_text(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    base = record_base(tree, store)
    for number, name in enumerate(NASTY):
        write(tree, name, f"{number}\n")
        write(tree, f"in {name}/{name}", f"inner {number}\ndiff --git a/x b/x\n")
    files = {file.path: file for file in diff(tree, store, base).files}
    assert len(files) == 2 * len(NASTY)
    for number, name in enumerate(NASTY):
        assert f"\n+{number}\n" in files[name].text
        assert f"\n+inner {number}\n+diff --git a/x b/x\n" in files[f"in {name}/{name}"].text


def test_many_files(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    no_repository(tree)
    base = record_base(tree, store)
    for number in range(450):
        write(tree, f"many/{number}", f"line {number}\n")
    files = diff(tree, store, base).files
    assert len(files) == 450
    assert all(file.text.endswith(f"+line {file.path.removeprefix('many/')}\n") for file in files)


def test_long_texts_are_cut_and_it_is_said(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    base = record_base(tree, store)
    write(tree, "long", "0123456789\n" * 40_000)
    write(tree, "huge", "x\n" * 2_000_000)
    for number in range(30):
        write(tree, f"more/{number:02d}", "0123456789\n" * 20_000)
    files = {file.path: file for file in diff(tree, store, base).files}
    assert len(files["long"].text) <= FILE_LIMIT
    assert files["long"].added == 40_000
    shown = files["long"].text.count("\n")
    assert files["long"].note == f"{40_000 + 4 - shown} more lines are not shown"
    assert (files["huge"].text, files["huge"].note, files["huge"].binary) == ("", "too large to compare", False)
    assert files["more/29"].text == ""
    assert files["more/29"].note
    assert sum(len(file.text) for file in files.values()) <= 4 * 1024 * 1024


def test_ignored_files_are_not_shown_and_tracked_ones_are(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    ignored(tree)
    base = record_base(tree, store)
    write(tree, "build/out.o", "other")
    write(tree, "secret.txt", "other")
    write(tree, "build/tracked.txt", "other")
    assert [file.path for file in diff(tree, store, base).files] == ["build/tracked.txt"]


def test_a_same_size_edit_right_after_git_add_is_seen(tmp_path: Path) -> None:
    for attempt in range(6):
        tree, store = tmp_path / f"{attempt}", tmp_path / f"store{attempt}"
        start(tree)
        write(tree, "racy", "old\n")
        run(tree, "add", "racy")
        write(tree, "racy", "new\n")
        base = record_base(tree, store)
        assert b"new" in run(tree, f"--git-dir={store}", "show", f"{base}:racy")


def test_nothing_of_the_trees_configuration_runs(tmp_path: Path) -> None:
    tree, store, proof = tmp_path / "tree", tmp_path / "store", tmp_path / "proof"
    start(tree)
    trap = f"touch {proof} #"
    for name in (
        "core.fsmonitor",
        "diff.external",
        "filter.x.clean",
        "diff.x.textconv",
        "core.pager",
        "core.sshCommand",
    ):
        run(tree, "config", name, trap)
    write(tree, ".gitattributes", "* filter=x diff=x\n")
    hook = write(tree, ".git/hooks/post-index-change", f"#!/bin/sh\n{trap}\n")
    hook.chmod(0o755)
    base = record_base(tree, store)
    write(tree, "README", "changed\n")
    assert len(diff(tree, store, base).files) == 1
    assert not proof.exists()


@pytest.mark.parametrize("rest", ["castoff-index.lock", "HEAD.lock"])
def test_a_rest_of_a_killed_git_is_no_hindrance(tmp_path: Path, rest: str) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    write(store, rest)
    base = record_base(tree, store)
    write(store, rest)
    write(tree, "README", "changed\n")
    assert len(diff(tree, store, base).files) == 1


def test_several_look_at_once(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    with ThreadPoolExecutor(4) as pool:
        bases = set(pool.map(record_base, [tree] * 8, [store] * 8))
        (base,) = bases
        write(tree, "README", "changed\n")
        found = list(pool.map(diff, [tree] * 8, [store] * 8, [base] * 8))
    assert [len(each.files) for each in found] == [1] * 8


def test_exclude_rules_that_are_gone_count_no_more(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    rules = write(tree, ".git/info/exclude", "notes\n")
    write(tree, "notes", "n\n")
    base = record_base(tree, store)
    assert diff(tree, store, base).files == ()
    rules.unlink()
    assert [file.path for file in diff(tree, store, base).files] == ["notes"]


def test_a_lost_base_is_one_sentence(tmp_path: Path) -> None:
    start(tmp_path / "tree")
    with pytest.raises(BaseLost, match="gone"):
        diff(tmp_path / "tree", tmp_path / "store", "1" * 40)


def command(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-I", "-m", "snapshot", *arguments], capture_output=True, check=False)


def test_the_commands_of_the_sandbox(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    ignored(tree)
    write(tree, "snapshot/__init__.py", "raise SystemExit('the user has a folder of that name')\n")
    base = command("base", "--tree", str(tree), "--store", str(store)).stdout.decode()
    write(tree, "README", "changed\n")
    shown = command("diff", "--tree", str(tree), "--store", str(store), "--base", base)
    assert [file["path"] for file in json.loads(shown.stdout)["files"]] == ["README"]
    listed = command("list", "--tree", str(tree)).stdout.split(b"\0")
    assert b"build/tracked.txt" in listed
    assert b"build/out.o" not in listed
    failed = command("list", "--tree", str(tree / "no such"))
    assert (failed.returncode, failed.stdout) == (1, b"")
    assert failed.stderr


def test_large_texts_are_compared_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    base = record_base(tree, store)
    for number in range(12):
        write(tree, f"large/{number}", f"{number} a line of text\n" * 40_000)
    asked: list[int] = []
    real = diff_module._read_patches  # pyright: ignore[reportPrivateUsage] - how much is held is seen nowhere else

    def read_patches(tree: Path, store: Path, chunk: list[Any], base_id: str, now: str) -> dict[bytes, bytes]:
        patches = real(tree, store, chunk, base_id, now)
        asked.append(sum(len(patch) for patch in patches.values()))
        return patches

    monkeypatch.setattr(diff_module, "_read_patches", read_patches)
    found = diff(tree, store, base)
    assert len(found.files) == 12 and asked
    assert max(asked) < 2 * diff_module.TOTAL_LIMIT
