"""Themes are validated data; settings survive; the start is light."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from textual.color import Color
from textual.widget import Widget

from agent.sessions import create_session
from tests.tui import recorded
from tests.tui.conftest import Stage
from tests.tui.doubles import DoubleBackend
from tui.app_settings import read_settings, write_key, write_settings
from tui.backend import Settings, Signpost
from tui.chooser import Chooser
from tui.composer import Composer
from tui.drawing import words
from tui.drawing.lines import Role
from tui.errors import SettingsError, ThemeError
from tui.theming import ThemeFile, read_theme, read_themes, themes_dir
from tui.transcript import Transcript
from tui.wiring import World


def test_the_shipped_themes_are_valid_and_the_terminals_own_comes_first() -> None:
    names = ["terminal", "beacon", "chart", "daylight", "fjord", "harbour"]
    assert [t.name for t in read_themes()] == names
    assert [t.name for t in read_themes() if t.terminal] == ["terminal"]


@pytest.mark.parametrize("theme", [pytest.param(t, id=t.name) for t in read_themes() if not t.terminal])
def test_themes_are_readable(theme: ThemeFile) -> None:
    """Text has a contrast of 4.5 to 1 against its background (WCAG AA), muted text too."""
    c = theme.colours
    for colour in (c.foreground, c.muted, c.accent, c.ok, c.warn, c.bad, c.code):
        for ground in (c.background, c.raised):
            assert _contrast(colour, ground) >= 4.5, (colour, ground)
    assert _contrast(c.ok, c.added) >= 4.5 and _contrast(c.bad, c.removed) >= 4.5


@pytest.mark.parametrize("theme", [t for t in read_themes() if "high contrast" in t.title], ids=lambda t: t.name)
def test_high_contrast_is_high(theme: ThemeFile) -> None:
    """7 to 1 (WCAG AAA), also where text is selected or of a diff; rules 3 to 1, as all that is not text."""
    c = theme.colours
    grounds = (c.background, c.raised)
    texts = (c.foreground, c.muted, c.accent, c.ok, c.warn, c.bad, c.code)
    pairs = [(text, ground) for text in texts for ground in grounds]
    for text, ground in (*pairs, (c.foreground, c.selection), (c.ok, c.added), (c.bad, c.removed)):
        assert _contrast(text, ground) >= 7, (text, ground)
    assert _contrast(c.rule, c.background) >= 3


def test_there_is_high_contrast_for_both() -> None:
    assert {t.dark for t in read_themes() if "high contrast" in t.title} == {True, False}


def _contrast(a: str, b: str) -> float:
    first, second = sorted((_light(a), _light(b)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _light(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("#e3a857", "orange"), "not valid at colours.accent"),
        (('name = "harbour"', 'name = "harbour'), "not valid TOML"),
        (("[colours]", "[colours]\npink = '#ffffff'"), "not valid at colours.pink"),
    ],
)
def test_a_bad_theme_is_a_sentence(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text((themes_dir() / "harbour.toml").read_text().replace(*change))
    with pytest.raises(ThemeError, match=said):
        read_theme(path)


def test_no_themes_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ThemeError, match="There is no theme"):
        read_themes(tmp_path)


async def test_a_theme_is_chosen_and_remembered(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.workspace.query_one(Composer).replace_draft("/theme daylight")
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.app.theme == "castoff-daylight")
        assert stand.backend.kept.theme == "daylight"
        await stand.pilot.press("f9")
        await stand.wait(lambda: isinstance(stand.app.screen, Chooser))
        await stand.pilot.press("down")
        await stand.wait(lambda: stand.app.theme == "castoff-fjord")
        await stand.pilot.press("escape")
        await stand.wait(lambda: stand.app.theme == "castoff-daylight")
        assert stand.backend.kept.theme == "daylight", "what was only tried is not kept"
        await stand.pilot.press("f9", *"harb", "enter")
        await stand.wait(lambda: stand.backend.kept.theme == "harbour")
        assert stand.app.theme == "castoff-harbour"


async def test_themes_of_ones_own_are_read_anew_as_they_change(stage: Stage, tmp_path: Path) -> None:
    mine = (themes_dir() / "harbour.toml").read_text().replace('name = "harbour"', 'name = "mine"')
    (tmp_path / "mine.toml").write_text(mine)
    (tmp_path / "wrong.toml").write_text(mine.replace("#e3a857", "ansi_orange"))
    backend = DoubleBackend(recorded.working())
    backend.themes_folder = tmp_path
    backend.kept = backend.kept.model_copy(update={"theme": "mine"})
    async with stage(backend) as stand:
        await stand.wait(lambda: stand.app.theme == "castoff-mine")
        assert any("not valid at colours.accent: there is no colour 'ansi_orange'" in n for n in stand.notices)
        view = stand.workspace.query_one(Transcript)
        assert view.style_of("key").color == Color.parse("#e3a857").rich_color
        (tmp_path / "mine.toml").write_text(mine.replace("#e3a857", "#aabbcc"))
        await stand.wait(lambda: view.style_of("key").color == Color.parse("#aabbcc").rich_color)
        (tmp_path / "mine.toml").write_text("half a fi")
        await stand.wait(lambda: any("not valid TOML" in n for n in stand.notices))
        assert stand.app.theme == "castoff-mine", "half a file takes nothing away"
        for path in tmp_path.iterdir():
            path.unlink()
        await stand.wait(lambda: stand.app.theme == "castoff-terminal")


@pytest.mark.parametrize("name", ["terminal", "daylight"])
async def test_each_role_has_the_themes_colour(stage: Stage, name: str) -> None:
    backend = DoubleBackend(recorded.working())
    backend.kept = backend.kept.model_copy(update={"theme": name})
    async with stage(backend) as stand:
        await stand.wait(lambda: stand.app.theme == f"castoff-{name}")
        view, colours = stand.workspace.query_one(Transcript), next(t.colours for t in read_themes() if t.name == name)
        wanted: tuple[tuple[Role, str], ...] = (("muted", colours.muted), ("bad", colours.bad), ("key", colours.accent))
        for role, colour in wanted:
            assert view.style_of(role).color == Color.parse(colour).rich_color
        assert view.style_of("muted").dim is (True if name == "terminal" else None)
        assert view.style_of("strong").bold


async def test_a_start_styles_few_nodes(stage: Stage) -> None:
    """A class for each role on each widget would be 1,700 of them: half of the time to the first paint."""
    async with stage(DoubleBackend()) as stand:
        widgets = stand.workspace.walk_children(Widget, with_self=True)
        assert 0 < sum(len(type(w).COMPONENT_CLASSES) for w in widgets) < 100


async def test_no_color_is_honoured(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    backend = DoubleBackend(recorded.working())
    backend.kept = backend.kept.model_copy(update={"theme": "harbour"})
    async with stage(backend) as stand:
        assert stand.app.no_color
        assert "e3a857" not in stand.app.export_screenshot()


def test_settings_survive_with_their_comments(tmp_path: Path) -> None:
    path = tmp_path / "app.toml"
    assert read_settings(path) == Settings()
    path.write_text('# mine\ntheme = "daylight"\nfuture = 1\n[keys]\n"app.quit" = "f12"\n')
    settings = read_settings(path)
    assert settings.keys == {"app.quit": "f12"}
    write_settings(path, settings.model_copy(update={"last_host": "vm"}))
    assert "# mine" in path.read_text() and "future = 1" in path.read_text()
    assert read_settings(path) == settings.model_copy(update={"last_host": "vm"})


def test_changed_keys_are_kept_beside_what_else_is_there(tmp_path: Path) -> None:
    path = tmp_path / "app.toml"
    path.write_text('[keys]\n# runs\n"app.runs" = "f12"\n"app.quit" = "f5"\n[future]\nx = 1\n')
    write_key(path, "app.quit", "")
    write_key(path, "diff.back", "q")
    assert read_settings(path).keys == {"app.runs": "f12", "diff.back": "q"}
    assert "# runs" in path.read_text() and "[future]" in path.read_text()
    path.unlink()
    write_key(path, "app.runs", "f12")
    assert read_settings(path).keys == {"app.runs": "f12"}


def test_damaged_settings_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "app.toml"
    path.write_text("theme = [")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(path)


def test_the_start_imports_little() -> None:
    """What the first paint does not need is not imported before it; the guard itself sees a late import."""
    heavy = "('acp', 'pydantic_ai', 'asyncssh', 'apprise', 'watchfiles', 'tomlkit')"
    for module, expected in (("tui.app, tui.wiring", "[]"), ("tui.app, watchfiles", "['watchfiles']")):
        code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
        root = str(Path(__file__).parents[2])
        found = subprocess.run(
            [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {root!r}); {code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == expected


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    (tmp_path / "project").mkdir()
    return World(tmp_path / "project")


async def test_the_world_finds_the_projects_newest_session(world: World, tmp_path: Path) -> None:
    assert world.current() is None
    create_session(tmp_path / "state", tmp_path / "elsewhere", "builtin")
    assert world.current() is None
    place = world.create(world.agents[0])
    assert world.current() == place and place.agent == "builtin" and place.host == ""
    lease = tmp_path / "state" / "sessions" / place.session_id / "lease.json"
    lease.write_text('{"epoch": 2, "state": "away", "to": "vm"}')
    found = world.current()
    assert isinstance(found, Signpost) and found.certain and found.place.host == "vm"
    lease.write_text('{"epoch": 1, "state": "offered", "to": "vm"}')
    found = world.current()
    assert isinstance(found, Signpost) and not found.certain
    await world.close()


async def test_the_world_remembers_and_has_no_hosts_yet(world: World) -> None:
    assert world.hosts() == ()
    world.remember(Settings(theme="harbour"))
    assert world.settings().theme == "harbour"
    assert [part async for part in world.runs()] == []
    await world.close()


async def test_the_world_watches_the_tree(world: World, tmp_path: Path) -> None:
    place = world.create("builtin")
    changes = world.watch(place)
    task = asyncio.ensure_future(anext(changes))
    deadline = asyncio.get_running_loop().time() + 30
    while not task.done():
        assert asyncio.get_running_loop().time() < deadline
        (tmp_path / "project" / "file").write_text(str(deadline))
        await asyncio.sleep(0.1)
    assert task.result() is None
    assert [x async for x in world.watch(place.model_copy(update={"host": "vm"}))] == []


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (4_104_332, "4.1 MB"), (999_999, "1.0 MB"), (188_000_000, "188 MB")],
)
def test_sizes(number: int, text: str) -> None:
    assert words.size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.96, "10 s"), (59.6, "1:00 min"), (185, "3:05 min"), (7800, "2:10 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_money_is_never_rounded_to_nothing() -> None:
    assert words.money(0.0031) == "$0.0031" and words.money(0.0931) == "$0.09" and words.money(0) == "$0.00"
    assert words.cost(None, 2.0) == "cost unknown of $2.00"


@pytest.mark.parametrize("text", [b"theme = [\n[keys]\n", b"theme = '\xff'\n"])
def test_damaged_settings_are_never_written_over(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "app.toml"
    path.write_bytes(text)
    with pytest.raises(SettingsError, match="nothing is written"):
        write_settings(path, Settings(theme="harbour"))
    assert path.read_bytes() == text


def test_keys_and_their_comments_are_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.toml"
    path.write_text('theme = 3\n[keys]\n# why\n"app.quit" = "f12"\n')
    with pytest.raises(SettingsError):
        read_settings(path)
    write_settings(path, Settings(theme="harbour"))
    assert '[keys]\n# why\n"app.quit" = "f12"\n' in path.read_text()
    assert read_settings(path).theme == "harbour"


async def test_with_damaged_settings_there_are_still_themes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> Settings:
        raise SettingsError("The app's settings are damaged.")

    backend = DoubleBackend(recorded.working())
    monkeypatch.setattr(backend, "settings", damaged)
    monkeypatch.setattr(backend, "remember", damaged)
    async with stage(backend) as stand:
        assert stand.app.theme == "castoff-terminal"
        await stand.pilot.press("f9", "down", "enter")
        await stand.wait(lambda: stand.app.theme == "castoff-beacon")
        assert stand.notices.count("The app's settings are damaged.") == 2


async def test_a_theme_that_is_gone_is_said(stage: Stage) -> None:
    backend = DoubleBackend(recorded.working())
    backend.kept = backend.kept.model_copy(update={"theme": "pink"})
    async with stage(backend) as stand:
        assert stand.app.theme == "castoff-terminal"
        assert "no theme 'pink'" in stand.notices[0]
