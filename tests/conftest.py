"""Plugins that all tests may use fixtures of, and the signals that they count on."""

import signal

pytest_plugins = ["tests.agents", "tests.codex_machines", "tests.hosts", "tests.e2e.scene", "tests.e2e.errands"]

# A shell that runs the tests in the background makes them ignore Ctrl-C, and the programs they start inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
