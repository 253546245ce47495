"""Console scripts' entry: starts the real program in an isolated interpreter.

The top-level names ``agent`` and ``remote`` are short, and a user's own tree may hold the same ones, or an
``http.py``. Whatever ``PYTHONPATH`` or the working directory offer, ``python -I`` finds only what is
installed. So before that nothing is imported here but what every interpreter has loaded already. The
working directory stays as it is: to the program it is data, not a place to import from.
"""

import os
import sys


def castoff() -> None:
    """Become ``castoff``: the full-screen app and the command line. Never returns."""
    _become("tui.cli")


def runner() -> None:
    """Become ``castoff-runner``: the headless side, here and on a host. Never returns."""
    _become("remote.runner_cli")


def _become(module: str) -> None:
    os.execv(sys.executable, [sys.executable, "-I", "-m", module, *sys.argv[1:]])
