"""The errors of `tui`.

TuiError
|-- ThemeError      a theme file cannot be read or is not valid
|-- SettingsError   the app's settings cannot be read, or name a key that cannot be bound
|-- ExportError     a transcript cannot be written to a file
|-- HunkMoved       a file is not any more as the diff has it
|-- EditorFailed    the user's editor cannot be started, or failed
`-- WatchFailed     a tree cannot be watched for changes
"""


class TuiError(Exception):
    """Base: ``str(error)`` is a sentence for the user, ``way_out`` what they can do, ``code`` is for programs."""

    code = "tui"

    def __init__(self, sentence: str, way_out: str = "") -> None:
        super().__init__(sentence)
        self.way_out = way_out


class ThemeError(TuiError):
    """A theme file cannot be read or is not valid."""

    code = "theme"


class SettingsError(TuiError):
    """The app's settings cannot be read, or name a key that cannot be bound."""

    code = "settings"


class ExportError(TuiError):
    """A transcript cannot be written to a file."""

    code = "export"


class HunkMoved(TuiError):
    """A file is not any more as the diff has it."""

    code = "hunk-moved"


class EditorFailed(TuiError):
    """The user's editor cannot be started, or failed."""

    code = "editor"


class WatchFailed(TuiError):
    """A tree cannot be watched for changes."""

    code = "watch"
