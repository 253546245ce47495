"""Code in the theme's colours, by Pygments (which comes with rich): the roles that every theme has, no more."""

from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells

from tui.drawing.lines import Line, Role, Span

LANGUAGES = frozenset(
    {
        "bash", "c", "cpp", "css", "dockerfile", "go", "html", "java", "javascript", "js", "json", "jsx", "kotlin",
        "make", "php", "py", "python", "rb", "rs", "ruby", "rust", "sh", "shell", "sql", "swift", "toml", "ts", "tsx",
        "typescript", "xml", "yaml", "yml", "zsh",
    }
)  # fmt: skip
"""What is coloured: a name from an agent never chooses among all five hundred lexers."""
MOST = 8_000
"""Characters beyond which code stays plain: a message is drawn again with each piece of it that comes."""
_ROLES: tuple[tuple[str, Role], ...] = (
    ("Token.Comment", "muted"),
    ("Token.Keyword", "accent"),
    ("Token.Operator.Word", "accent"),
    ("Token.Literal.String", "ok"),
    ("Token.Literal.Number", "warn"),
    ("Token.Name.Tag", "accent"),
    ("Token.Name.Function", "strong"),
    ("Token.Name.Class", "strong"),
)


@lru_cache(maxsize=256)
def colour_code(rows: tuple[str, ...], language: str) -> tuple[tuple[Span, ...], ...]:
    """Sanitised rows of code as spans; plain where the language is not known or the code is long."""
    plain = tuple((Span(row, "code"),) for row in rows)
    text = "\n".join(rows)
    if language.lower() not in LANGUAGES or len(text) > MOST:
        return plain
    from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]  # untyped options

    lexer = get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False)
    out: list[list[Span]] = [[]]
    for token, value in lexer.get_tokens(text):
        role = _role(str(token))
        for number, part in enumerate(value.split("\n")):
            if number:
                out.append([])
            if part:
                out[-1].append(Span(part, role))
    coloured = tuple(tuple(row) for row in out)
    # Colours must not change a character of what is shown.
    is_same = len(coloured) == len(rows) and all(
        "".join(s.text for s in spans) == row for spans, row in zip(coloured, rows, strict=True)
    )
    return coloured if is_same else plain


def _role(token: str) -> Role:
    for prefix, role in _ROLES:
        if token.startswith(prefix):
            return role
    return "code"


def chop_spans(spans: Sequence[Span], width: int, head: Line) -> list[Line]:
    """One row of preformatted text over as many lines as it needs, each beginning with ``head``."""
    room = max(4, width - head.width)
    out: list[Line] = []
    left = [s for s in spans if s.text]
    for length in _lengths("".join(s.text for s in left), room):
        row: list[Span] = []
        while length:
            first = left.pop(0)
            row.append(Span(first.text[:length], first.role))
            if len(first.text) > length:
                left.insert(0, Span(first.text[length:], first.role))
            length -= len(row[-1].text)
        out.append(Line((*head.spans, *row)))
    return out or [head]


def _lengths(text: str, room: int) -> list[int]:
    """How many characters of ``text`` each line of ``room`` cells takes."""
    parts = chop_cells(text, room)
    if "".join(parts) == text:
        return [len(part) for part in parts]
    # Marks that combine with nothing are dropped there.
    out, used = [0], 0
    for char in text:
        size = cell_len(char)
        if used + size > room:
            out.append(0)
            used = 0
        out[-1] += 1
        used += size
    return out
