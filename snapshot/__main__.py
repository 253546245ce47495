"""``python -I -m snapshot``: the commands that run git on a tree that is not trusted, so inside the sandbox."""

import argparse
import os
import sys
from pathlib import Path

from snapshot.base import record_base
from snapshot.commits import LEFT, bundle_all
from snapshot.diff import diff
from snapshot.errors import SnapshotError
from snapshot.listing import list_paths
from snapshot.selection import EVERYTHING, Selection
from snapshot.start import take_start


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its result goes to standard output, a sentence to standard error. 0, or 1 if it failed."""
    given = _parser().parse_args(arguments)
    tree: Path = given.tree
    try:
        match given.command:
            case "base":
                out = record_base(tree, given.store, given.selection).encode()
            case "start":
                out = b"whole" if take_start(tree, given.store, given.base) else b""
            case "diff":
                out = diff(tree, given.store, given.base, given.selection).model_dump_json().encode()
            case "bundle":
                out = str(bundle_all(tree, LEFT.validate_json(given.left.read_bytes()), given.out)).encode()
            case _:
                out = b"".join(os.fsencode(path) + b"\0" for path in list_paths(tree, given.selection))
    except SnapshotError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.strerror}.\n")
        return 1
    sys.stdout.buffer.write(out)
    sys.stdout.buffer.flush()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -I -m snapshot", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("list", "print the paths that travel, separated by NUL"),
        ("base", "record the tree as base; print its id"),
        ("start", "take what the session began with, as it came into the store; print whether it is whole"),
        ("diff", "print what changed since the base, as JSON"),
        ("bundle", "write new commits into a bundle for each repository; print their number"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--tree", type=Path, required=True)
        if name in {"base", "start", "diff"}:
            command.add_argument("--store", type=Path, required=True)
        if name in {"start", "diff"}:
            command.add_argument("--base", required=True, help="the base's id")
        if name in {"list", "base", "diff"}:
            command.add_argument("--selection", type=Selection.model_validate_json, default=EVERYTHING, metavar="JSON")
        if name == "bundle":
            command.add_argument("--out", type=Path, required=True, help="a folder")
            command.add_argument(
                "--left", type=Path, required=True, help="a file with the repositories that left, as JSON"
            )
    return parser


if __name__ == "__main__":
    sys.exit(main())
