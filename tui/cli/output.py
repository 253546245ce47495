"""What a command says: tables and sentences for people, or one JSON object a line for programs.

People's text goes through the sanitiser and never through rich's markup. JSON is plain ASCII, so it can
carry anything to anywhere; its last line always has ``"ok"``.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from agent.sanitise import clean

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console, RenderableType

_PIPE_WIDTH = 200
"""Columns of a table that no terminal shows."""


class Output:
    """One command's output. Methods for people do nothing in JSON mode, and the other way round."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._finished = False
        self._console: Console | None = None

    @property
    def console(self) -> "Console":
        """Where people's text goes: colours only on a terminal, ``NO_COLOR`` honoured, markup and emoji codes off."""
        if self._console is None:
            from rich.console import Console

            width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
            self._console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True, width=width)
        return self._console

    def say(self, text: str, style: str = "") -> None:
        """Print one line, or several, for people."""
        if not self.as_json:
            self.console.print(clean(text), style=style or None)

    def write(self, text: str, style: str = "") -> None:
        """Print a piece of a line for people, at once."""
        if not self.as_json:
            self.console.print(clean(text), style=style or None, end="")
            self.console.file.flush()

    def show(self, renderable: "RenderableType") -> None:
        """Print something of rich's that holds sanitised text only."""
        if not self.as_json:
            self.console.print(renderable, soft_wrap=False)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table for people; a cell is one line."""
        if self.as_json:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, no_wrap=True, overflow="ellipsis")
        for row in rows:
            table.add_row(*(Text(clean(cell, single_line=True)) for cell in row))
        self.show(table)

    def record(self, kind: str, fields: "BaseModel | Mapping[str, object]") -> None:
        """Print one JSON object of the type ``kind``."""
        if self.as_json:
            content = fields if isinstance(fields, Mapping) else fields.model_dump(mode="json")
            self._write({"type": kind, **content})

    def done(self, **fields: object) -> None:
        """Print the last JSON object: it worked."""
        if self.as_json and not self._finished:
            self._write({"type": "result", "ok": True, **fields})
        self._finished = True

    def failed(self, code: str, sentence: str, way_out: str = "") -> None:
        """Say on stderr why it did not work and what to do, or print the last JSON object."""
        if self.as_json and not self._finished:
            self._write({"type": "result", "ok": False, "code": code, "reason": sentence, "way_out": way_out})
        elif not self.as_json:
            lines = [f"castoff: {sentence}", *([f"  {way_out}"] if way_out else [])]
            print(clean("\n".join(lines)), file=sys.stderr)  # noqa: T201 - the command line prints
        self._finished = True

    def _write(self, fields: Mapping[str, object]) -> None:
        print(json.dumps(fields, default=str), flush=True)  # noqa: T201 - the command line prints
