"""The settings file."""

from pathlib import Path

import pytest

from remote.config import Host, Settings, make_host
from remote.errors import HostInvalid, HostNotConfigured, SettingsDamaged


def test_hosts_are_added_listed_and_removed(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "config.toml")
    assert settings.hosts() == ()
    box = make_host("box", "ann@box.example", port=2222, identity="~/.ssh/box")
    settings.add(box)
    settings.add(make_host("alias", "alias"))
    assert settings.hosts() == (box, Host(name="alias", destination="alias"))
    assert (box.login, box.address) == ("ann", "box.example")
    assert (tmp_path / "config.toml").stat().st_mode & 0o777 == 0o600
    settings.remove("box")
    assert [host.name for host in settings.hosts()] == ["alias"]
    with pytest.raises(HostNotConfigured, match="no host 'box' in the settings \\(known: alias\\)") as caught:
        settings.host("box")
    assert "castoff host add box" in caught.value.way_out


def test_comments_and_unknown_keys_survive(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    text = '# mine\n[ui]\ntheme = "x"  # dark\n\n[hosts.box]\n# big\ndestination = "box"\nport = 22 # odd\nnew = 1\n'
    path.write_text(text)
    settings = Settings(path)
    settings.add(make_host("box", "ann@box", port=2222))
    assert path.read_text() == text.replace('"box"', '"ann@box"').replace("port = 22 ", "port = 2222 ")
    settings.add(make_host("other", "other"))
    assert path.read_text().startswith("# mine\n[ui]")
    assert [host.name for host in settings.hosts()] == ["box", "other"]


@pytest.mark.parametrize(
    "text",
    [
        b"[hosts",
        b"\xff",
        b"hosts = 3",
        b"[hosts]\nbox = 3",
        b"[hosts.box]\nport = 3",
        b'[hosts.box]\ndestination = "a b"',
    ],
)
def test_damaged_file_is_told_and_kept(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text)
    settings = Settings(path)
    for action in (settings.hosts, lambda: settings.add(make_host("x", "x"))):
        if text.startswith(b"[hosts.box]") and action != settings.hosts:
            continue  # another host can still be added beside a bad one
        with pytest.raises(SettingsDamaged, match=r"The settings file .* cannot be used: ") as caught:
            action()
        assert caught.value.way_out
        assert path.read_bytes() == text


@pytest.mark.parametrize(
    ("name", "destination", "port"),
    [
        *[(name, "box", 22) for name in ("", "-x", "a/b", "a b", "here")],
        *[("box", to, 22) for to in ("", "-oProxyCommand=x", "a b", "a@-b", "a\nb")],
        *[("box", "box", port) for port in (0, 65536)],
    ],
)
def test_unusable_hosts_are_refused(name: str, destination: str, port: int) -> None:
    with pytest.raises(HostInvalid, match="This host cannot be used: "):
        make_host(name, destination, port=port)
