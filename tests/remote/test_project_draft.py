from pathlib import Path

from agent.setup import SetupCommand
from remote.project import parse_settings
from remote.project_draft import find_draft, write_draft
from tests.snapshot.repos import run, write


def make(tree: Path, *names: str) -> Path:
    tree.mkdir()
    run(tree, "init", "-q")
    write(tree, ".gitignore", "node_modules/\n.env*\n")
    for name in names:
        write(tree, name, "")
    return tree


def test_lock_files_become_commands_and_the_first_of_a_kind_counts(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", "uv.lock", "requirements.txt", "package-lock.json", "Cargo.lock")
    settings = parse_settings(write_draft(find_draft(tree)), "it")
    assert [(each.run, each.files) for each in settings.setup] == [
        ("uv sync --locked", ("uv.lock",)),
        ("npm ci", ("package-lock.json",)),
        ("cargo fetch --locked", ("Cargo.lock",)),
    ]


def test_settings_files_are_named_with_a_warning_and_stay(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", "requirements.txt")
    write(tree, ".env", "export API_TOKEN=hunter2\nPATH=/bin\n# NOT=this\nDEBUG=1\n")
    write(tree, ".env.local\n[budget]", "EVIL=1\n")
    draft = find_draft(tree)
    text = write_draft(draft, ["vm"])
    assert draft.settings_files == (".env",) and draft.variables == ("API_TOKEN", "DEBUG")
    assert "hunter2" not in text and '# env = ["API_TOKEN", "DEBUG"]' in text and '# host = "vm"' in text
    settings = parse_settings(text, "it")
    assert settings.include == () and settings.env == () and settings.host == ""
    assert draft.setup == (
        SetupCommand(
            run="python3 -m venv .venv && .venv/bin/pip install -r requirements.txt", files=("requirements.txt",)
        ),
    )


def test_what_is_commented_out_is_right_once_it_is_not(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", ".env")
    rows = write_draft(find_draft(tree), ["vm"]).splitlines()
    live = "\n".join(row.removeprefix("# ") if " = " in row or row == "# [budget]" else row for row in rows)
    settings = parse_settings(live, "it")
    assert settings.include == (".env",) and settings.exclude == ("scratch/",) and settings.host == "vm"
    assert settings.setup and settings.env and settings.budget.max_turns == 50


def test_what_git_ignores_is_listed_with_its_size_and_a_hostile_name_stays_a_comment(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", 'a"]\nenv = ["PATH')
    write(tree, "node_modules/big.js", b"x" * 2_500_000)
    write(tree, ".gitignore", "node_modules/\n*PATH\n")
    text = write_draft(find_draft(tree))
    assert "#   node_modules/  1 file, 2.5 MB" in text
    assert parse_settings(text, "it").env == ()


def test_a_monorepos_lock_files_two_levels_down_count_and_no_others(tmp_path: Path) -> None:
    tree = make(
        tmp_path / "tree",
        "pnpm-lock.yaml",
        "apps/web/package-lock.json",
        "apps/it's odd/uv.lock",
        "apps/-dash/uv.lock",
        "apps/$(x)/uv.lock",
        "libs with space/Cargo.lock",
        "docs/requirements.txt",
        "a/b/c/uv.lock",
        "tests/fixtures/uv.lock",
        "web/node_modules/yarn.lock",
        ".hidden/uv.lock",
        "api/uv.lock",
    )
    write(tree, "api/.env", "DATABASE_URL=x\n")
    settings = parse_settings(text := write_draft(draft := find_draft(tree)), "it")
    assert [(each.run, each.files) for each in settings.setup] == [
        ("pnpm install --frozen-lockfile", ("pnpm-lock.yaml",)),
        ("cd api && uv sync --locked", ("api/uv.lock",)),
        ("cd apps/web && npm ci", ("apps/web/package-lock.json",)),
        ("cd 'libs with space' && cargo fetch --locked", ("libs with space/Cargo.lock",)),
    ]
    assert (draft.settings_files, draft.variables) == (("api/.env",), ("DATABASE_URL",))
    assert '# include = ["api/.env"]' in text


def test_a_large_monorepo_gets_so_many_commands_and_the_names_of_the_rest(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", *(f"services/s{number:02}/go.sum" for number in range(30)))
    draft = find_draft(tree)
    assert len(draft.setup) == 12 and len(draft.more_folders) == 18
    text = write_draft(draft)
    assert "too: services/s12, " in text and "services/s23 and 6 more" in text and "s24" not in text
    assert len(parse_settings(text, "it").setup) == 12
