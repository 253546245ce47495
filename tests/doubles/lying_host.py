"""A lying host: what it answers, and does after each answer, is what hostile cases say. A double, for tests.

Run as ``python -I lying_host.py FACTS WORDS...`` where FACTS is a JSON object: the repository, the names of the cases,
the folders of their `tests.e2e.hostile.Vm`, and ``answers``: by request, what the honest host said of the same run.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Answer each request as the cases make it."""
    facts = json.loads(sys.argv[1])
    # Behind the host's own packages: castoff's are those that are installed there.
    sys.path.append(facts["repository"])
    from tests.e2e.hostile import Vm, all_cases

    # What castoff packs is the user's alone, and its digest counts that.
    os.umask(0o077)
    lies = [lie for name in facts["cases"] if (lie := all_cases()[name].lie) is not None]
    vm = Vm(Path(facts["state"]), Path(facts["outside"]), Path(facts["canaries"]))
    for request in sys.stdin.buffer:
        if not request.strip():
            continue  # a sign of life
        asked = json.loads(request)
        op = str(asked["op"])
        told: dict[str, Any] | bytes | None = {"ok": True, "body": facts["answers"][op]}
        if op == "give":
            # Under a name that nobody knew before.
            told = {"ok": True, "body": {"lease": {"epoch": asked["epoch"], "state": "offered", "to": asked["to"]}}}
        for lie in lies:
            if isinstance(told, dict):
                told = lie(vm, op, told)
        if told is None:
            break
        sys.stdout.buffer.write(told if isinstance(told, bytes) else json.dumps(told).encode() + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
