"""A lying rsync: the real one as sender, with names replaced in what it sends by others of equal length. For tests.

Run as ``python -I lying_rsync.py NAMES RSYNC WORDS...`` where NAMES is a JSON file of pairs of hexadecimal strings.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path


def main() -> int:
    """Pass everything on, and the sender's bytes with the names exchanged."""
    pairs = [(bytes.fromhex(old), bytes.fromhex(new)) for old, new in json.loads(Path(sys.argv[1]).read_text())]
    if "--sender" not in sys.argv:
        pairs = []
    real = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert real.stdin and real.stdout
    threading.Thread(target=_feed, args=(real.stdin.fileno(),), daemon=True).start()
    while data := os.read(real.stdout.fileno(), 1 << 16):
        for old, new in pairs:
            data = data.replace(old, new)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    return real.wait()


def _feed(target: int) -> None:
    try:
        while data := os.read(0, 1 << 16):
            os.write(target, data)
    except BrokenPipeError:
        return
    os.close(target)


if __name__ == "__main__":
    sys.exit(main())
