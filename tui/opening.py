"""What is seen while the rest is imported: the composer's line, where the workspace will have it."""

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget


class Foot(Widget):
    """Edge, composer, status, in words of our own; drawn at once, which lines are not."""

    DEFAULT_CSS = """
    Foot { dock: bottom; height: 3; background: $background; color: $foreground; }
    """

    def render(self) -> Text:
        """The three lines."""
        return Text(f"{'─' * self.size.width}\n › Ask the agent   / commands\n opening …", style="dim", no_wrap=True)


class Opening(Screen[None]):
    """The app's first paint. It needs nothing of sessions; keys that come meanwhile are kept by the app."""

    DEFAULT_CSS = """
    Opening { background: $background; }
    """

    def compose(self) -> ComposeResult:
        """Where one will type."""
        yield Foot()
