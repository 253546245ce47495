"""The app's colours: the shipped themes and the user's own, chosen with a preview, read anew when a file changes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.reactive import Reactive

from tui.chooser import Choice, Chooser
from tui.roles import fallback_variables

if TYPE_CHECKING:
    from tui.theming import ThemeFile

Complain = Callable[[str, str], None]


class ThemedApp(App[None]):
    """An app in a theme of ours; what is chosen is told to `keep_theme`."""

    themes: "tuple[ThemeFile, ...]" = ()
    """Those there are, the default first."""
    themes_folder: Path | None = None
    """Where the user's own are, if anywhere."""

    def complain(self, sentence: str, way_out: str = "") -> None:
        """Say what does not work, and the way out."""
        raise NotImplementedError

    def keep_theme(self, name: str) -> None:
        """Remember the theme."""
        raise NotImplementedError

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our theme variables, before a theme of ours is chosen."""
        return fallback_variables()

    @property
    def theme_name(self) -> str:
        """The theme in use, by its own name."""
        return self.theme.removeprefix("castoff-")

    def load_themes(self, folder: Path, name: str) -> None:
        """Read the shipped themes and those in ``folder``, use ``name``, and follow what changes in the folder."""
        from tui.theming import DEFAULT_THEME

        self.themes_folder = folder
        self._read_themes()
        if not self.use_theme(name):
            self.use_theme(DEFAULT_THEME)
            self._miss_theme(name)
        if folder.is_dir():
            self.run_worker(self._follow_themes(folder), group="themes", exclusive=True, exit_on_error=False)

    def _read_themes(self) -> None:
        from tui.theming import gather_themes, textual_theme

        themes, errors = gather_themes(self.themes_folder)
        if errors:
            # A file that is being written is half a file for a moment: its theme stays as it was.
            names = {t.name for t in themes}
            themes += tuple(t for t in self.themes if t.name not in names)
        self.themes = themes
        for file in themes:
            self.register_theme(textual_theme(file))
        for error in errors:
            self.complain(str(error), error.way_out)

    async def _follow_themes(self, folder: Path) -> None:
        from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]  # it names types of trio

        try:
            async for _ in awatch(folder, recursive=False, step=50, debounce=200):
                self.reload_themes()
        except OSError as error:
            self.complain(f"The themes in {folder} cannot be watched: {error.strerror or error}.", "")

    def reload_themes(self) -> None:
        """Read all themes again; the one in use is drawn with its new colours. A file that is wrong changes nothing."""
        from tui.theming import DEFAULT_THEME

        self._read_themes()
        if not any(t.name == self.theme_name for t in self.themes):
            self.use_theme(DEFAULT_THEME)
            return
        self.mutate_reactive(_THEME)

    def use_theme(self, name: str) -> bool:
        """Draw everything in a theme; whether there is one of that name."""
        if any(t.name == name for t in self.themes):
            self.theme = f"castoff-{name}"
            return True
        return False

    def choose_theme(self, name: str) -> None:
        """Use a theme by name and remember it; without a name, show them all."""
        if not name:
            self.action_choose_theme()
        elif self.use_theme(name):
            self.keep_theme(name)
        else:
            self._miss_theme(name)

    def _miss_theme(self, name: str) -> None:
        names = ", ".join(t.name for t in self.themes)
        self.complain(f"There is no theme {name!r}.", f"There are: {names}.")

    def action_choose_theme(self) -> None:
        """Show all themes; the marked one is tried at once, and only Enter keeps it."""
        if isinstance(self.screen, Chooser):
            return
        before = self.theme_name
        rows = [Choice(t.name, t.title, t.name) for t in self.themes]

        def chosen(name: str | None) -> None:
            if name:
                self.choose_theme(name)
            else:
                self.use_theme(before)

        self.push_screen(Chooser("Themes", rows, marked=before, tried=self.use_theme), chosen)


_THEME: Reactive[str] = App.theme  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportAssignmentType]  # Textual types it App[Unknown]
