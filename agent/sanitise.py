"""The one sanitiser: makes text from agents, repositories and hosts harmless to a terminal.

Terminals act on control sequences (clipboard writes, titles, cursor moves), and readers are misled by
characters that cannot be seen. Both are made visible here, at the place where text meets a screen;
stored text stays as it came.
"""

import re

ESCAPE_MARK = "␛"
"""Stands for one whole control sequence."""

NEWLINE_MARK = "↵"
TAB_MARK = "⇥"

# ECMA-48: a control string (DCS, SOS, OSC, PM, APC) runs to ST, or to BEL as xterm has it. One that nobody
# ends stops at the line's end here, so that it cannot hide the lines after it. Every alternative consumes
# what it looks at, which keeps the whole linear.
_SEQUENCE = re.compile(
    r"(?:\x1b[PX\]^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # control strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # other escape sequences, and a lone ESC
)

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # soft hyphen, fillers, Mongolian selectors
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings, overrides, isolates
    "\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # zero width, invisible operators, annotations
    "\u2028\u2029"  # line and paragraph separator: line breaks to some programs and not to others
    "\ud800-\udfff"  # lone surrogates cannot be written out at all
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical format characters, tags, supplementary selectors
    "]"
)

_BREAKS = re.compile(r"\r+\n?")


def line_breaks(text: str) -> str:
    """``text`` with its line ends as newlines: where `clean` has them. It cleans each line by itself."""
    return _BREAKS.sub("\n", text) if "\r" in text else text


def clean(text: str, *, single_line: bool = False) -> str:
    """Return ``text`` with everything visible that a terminal would act on or a reader could not see.

    A control sequence becomes one `ESCAPE_MARK`, another control or invisible character its code point as
    ``\\u{..}``. Newlines and tabs stay, unless ``single_line`` asks for marks in their place; CRLF and lone
    CRs are newlines. Idempotent, and linear in the length of ``text``.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _SEQUENCE.sub(ESCAPE_MARK, line_breaks(text))
    text = _HIDDEN.sub(_code_point, text)
    if single_line:
        text = text.replace("\n", NEWLINE_MARK).replace("\t", TAB_MARK)
    return text


def _code_point(match: re.Match[str]) -> str:
    return f"\\u{{{ord(match[0]):x}}}"
