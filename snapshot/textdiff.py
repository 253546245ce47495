"""The start of a diff of two small texts, for a look before a decision."""

import tempfile
from pathlib import Path

from snapshot.errors import GitFailed
from snapshot.git import OWN_CONFIG, git

_LARGEST = 256 * 1024
_LINES = 60
_SECONDS = 10.0


def unified(before: bytes, after: bytes) -> str:
    """At most `_LINES` lines of a unified diff, without its head; a sentence where there is none to show."""
    if b"\0" in before or b"\0" in after:
        return "binary"
    if max(len(before), len(after)) > _LARGEST:
        return "too large to show"
    with tempfile.TemporaryDirectory(prefix="castoff-diff-") as folder:
        place = Path(folder)
        names = [str(place / name) for name in ("before", "after")]
        for name, data in zip(names, (before, after), strict=True):
            Path(name).write_bytes(data)
        options = ("--no-index", "--no-ext-diff", "--no-textconv", "--no-color", "--text")
        try:
            out = git(
                *("diff", *options, "--", *names),
                git_dir=place,
                environment=OWN_CONFIG,
                seconds=_SECONDS,
                accept=(0, 1),
            ).out.decode(errors="replace")
        except GitFailed:
            return "cannot be compared"
    lines = out[out.find("\n@@") + 1 :].splitlines() if "\n@@" in out else []
    more = [f"... and {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
    return "\n".join([*lines[:_LINES], *more])
