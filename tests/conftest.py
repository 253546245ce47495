"""Plugins that all tests may use fixtures of."""

pytest_plugins = ["tests.agents", "tests.codex_machines", "tests.hosts", "tests.e2e.scene"]
