import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from snapshot.capture import capture, complete
from snapshot.credentials import credential_names, without_credentials
from snapshot.draft import make_draft
from snapshot.errors import GitFailed, SnapshotRefused, TreeChanged
from snapshot.filters import rsync_filters
from snapshot.listed import count
from snapshot.overlay import Overlay
from snapshot.survey import survey
from snapshot.verify import verify
from snapshot.walk import Walked, walk
from tests.snapshot.fingerprint import fingerprint
from tests.snapshot.repos import rsync, run, start, write

SECRET = "s3cret-token"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    start(tree)
    return tree


def send(tree: Path, there: Path) -> None:
    """As the product does: what travels otherwise than it is here comes from the overlay."""
    overlay = there.parent / "overlay"
    manifest = capture(tree, overlay=overlay)
    rsync(tree, there, rsync_filters(tree, manifest.entries), overlay if overlay.exists() else None)
    assert verify(there, manifest) == ()


def settings(tree: Path) -> list[bytes]:
    return run(tree, "config", "--file", ".git/config", "--list").splitlines()


@pytest.mark.parametrize(
    ("name", "value", "left", "shown"),
    [
        ("remote.origin.url", f"https://{SECRET}@example.org/x", "https://example.org/x", "remote.origin.url"),
        ("remote.origin.url", f"https://ann:{SECRET}@example.org/x", "https://example.org/x", "remote.origin.url"),
        ("remote.origin.pushurl", f"ssh://ann:{SECRET}@h/x", "ssh://ann@h/x", "remote.origin.pushurl"),
        ("remote.two.url", f'https://a:{SECRET}@h/"x;#\\ \t', 'https://h/"x;#\\ \t', "remote.two.url"),
        ("http.extraheader", f"Authorization: {SECRET}", None, "http.extraheader"),
        ("http.proxy", f"http://ann:{SECRET}@proxy:3128", "http://proxy:3128", "http.proxy"),
        ("http.https://example.org/.extraheader", SECRET, None, "http.https://example.org/.extraheader"),
        ("credential.helper", f"!echo {SECRET}", None, "credential.helper"),
        ("credential.https://h.helper", f"store --file {SECRET}", None, "credential.https://h.helper"),
        ("sendemail.work.smtppass", SECRET, None, "sendemail.work.smtppass"),
        ("imap.pass", SECRET, None, "imap.pass"),
        ("gitlab.token", SECRET, None, "gitlab.token"),
        ("hub.oauthtoken", SECRET, None, "hub.oauthtoken"),
        (f"url.https://{SECRET}@h/.insteadOf", "x:", "x:", "url.https://…@h/.insteadof"),
    ],
)
def test_credentials_stay_and_everything_else_travels(
    tree: Path, tmp_path: Path, name: str, value: str, left: str | None, shown: str
) -> None:
    # The same bytes with another repository's settings around them.
    run(tree, "config", "core.editor", 'a "quoted" \\ # editor')
    run(tree, "config", "branch.x.y.remote", "origin")
    run(tree, "config", "alias.multi", "one\ntwo")
    before = settings(tree)
    run(tree, "config", name, value)
    (tree / ".git/config").chmod(0o640)
    bytes_before = (tree / ".git/config").read_bytes()
    (kept,) = survey(tree).stays
    assert kept.what == "credentials in .git/config"
    assert shown in kept.why and SECRET not in kept.why
    send(tree, tmp_path / "there")
    assert (tree / ".git/config").read_bytes() == bytes_before
    sent = tmp_path / "there/.git/config"
    assert SECRET.encode() not in sent.read_bytes()
    stripped = name.replace(f"{SECRET}@", "").lower() if name.startswith("url.") else name
    expected = [] if left is None else [f"{stripped}={left}".encode()]
    assert settings(tmp_path / "there") == [*before, *expected]
    assert stat.S_IMODE(sent.stat().st_mode) == 0o640


def test_everything_but_the_settings_is_equal(tree: Path, tmp_path: Path) -> None:
    run(tree, "config", "remote.origin.url", f"https://{SECRET}@example.org/x")
    (tree / ".git").chmod(0o750)
    tree.chmod(0o711)
    before = {key: value for key, value in fingerprint(tree).items() if not key.endswith("config")}
    send(tree, tmp_path / "there")
    after = {key: value for key, value in fingerprint(tmp_path / "there").items() if not key.endswith("config")}
    assert after == before
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o711


def test_a_file_without_credentials_travels_byte_for_byte(tree: Path) -> None:
    write(tree, ".git/config", (tree / ".git/config").read_text() + "# a comment\n\n[x]; odd\n")
    assert without_credentials((tree / ".git/config").read_bytes()) == (tree / ".git/config").read_bytes()
    assert capture(tree, overlay=tree.parent / "overlay").by_path[".git/config"].size
    assert not (tree.parent / "overlay").exists()


def test_a_credential_in_a_comment_stays(tree: Path, tmp_path: Path) -> None:
    write(tree, ".git/config", (tree / ".git/config").read_text() + f"# url = https://{SECRET}@example.org\n")
    assert "a comment" in survey(tree).stays[0].why
    before = settings(tree)
    send(tree, tmp_path / "there")
    assert SECRET.encode() not in (tmp_path / "there/.git/config").read_bytes()
    assert settings(tmp_path / "there") == before


@pytest.mark.parametrize(
    "condition", ["include.path", "includeIf.gitdir:/never/.path", "includeIf.onbranch:other.path"]
)
def test_credentials_in_an_included_file_of_the_repository(tree: Path, tmp_path: Path, condition: str) -> None:
    run(tree, "config", condition, "more")
    write(tree, ".git/more", f"[http]\n\textraHeader = {SECRET}\n[include]\n\tpath = deeper\n")
    write(tree, ".git/deeper", f"[imap]\n\tpass = {SECRET}\n\thost = h\n")
    assert [kept.what for kept in survey(tree).stays] == ["credentials in .git/deeper", "credentials in .git/more"]
    send(tree, tmp_path / "there")
    assert SECRET.encode() not in (tmp_path / "there/.git/more").read_bytes()
    assert (tmp_path / "there/.git/deeper").read_text() == '[imap]\n\thost = "h"\n'


def test_credentials_in_an_included_file_of_the_tree_are_refused(tree: Path) -> None:
    run(tree, "config", "include.path", "../shared.gitconfig")
    write(tree, "shared.gitconfig", f"[http]\n\textraHeader = {SECRET}\n")
    with pytest.raises(SnapshotRefused) as caught:
        capture(tree)
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.path) == ("git-credentials", "shared.gitconfig")
    assert SECRET not in refusal.model_dump_json()


def test_worktree_settings_and_those_of_submodules_not_checked_out(tree: Path, tmp_path: Path) -> None:
    write(tree, ".git/config.worktree", f"[imap]\n\tpass = {SECRET}\n")
    run(tree, "init", "-q", "--bare", ".git/modules/some/lib")
    write(tree, ".git/modules/some/lib/config", f'[remote "o"]\n\turl = https://{SECRET}@h\n')
    send(tree, tmp_path / "there")
    assert (tmp_path / "there/.git/config.worktree").read_bytes() == b""
    assert (tmp_path / "there/.git/modules/some/lib/config").read_text() == '[remote "o"]\n\turl = "https://h"\n'


def test_settings_that_cannot_be_read_are_refused(tree: Path) -> None:
    run(tree, "init", "-q", "--bare", ".git/modules/lib")
    write(tree, ".git/modules/lib/config", "[broken\n")
    assert [(r.code, r.path) for r in survey(tree).refusals] == [("git-broken", ".git/modules/lib/config")]


def test_odd_settings_come_through() -> None:
    data = b'[a "x\\"\\\\y z"]\n\tflag\n\tk = "caf\xe9 \\b"\n'
    whole = data + f"[imap]\n\tpass = {SECRET}\n".encode()
    assert credential_names(whole) == ("imap.pass",)
    assert without_credentials(whole) == data
    with pytest.raises(GitFailed):
        without_credentials(b"[nonsense")


def test_a_change_of_the_settings_meanwhile_is_noticed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from snapshot import second_look

    run(tree, "config", "imap.pass", SECRET)
    real: Callable[..., Walked] = second_look.walk

    def late(*given: object, **known: object) -> Walked:
        run(tree, "config", "imap.host", "h")
        return real(*given, **known)

    monkeypatch.setattr(second_look, "walk", late)
    with pytest.raises(TreeChanged):
        capture(tree)


def test_an_overlay_replaces_only_what_changes(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "overlay"
    write(folder, "rest of an earlier try")
    (tree / "src").chmod(0o750)
    over = Overlay({"README": bytes.upper, "src/app.py": lambda data: data}, folder)
    for found in walk(tree, {".git"}).found:
        path = tree / found.path
        if path.is_file() and over.concerns(found):
            over.replace(found, path.read_bytes())
    over.finish(tree)
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / "README"]
    assert (folder / "README").read_bytes() == b"ONE\nTWO\n"
    assert (folder / "README").stat().st_mtime_ns == (tree / "README").stat().st_mtime_ns
    assert over.find("README") and over.find("src/app.py") is None
    assert not os.access(folder / "src", os.F_OK)


def test_a_draft_lists_what_the_capture_will_hold(tree: Path, tmp_path: Path) -> None:
    """Also of files that travel with other bytes, which are written by then."""
    run(tree, "config", "imap.pass", SECRET)
    (tree / "link").symlink_to("caf\u00e9")
    overlay = tmp_path / "overlay"
    draft = make_draft(tree, overlay=overlay, changes={"README": lambda data: data[:3]})
    assert (overlay / "README").read_bytes() == (tree / "README").read_bytes()[:3]
    assert SECRET.encode() not in (overlay / ".git/config").read_bytes()
    manifest = complete(draft)
    assert [tuple(each) for each in draft.list_tree()] == [(e.path, e.type, e.size) for e in manifest.entries]
    assert count(draft.list_tree()) == (manifest.files, manifest.size)


def test_a_file_that_changes_between_draft_and_capture_is_noticed(tree: Path, tmp_path: Path) -> None:
    """Of a replaced file the copy is made already."""
    draft = make_draft(tree, overlay=tmp_path / "overlay", changes={"README": bytes.upper})
    (tree / "README").write_bytes((tree / "README").read_bytes().swapcase())
    with pytest.raises(TreeChanged):
        complete(draft)
