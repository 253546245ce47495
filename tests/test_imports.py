"""What each side loads, seen from fresh interpreters: the linter does not look inside other distributions."""

import json
import subprocess
import sys

import pytest

ROOT_NAMES = ("textual", "rich", "asyncssh", "apprise", "acp", "pydantic_ai", "watchfiles", "click")


def loaded_by(statement: str) -> set[str]:
    """Those of `ROOT_NAMES` that an isolated interpreter has loaded after ``statement``."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(set(sys.modules) & set({ROOT_NAMES!r}))))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


EVERY_MODULE = """
import importlib, pkgutil
package = importlib.import_module({name!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("name", ["agent", "snapshot", "remote"])
def test_nothing_below_the_app_loads_textual(name: str) -> None:
    assert loaded_by(EVERY_MODULE.format(name=name)).isdisjoint({"textual", "rich", "click"})


def test_the_runner_loads_no_screen_and_no_ssh() -> None:
    assert loaded_by("import remote.runner_cli, remote.serve").isdisjoint({"textual", "rich", "asyncssh", "click"})


def test_what_answers_a_connection_loads_no_agent() -> None:
    """It starts for each connection, and the agents' protocol alone takes half a second."""
    assert not loaded_by("import remote.runner_cli, remote.host_service, remote.relay")


def test_a_runner_loads_the_protocol_while_its_agent_starts() -> None:
    assert "acp" not in loaded_by("import remote.runner_cli, remote.serve")


def test_the_guard_sees_an_offender() -> None:
    assert "textual" in loaded_by("import agent.events, textual")


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_loads_nothing_that_it_does_not_need(argument: str) -> None:
    heavy = {"textual", "rich", "asyncssh", "apprise", "acp", "pydantic_ai", "watchfiles"}
    assert loaded_by(f"from tui.cli.root import main\nmain([{argument!r}])") & {*heavy, "click"} == {"click"}
