"""``python -I -m agent.demo_model --port N --ready-file F [--pace X]``: serve the demo model until killed."""

import argparse
import json
import os
from pathlib import Path

from agent.demo_model import MODEL_NAME
from agent.demo_model.conversation import respond
from agent.demo_model.endpoint import Endpoint


def main() -> None:
    """Serve; once it listens, the ready file holds ``{"port": N, "pid": N}``."""
    parser = argparse.ArgumentParser(
        prog="agent.demo_model", description="The demo model: its lines are written in advance."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--ready-file", type=Path, required=True, help="written when it listens")
    parser.add_argument("--pace", type=float, default=1.0, help="factor on all pauses; 0 is without any")
    options = parser.parse_args()
    with Endpoint(respond, name=MODEL_NAME, port=options.port, pace=max(0.0, options.pace)) as endpoint:
        announce(options.ready_file, endpoint.port)
        endpoint.serve_forever()


def announce(ready_file: Path, port: int) -> None:
    """Write the ready file as a whole."""
    temporary = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"port": port, "pid": os.getpid()}))
    temporary.replace(ready_file)


if __name__ == "__main__":
    main()
