"""``python -I -m tui.cli``: what the console script ``castoff`` becomes."""

import sys

from tui.cli.root import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
