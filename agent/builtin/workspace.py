"""The project folder: which paths the tools may touch."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agent.builtin.errors import ToolFailure


@dataclass(frozen=True)
class Workspace:
    """The folder ``cwd`` (absolute) of a session. Every path that comes out of here lies in it, symlinks followed."""

    cwd: Path

    @cached_property
    def root(self) -> Path:
        """The folder with all symlinks of its own path resolved."""
        return self.cwd.resolve()

    def locate(self, path: str) -> Path:
        """Return the real place of ``path`` (relative to the folder, or absolute), under ``root``.

        Raises `ToolFailure` with a sentence for the model if it leads out of the folder.
        """
        try:
            real = (self.root / path).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise ToolFailure(f"The path {path!r} cannot be used: {error}.") from error
        if real.is_relative_to(self.root):
            return real
        if Path(path).is_absolute() and Path(path).is_relative_to(self.cwd):
            return self.locate(str(Path(path).relative_to(self.cwd)))
        raise ToolFailure(
            f"Refused: {path!r} lies outside the project folder {self.cwd}. Only paths inside it can be used."
        )

    def locate_writable(self, path: str) -> Path:
        """Return like `locate` a place that may be written; git's own folder may not."""
        real = self.locate(path)
        names = {name.casefold() for name in real.relative_to(self.root).parts}
        if ".git" in names or real == self.root:
            raise ToolFailure(f"Refused: {path!r} may not be written. Use git through the run tool for what git keeps.")
        return real

    def show(self, real: Path) -> str:
        """Return a place under ``root`` as a path relative to the folder, ``.`` for the folder itself."""
        return str(real.relative_to(self.root))

    def absolute(self, real: Path) -> str:
        """Return a place under ``root`` as the absolute path that the user knows it by."""
        return str(self.cwd / real.relative_to(self.root))
