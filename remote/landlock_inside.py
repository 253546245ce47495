"""The inner side of level ``reduced``: ``python -I -m remote.landlock_inside RULES -- COMMAND``.

``RULES`` is a JSON object of lists of paths: what may be read, what written, and devices. This process keeps itself to
them and becomes the command.
"""

import json
import os
import sys
from pathlib import Path

from remote.landlock import confine


def main(words: list[str]) -> None:
    """Confine, then become the command; what cannot be confined is not started."""
    rules, _, *command = words
    if temporary := os.environ.get("TMPDIR"):
        Path(temporary).mkdir(mode=0o700, parents=True, exist_ok=True)
    lists = {name: [Path(path) for path in paths] for name, paths in json.loads(rules).items()}
    confine(lists["readable"], lists["writable"], lists["devices"])
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
