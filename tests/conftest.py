"""Plugins whose fixtures all tests may use, the signals that they count on, their order, and how a failure is told."""

import os
import signal
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.agents",
    "tests.codex_machines",
    "tests.real_agents",
    "tests.hosts",
    "tests.e2e.scene",
    "tests.e2e.errands",
]

LONGEST = (
    "e2e/test_fidelity.py",
    "e2e/test_hostile_return.py",
    "e2e/test_single.py",
    "kills/test_crashes.py",
    "e2e/test_chaos.py",
    "remote/test_protocol_model.py",
    "e2e/test_bad_input.py",
    "e2e/test_commits_home.py",
    "e2e/test_companions.py",
    "e2e/test_versions.py",
    "remote/test_demo.py",
    "remote/test_bootstrap.py",
)
"""The files that take longest, by what was measured: they go first, else one process ends long after the others."""

# A shell that runs the tests in the background makes them ignore Ctrl-C, and the programs they start inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, as tests often wait for others, and four at most."""
    return min(4, (os.cpu_count() or 1) + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; a file's tests stay together, in their order."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Name a test that failed, and why, at once and not only at the end: a run may be cut off."""
    if not report.failed:
        return None
    category = "failed" if report.when == "call" else "error"
    crash = getattr(report.longrepr, "reprcrash", None)
    why = str(crash.message if crash else report.longrepr).partition("\n")[0]
    return category, f"\n{category.upper()} {report.nodeid}: {why[:1000]}\n", category.upper()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have measured, and by which seeds, in whichever process they ran, passed or not."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in reports:
        if isinstance(report, pytest.TestReport) and report.when == "call":
            for name, value in report.user_properties:
                terminalreporter.write_line(f"{report.nodeid}: {name}: {value}")
