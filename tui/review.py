"""The diff over the whole screen: gone through hunk by hunk, accepted, taken back, commented on."""

import time
from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.widgets import Input

from agent.errors import AgentError
from remote.errors import RemoteError
from snapshot.errors import SnapshotError
from tui.again import Again
from tui.backend import Backend, Place
from tui.drawing.diffs import FileDiffLike, totals
from tui.drawing.lines import Line, Span, line, span, spread, wrap
from tui.drawing.review import Key, Reviewed, draw_review
from tui.drawing.words import count
from tui.errors import TuiError
from tui.hunks import Hunk, split_hunks, write_comments
from tui.keymap import bindings
from tui.lines_view import Lines, LinesView
from tui.messages import Complained
from tui.stage import StageScreen

AGAIN_SECONDS = 2.0
ASK_SECONDS = 3.0
"""How often a run's diff is read again while it is looked at; that of a session here follows the tree."""


def arrange(files: Sequence[FileDiffLike]) -> tuple[Reviewed, ...]:
    """The files in the order in which they are to be looked at: what a tool runs or obeys by itself first."""
    from snapshot.executable import explain_paths

    why = explain_paths([(f.path, f.change, getattr(f, "mode_before", 0), getattr(f, "mode_after", 0)) for f in files])
    found = [Reviewed(file, tuple(split_hunks(file)), why.get(file.path, "")) for file in files]
    return tuple(sorted(found, key=lambda each: (not each.why, each.file.path.rpartition("/")[::2])))


class HunkList(LinesView, can_focus=True):
    """The files and their hunks, one of them marked."""

    DEFAULT_CSS = """
    HunkList { height: 1fr; scrollbar-gutter: stable; }
    """

    reviewed: reactive[tuple[Reviewed, ...]] = reactive(())
    trouble: reactive[str] = reactive("")
    is_read: reactive[bool] = reactive(False)

    def __init__(self, since: str) -> None:
        """A list that is still to be read; ``since`` says since when things changed."""
        super().__init__(id="diff-page")
        self.since = since
        self.marked: Key | None = None
        self.seen: set[Key] = set()
        self.comments: dict[Key, str] = {}

    @property
    def hunks(self) -> list[Hunk]:
        """All hunks, in order."""
        return [hunk for each in self.reviewed for hunk in each.hunks]

    @property
    def current(self) -> Hunk | None:
        """The marked hunk."""
        return next((hunk for hunk in self.hunks if hunk.key == self.marked), None)

    def watch_reviewed(self, before: tuple[Reviewed, ...]) -> None:
        """Show them; where the marked hunk is gone, the mark goes on to what came after it."""
        keys = [hunk.key for hunk in self.hunks]
        if self.marked not in keys:
            old = [hunk.key for each in before for hunk in each.hunks]
            after = old[old.index(self.marked) :] if self.marked in old else []
            self.marked = next((key for key in after if key in keys), keys[0] if keys else None)
        self.redraw()

    def watch_trouble(self) -> None:
        """Say what is wrong."""
        self.redraw()

    def watch_is_read(self) -> None:
        """It was read once."""
        self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """Trouble, nothing, or the review."""
        if self.trouble:
            return wrap([span(self.trouble, "warn")], width)
        if not self.reviewed:
            text = f"Nothing has changed {self.since or 'so far'}." if self.is_read else "Reading …"
            return wrap([span(text, "muted")], width)
        return draw_review(self.reviewed, self.seen, self.comments, self.marked, width)

    def move(self, step: int, *, files: bool = False) -> None:
        """Mark another hunk, or the first of another file, and bring it into view."""
        hunks = self.hunks
        if not hunks:
            return
        at = next((number for number, hunk in enumerate(hunks) if hunk.key == self.marked), 0)
        if files:
            paths = list(dict.fromkeys(hunk.path for hunk in hunks))
            path = paths[max(0, min(len(paths) - 1, paths.index(hunks[at].path) + step))]
            at = next(number for number, hunk in enumerate(hunks) if hunk.path == path)
        else:
            at = max(0, min(len(hunks) - 1, at + step))
        self.marked = hunks[at].key
        self.redraw()
        self.show_mark()

    def show_mark(self) -> None:
        """Bring the marked hunk into view."""
        rows = [number for number, row in enumerate(self.lines) if row.fill == "selected"]
        if rows:
            self.scroll_to(y=max(0, rows[0] - 3), animate=False)


class DiffScreen(StageScreen[None]):
    """What a session changed: each hunk can be accepted, taken back, commented on."""

    BINDINGS = bindings("diff")
    part = "diff"
    DEFAULT_CSS = """
    DiffScreen { background: $background; padding: 1 2; layout: vertical; }
    DiffScreen #diff-title { margin-bottom: 1; }
    DiffScreen #diff-foot { margin-top: 1; }
    DiffScreen #diff-say { height: 1; display: none; }
    DiffScreen.saying #diff-say { display: block; }
    DiffScreen #diff-say Lines { width: 10; height: 1; }
    DiffScreen Input {
        border: none; height: 1; padding: 0 1; background: $c-raised; width: 1fr;
        &:focus { border: none; }
        &:ansi { text-style: underline; }
    }
    """

    def __init__(self, backend: Backend, place: Place) -> None:
        """The diff of the session at ``place``."""
        super().__init__()
        self.backend = backend
        self.place = place
        self._taking = Again(AGAIN_SECONDS)
        self._taken: list[Hunk] = []
        """Hunks that were taken back here, the last one last."""

    @property
    def _list(self) -> HunkList:
        return self.query_one(HunkList)

    def compose(self) -> ComposeResult:
        """Title, hunks, the line to comment in, foot."""
        yield Lines(self._draw_title, id="diff-title")
        yield HunkList(f"since it came to {self.place.host}" if self.place.host else "")
        with Horizontal(id="diff-say"):
            yield Lines(lambda width: [line(Span("Comment", "accent"))])
            yield Input(placeholder="what the agent should do about it; Enter notes it, Esc does not")
        yield Lines(self._draw_foot, id="diff-foot")

    def on_mount(self) -> None:
        """Read the diff, and follow it."""
        self._list.focus()
        self.set_interval(1.0, self._tick)
        self._read()
        if self.place.host:
            self.set_interval(ASK_SECONDS, self._read_if_shown)
        else:
            self._watch()

    def _tick(self) -> None:
        if self._taking.lapse(time.monotonic()):
            self._show()

    def _read_if_shown(self) -> None:
        if self.is_current:
            self._read()

    @work(exclusive=True, group="diff", exit_on_error=False)
    async def _read(self) -> None:
        view = self._list
        try:
            view.reviewed = arrange((await self.backend.diff(self.place)).files)
            view.trouble = ""
        except (AgentError, RemoteError, SnapshotError) as error:
            view.trouble = str(error)
        view.is_read = True
        self._show()

    @work(exclusive=True, group="watch", exit_on_error=False)
    async def _watch(self) -> None:
        try:
            async for _ in self.backend.watch(self.place):
                self._read()
        except TuiError as error:
            self.castoff.complain(str(error), error.way_out)

    def _show(self) -> None:
        self._list.redraw()
        for view in self.query(Lines):
            view.redraw()

    # Actions

    def action_move(self, step: int) -> None:
        """Mark another hunk."""
        self._list.move(step)

    def action_file(self, step: int) -> None:
        """Mark the first hunk of another file."""
        self._list.move(step, files=True)

    def action_accept(self) -> None:
        """Tick the hunk and go to the next one; or untick it."""
        view = self._list
        if (hunk := view.current) is None:
            return
        view.seen ^= {hunk.key}
        view.move(1 if hunk.key in view.seen else 0)
        self._show()

    def action_revert(self) -> None:
        """Take the hunk back in the tree, at the second press within two seconds."""
        hunk = self._list.current
        if hunk is None:
            return
        if self.place.host:
            self.castoff.complain(f"The tree is on {self.place.host}.", "Comment (c), and the agent there does it.")
        elif self._taking.press(time.monotonic(), hunk.key):
            self._turn(hunk, back=True)
        self._show()

    def action_undo(self) -> None:
        """Make again what was taken back last."""
        if self._taken:
            self._turn(self._taken[-1], back=False)
        else:
            self.castoff.complain("Nothing was taken back here.")

    @work(exclusive=True, group="turn", exit_on_error=False)
    async def _turn(self, hunk: Hunk, *, back: bool) -> None:
        try:
            await self.backend.turn_hunk(self.place, hunk, back=back)
        except (AgentError, TuiError) as error:
            self.post_message(Complained(str(error), getattr(error, "way_out", "")))
        else:
            if back:
                self._taken.append(hunk)
                self.castoff.show_status(f"Taken back in {hunk.path}; u makes it again.")
            else:
                self._taken.remove(hunk)
                self.castoff.show_status(f"Made again in {hunk.path}.")
        self._read()

    def action_comment(self) -> None:
        """Say something about the hunk."""
        if (hunk := self._list.current) is not None:
            self.set_class(True, "saying")
            entry = self.query_one(Input)
            entry.value = self._list.comments.get(hunk.key, "")
            entry.focus()

    @on(Input.Submitted)
    def _commented(self, message: Input.Submitted) -> None:
        view = self._list
        if (hunk := view.current) is not None:
            view.comments.pop(hunk.key, None)
            if said := message.value.strip():
                view.comments[hunk.key] = said
        self._end_saying()

    def _end_saying(self) -> None:
        self.set_class(False, "saying")
        self._list.focus()
        self._show()

    def action_send(self) -> None:
        """Send all comments to the agent as its next prompt."""
        view = self._list
        sent = {hunk.key for hunk in view.hunks} & view.comments.keys()
        if sent:
            self._send(write_comments(view.hunks, view.comments), sent)
        else:
            self.castoff.complain("There is no comment to send.", "c comments on the marked hunk.")

    @work(exclusive=True, group="send", exit_on_error=False)
    async def _send(self, text: str, sent: set[Key]) -> None:
        try:
            viewer = await self.backend.attach(self.place, 0)
            try:
                await viewer.prompt(text)
            finally:
                await viewer.close()
        except (AgentError, RemoteError) as error:
            self.post_message(Complained(str(error), error.way_out))
            return
        for key in sent:
            self._list.comments.pop(key, None)
        self.castoff.show_status(f"The agent has your {count(len(sent), 'comment')} as its next prompt.")
        self._show()

    def action_back(self) -> None:
        """Leave the comment, else close."""
        if self.has_class("saying"):
            self._end_saying()
        else:
            self.dismiss()

    # Lines

    def _draw_title(self, width: int) -> list[Line]:
        place, view = self.place, self._list
        left = [span(place.title, "heading"), Span("  on  ", "muted"), span(place.host or "this machine", "accent")]
        files = [each.file for each in view.reviewed]
        right = [Span(f"{count(len(files), 'file')} ", "muted"), *totals(files)] if files else []
        hunks = view.hunks
        done = sum(hunk.key in view.seen for hunk in hunks)
        right += [Span(f"  {done} of {count(len(hunks), 'hunk')} accepted", "muted")] if done else []
        return [spread(left, right, width)]

    def _draw_foot(self, width: int) -> list[Line]:
        hunk = self._list.current
        if hunk is not None and self._taking.about == hunk.key:
            return wrap([span(f"r again takes this back in {hunk.path}; u makes it again.", "warn")], width)
        keys = [("Esc", "back")]
        if hunk is not None:
            keys = [("a", "accept"), ("c", "comment"), ("n p", "file"), *keys]
            keys[1:1] = [] if self.place.host else [("r", "take back")]
        if self._list.comments:
            keys.insert(0, ("s", f"send {count(len(self._list.comments), 'comment')}"))
        return wrap([s for key, what in keys for s in (Span(key, "key"), Span(f" {what}   ", "muted"))], width)
