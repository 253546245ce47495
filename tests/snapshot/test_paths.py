import pytest

from snapshot.digest import text_digest
from snapshot.manifest import Entry, Manifest
from snapshot.paths import check_paths


def file(path: str) -> Entry:
    return Entry(path=path, type="file", mode=0o644, size=0, mtime_ns=0, digest="0" * 64)


def link(path: str, target: str) -> Entry:
    digest = text_digest(target)
    return Entry(path=path, type="symlink", mode=0o777, size=len(target), mtime_ns=0, digest=digest, target=target)


def codes(*entries: Entry, base: tuple[Entry, ...] = ()) -> list[str]:
    return [problem.code for problem in check_paths(Manifest(entries=entries), Manifest(entries=base))]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/etc/passwd", "absolute"),
        ("", "nul"),
        ("a\0b", "nul"),
        ("..", "traversal"),
        ("a/../b", "traversal"),
        ("a//b", "traversal"),
        ("./a", "traversal"),
        ("a\\..\\b", "traversal"),
        ("x/" + "n" * 256, "too-long"),
        ("é" * 128, "too-long"),
        ("/".join(["d" * 200] * 21), "too-long"),
        ("a/.git", "git-name"),
        ("a/.git/hooks/x", "git-name"),
        (".GIT/config", "git-name"),
        (".Git", "git-name"),
        ("a/.g\u200cit/x", "git-name"),
        ("\ufeff.git", "git-name"),
        ("git~1", "git-name"),
        ("a/GIT~2/x", "git-name"),
        (".git ", "git-name"),
        (".git. .", "git-name"),
        (".git::$INDEX_ALLOCATION", "git-name"),
        ("a\\.git\\config", "git-name"),
        ("a.", "trailing"),
        ("a /b", "trailing"),
        ("con", "reserved"),
        ("src/aux.c", "reserved"),
        ("COM1", "reserved"),
        ("lpt9.txt", "reserved"),
        ("nul:x", "reserved"),
    ],
)
def test_refused_names(path: str, code: str) -> None:
    assert codes(file(path)) == [code]


@pytest.mark.parametrize(
    "path",
    [
        ".gitignore",
        ".github/x",
        ".gitmodules",
        "a.git",
        "git",
        "new\nline",
        "-rf",
        "a b",
        "..a",
        "...a",
        "console",
        "com10",
        "auxiliary.c",
        "back\\slash",
        "n" * 255,
        "*?[",
    ],
)
def test_accepted_names(path: str) -> None:
    assert codes(file(path)) == []


def test_names_that_came_from_here_are_accepted() -> None:
    assert codes(file("aux.c"), base=(file("aux.c"),)) == []
    assert codes(file("Readme"), file("README"), base=(file("Readme"), file("README"))) == []


@pytest.mark.parametrize("pair", [("README", "readme"), ("straße", "STRASSE"), ("caf\u00e9", "cafe\u0301")])
def test_two_names_for_one(pair: tuple[str, str]) -> None:
    assert codes(file(pair[0]), file(pair[1])) == ["collision"]
    assert codes(file(f"a/{pair[0]}"), file(f"b/{pair[1]}")) == []


@pytest.mark.parametrize(
    ("path", "target", "code"),
    [
        ("l", "/etc/passwd", "link-outside"),
        ("l", "..", "link-outside"),
        ("l", "../x", "link-outside"),
        ("a/l", "../../x", "link-outside"),
        ("a/l", "b/../../x", "link-outside"),
        ("a/l", "s/../..", "link-outside"),
        ("l", ".git/hooks/pre-commit", "link-git"),
        ("a/l", "../.GIT/config", "link-git"),
    ],
)
def test_refused_links(path: str, target: str, code: str) -> None:
    assert codes(link(path, target)) == [code]
    assert codes(link(path, target), base=(link(path, target),)) == []
    assert codes(link(path, target), base=(link(path, "elsewhere"),)) == [code]


@pytest.mark.parametrize(("path", "target"), [("l", "x"), ("a/l", "../x"), ("a/l", ".././x//y"), ("l", "no/such")])
def test_accepted_links(path: str, target: str) -> None:
    assert codes(link(path, target)) == []


def test_a_link_whose_digest_is_another_targets() -> None:
    assert codes(link("l", "x").model_copy(update={"target": "y"})) == ["link"]


def test_git_itself_is_never_taken() -> None:
    assert codes(file(".git/hooks/post-checkout")) == []
