"""The tables of docs/keys.md, made from the table of keys: ``python -m tests.tui.keys_page`` writes them anew."""

import re
from pathlib import Path

from tui.keymap import BANNED, KEYS, written

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"
HEADINGS = {
    "app": "Everywhere",
    "workspace": "Workspace",
    "transcript": "Transcript",
    "find": "Search",
    "composer": "Composer",
    "plan": "Plan",
    "question": "Permission question",
    "handoff": "Handoff",
    "pull": "Pull back",
    "runs": "Runs",
    "hosts": "Hosts",
    "diff": "Diff of a run",
    "timeline": "Timeline of a run",
    "deliveries": "Deliveries of a run",
    "away": "A session that is away",
    "dialog": "Host key question",
    "jump": "Jump mode",
    "chooser": "Lists to choose from",
    "passphrase": "Passphrase of a key",
    "line": "A line asked for",
    "keys": "Keys page",
}
"""Where a key counts, as its section is called; in the page's order."""


def table(where: str) -> str:
    """One section's table."""
    rows = [
        f"| {', '.join(written(x) for x in k.keys.split(','))} | `{k.id}` | {k.what} |"
        for k in KEYS
        if k.where == where
    ]
    return "\n".join(["| key | id | what it does |", "|---|---|---|", *rows])


def renewed(page: str) -> str:
    """The page with its tables, and the list of keys that cannot be used, as the code has them."""
    sections = [
        f"## {HEADINGS[where]}\n\n{table(where)}" for where in dict.fromkeys(HEADINGS) if table(where).count("\n") > 1
    ]
    before, rest = page.split("## Everywhere\n")
    closing = rest.index("\nIn the composer,")
    banned = ", ".join(f"`{key}`" for key in sorted(BANNED))
    after = re.sub(r"(send them as other keys: ).*", lambda m: f"{m[1]}{banned}.", rest[closing:])
    return before + "\n\n".join(sections) + "\n" + after


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
