"""A scrolling view of lines: the only widget that paints untrusted text."""

from collections.abc import Callable, Sequence
from typing import ClassVar, cast

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.cache import LRUCache
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from agent.sanitise import clean
from tui.drawing.lines import Line, Role
from tui.roles import style_of_role

LineMaker = Callable[[int], Sequence[Line]]


class LinesView(ScrollView):
    """Shows lines; a subclass draws them for a width in `draw`, and calls `redraw` when they change."""

    DEFAULT_CSS = """
    LinesView {
        background: $background; color: $foreground; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
    }
    """

    GUTTER: ClassVar[int] = 0
    """Cells left of the text that a subclass paints itself."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        """A view that is empty until `redraw`."""
        super().__init__(id=id, classes=classes)
        self._lines: Sequence[Line] = ()
        self._strips: LRUCache[tuple[Line, int], Strip] = LRUCache(2048)
        self._styles: dict[tuple[Role, Role | None], Style] = {}

    def draw(self, width: int) -> Sequence[Line]:
        """The lines for ``width`` cells."""
        raise NotImplementedError

    @property
    def lines(self) -> Sequence[Line]:
        """The lines shown."""
        return self._lines

    @property
    def plain(self) -> str:
        """The text shown."""
        return "\n".join(row.plain for row in self._lines)

    @property
    def text_width(self) -> int:
        """Cells that a line may take."""
        return max(8, (self.scrollable_content_region.width or self.content_size.width) - self.GUTTER)

    def redraw(self) -> None:
        """Draw again: what is shown has changed."""
        if not self.size.width:
            # Not laid out yet, or nothing to show so far: the layout asks for the height, and the resize draws.
            # A layout for nothing, with each piece of a stream, would paint the whole screen anew.
            if self.is_attached and self.display and self.styles.is_auto_height and self.draw(80):
                self.refresh(layout=True)
            return
        height = len(self._lines)
        self._lines = self.draw(self.text_width)
        self.virtual_size = Size(self.text_width, len(self._lines))
        self.refresh(layout=self.styles.is_auto_height and height != len(self._lines))

    def on_resize(self, event: Resize) -> None:
        """Another width: other lines."""
        self.redraw()

    def watch_show_vertical_scrollbar(self, old: bool, new: bool) -> None:
        """The scrollbar takes a column or gives it back, and no resize tells of that."""
        if len(self._lines) and self.text_width != self.virtual_size.width:
            self.redraw()

    def notify_style_update(self) -> None:
        """Another theme: other strips."""
        super().notify_style_update()
        self._strips.clear()
        self._styles.clear()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as lines."""
        return len(self.draw(max(8, width)))

    def render_line(self, y: int) -> Strip:
        """One visible row."""
        row = self.scroll_offset.y + y
        width = self.scrollable_content_region.width - self.GUTTER
        if row >= len(self._lines):
            return Strip.blank(width, self._style("text", None))
        content = self._lines[row]
        selection = self.text_selection
        chosen = selection.get_span(row) if selection is not None else None
        if chosen is not None:
            strip = self._selected(content, width, chosen)
        else:
            key = (content, width)
            cached = self._strips.get(key)
            strip = self._paint(content, width) if cached is None else cached
            self._strips[key] = strip
        return strip.apply_offsets(0, row)

    def _paint(self, content: Line, width: int) -> Strip:
        """One line as a strip; text that nobody sanitised stops here at the latest."""
        segments = [
            Segment(clean(piece.text, single_line=True), self._style(piece.role, content.fill))
            for piece in content.spans
        ]
        return Strip(segments).adjust_cell_length(width, self._style("text", content.fill))

    def _selected(self, content: Line, width: int, chosen: tuple[int, int]) -> Strip:
        strip = self._paint(content, width)
        start, end = chosen
        end = width if end == -1 else end
        style = self.screen.get_component_rich_style("screen--selection")
        before, inside, after = strip.crop(0, start), strip.crop(start, end), strip.crop(end, width)
        return Strip.join([before, inside.apply_style(style), after])

    def _style(self, role: Role, fill: Role | None) -> Style:
        key = (role, fill)
        if key not in self._styles:
            app = cast("App[object]", self.app)  # pyright: ignore[reportUnknownMemberType]  # Textual types it App[Unknown]
            own = style_of_role(role, fill, app.theme_variables, ansi=app.native_ansi_color)
            style = self.rich_style + own
            self._styles[key] = style
        return self._styles[key]

    def style_of(self, role: Role) -> Style:
        """A role in the theme's colours."""
        return self._style(role, None)

    @property
    def allow_select(self) -> bool:
        """Text can be selected with the mouse."""
        return True

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text."""
        return selection.extract("\n".join(row.plain for row in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Paint the selection."""
        self.refresh()


class Lines(LinesView):
    """Shows lines that are made elsewhere, by a function of the width."""

    DEFAULT_CSS = """
    Lines { height: auto; }
    """

    can_focus = False

    def __init__(self, make: LineMaker, *, id: str | None = None, classes: str | None = None) -> None:
        """A view of what ``make(width)`` draws."""
        super().__init__(id=id, classes=classes)
        self._make = make

    def draw(self, width: int) -> Sequence[Line]:
        """The lines for ``width`` cells."""
        return self._make(width)
