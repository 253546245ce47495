"""Where the user types: the menu of what a word may become, the edge, the composer, and the draft that is kept."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import TextArea

from agent.state import SessionState
from tui.backend import DraftLike, Lend
from tui.completion import Offer, can_be_named, draw_offers, offer_commands, offer_files, offer_knobs
from tui.composer import Composer
from tui.drafts import Draft
from tui.drawing.lines import Line, Span, line
from tui.editor import edit
from tui.errors import TuiError
from tui.lines_view import LineMaker, Lines
from tui.messages import Complained

FRESH_SECONDS = 10.0
"""How long the list of files counts as new."""


class Entry(Vertical):
    """The composer and what stands around it."""

    DEFAULT_CSS = """
    Entry { height: auto; }
    Entry #menu { padding: 0 1; max-height: 9; }
    Entry #edge { height: 1; }
    Entry #entry { height: auto; max-height: 12; padding: 0 1; }
    Entry #sign { width: 2; height: 1; }
    Entry #composer { width: 1fr; }
    """

    def __init__(self, list_files: Callable[[], Awaitable[Sequence[str]]], edge: LineMaker) -> None:
        """``list_files`` names the project's files; ``edge`` draws the line above the composer."""
        super().__init__()
        self.state = SessionState()
        self._list_files = list_files
        self._edge = edge
        self._files: Sequence[str] = ()
        self._listed = -FRESH_SECONDS
        self._file: DraftLike | None = None
        self._draft = self._saved = Draft()

    @property
    def composer(self) -> Composer:
        """The composer."""
        return self.query_one(Composer)

    def compose(self) -> ComposeResult:
        """Menu, edge, composer."""
        yield Lines(self._draw_menu, id="menu")
        yield Lines(self._edge, id="edge")
        with Horizontal(id="entry"):
            yield Lines(lambda width: [line(Span("›", "accent"))], id="sign")
            yield Composer(id="composer")

    def on_mount(self) -> None:
        """The composer asks here what there is to offer."""
        composer = self.composer
        composer.find, composer.earlier, composer.waits = self._find, self._earlier, self._waits
        self.set_interval(1.0, self._keep)

    # Completing

    def _find(self, word: str) -> list[Offer]:
        if word.startswith("/"):
            return offer_knobs(word, self.state.knobs, self.state.policy) or offer_commands(word, self.state.commands)
        if time.monotonic() - self._listed >= FRESH_SECONDS:
            self._listed = time.monotonic()
            self._list()
        return offer_files(word, self._files)

    @work(exclusive=True, group="files", exit_on_error=False)
    async def _list(self) -> None:
        self._files = [path for path in await self._list_files() if can_be_named(path)]
        self.composer.look_again()

    def _earlier(self) -> list[str]:
        return [block.text for block in self.state.blocks if block.type == "prompt" and block.source == "user"]

    def _waits(self) -> bool:
        return any(prompt.source == "user" for prompt in self.state.queue)

    @on(TextArea.Changed)
    def _drafted(self) -> None:
        self._draft = self.composer.draft
        self._changed()

    @on(TextArea.SelectionChanged)
    @on(Composer.MenuChanged)
    def _changed(self) -> None:
        menu = self.query_one("#menu", Lines)
        menu.redraw()
        menu.refresh(layout=True)

    def _draw_menu(self, width: int) -> list[Line]:
        composer = self.composer
        return draw_offers(composer.offers(), composer.marked, width)

    # The draft

    def open_draft(self, file: DraftLike) -> None:
        """Go on with the draft that was kept; one that is being written already goes along."""
        if file == self._file:
            return
        if self._file is not None:
            self._keep_in(self._file, Draft())
        self._file = file
        self._draft = self._saved = file.read()
        if self.composer.text:
            self._draft = self.composer.draft
        else:
            self.composer.replace_draft(self._saved)

    def _keep(self) -> None:
        draft = self._draft
        if self._file is not None and draft != self._saved:
            self._saved = draft
            self.run_worker(asyncio.to_thread(self._keep_in, self._file, draft), group="draft", exit_on_error=False)

    def _keep_in(self, file: DraftLike, draft: Draft) -> None:
        try:
            file.keep(draft)
        except OSError as error:
            self.post_message(Complained(f"The draft cannot be kept: {error.strerror}."))

    def keep_now(self) -> None:
        """Keep the draft before something else is shown."""
        if self._file is not None and self._draft != self._saved:
            self._saved = self._draft
            self._keep_in(self._file, self._draft)

    def on_unmount(self) -> None:
        """What was typed last is kept too."""
        # The composer is gone by now.
        self.keep_now()

    def give_back(self, text: str) -> None:
        """Put a text that was sent back before what is being written."""
        now = self.composer.draft
        self.composer.replace_draft(now.model_copy(update={"text": f"{text}\n{now.text}"}) if now.text else text)

    # The editor

    @work(exclusive=True, group="editor", exit_on_error=False)
    async def edit(self, lend: Lend) -> None:
        """Write on in the user's own editor."""
        try:
            self.composer.replace_draft(await edit(self.composer.draft.whole, lend, os.environ))
        except TuiError as error:
            self.post_message(Complained(str(error), error.way_out))
