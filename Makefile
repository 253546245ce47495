# Each target sets up what it needs in .venv first; the second time that takes no time.
.NOTPARALLEL:
.PHONY: demo test snapshots test-agents test-servers test-machines soak soak-hostile soak-trips soak-kills soak-links soak-model soak-answers check bench clean requirements docs

BIN = .venv/bin

# Tests in several processes, as many as tests/conftest.py says, each file in one of them: what a file sets up is dear,
# and is its own.
SHARED = --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 2

demo:  ## watch an agent work, press Ctrl+H, close the laptop, reattach, pull the work back
	@.ci/setup run
	@$(BIN)/castoff demo

test:  ## all tests, against a real sshd, tmux, rsync, git and bubblewrap
	@.ci/setup dev
	@$(BIN)/pytest $(SHARED)

test-agents:  ## the journey of each real agent that a profile is shipped for; installs them once, into the user's cache, and notes what it saw
	@.ci/setup dev
	@CASTOFF_PROVED=tests/e2e/proved $(BIN)/pytest --numprocesses 2 --dist worksteal -m agents tests/e2e/test_journey_agents.py

test-servers:  ## answers over a real Matrix server; installs it once, into the user's cache
	@.ci/setup dev
	@$(BIN)/pytest -m servers tests/remote/test_matrix.py

test-machines:  ## a bare Debian becomes a host; makes it once, into the user's cache
	@.ci/setup dev
	@$(BIN)/pytest -m machines tests/tui/cli/test_machine.py

soak: soak-answers soak-hostile soak-model soak-trips soak-kills soak-links  ## what takes hours; the seeds are printed

soak-trips:  ## 200 round trips in a row, with random edits on both sides
	@.ci/setup dev
	@CASTOFF_TRIPS=200 $(BIN)/pytest -s tests/e2e/test_round_trips.py

soak-kills:  ## a handoff, a pull and a resume, killed or refused at each of their calls, 20 times
	@.ci/setup dev
	@CASTOFF_KILLS='all*20' $(BIN)/pytest -s tests/kills/test_crashes.py

soak-links:  ## a run watched, handed off and pulled over a link that fails 500 times, with the product's own limits
	@.ci/setup dev
	@CASTOFF_CUTS=420 $(BIN)/pytest -s tests/e2e/test_chaos.py

soak-hostile:  ## 100,000 hostile sessions drawn, others each time
	@.ci/setup dev
	@CASTOFF_SEED=$${CASTOFF_SEED:-$$$$} CASTOFF_HOSTILE=100000 $(BIN)/pytest -s tests/tui/test_hostile.py

soak-model:  ## 400,000 schedules of the protocol's model, others each time
	@.ci/setup dev
	@CASTOFF_SEED=$${CASTOFF_SEED:-0} CASTOFF_MODEL_EXAMPLES=200000 $(BIN)/pytest -s tests/remote/test_protocol_model.py -k nobody_owns

soak-answers:  ## a million answers by phone that are forged, replayed, late or for another time
	@.ci/setup dev
	@CASTOFF_ANSWERS=1000000 $(BIN)/pytest tests/remote/test_answers.py

snapshots:  ## write anew what tests/tui/test_snapshots.py compares the screens with
	@.ci/setup dev
	@CASTOFF_SNAPSHOTS=write $(BIN)/pytest tests/tui/test_snapshots.py

check:  ## lint, format, types, import contracts
	@.ci/setup dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/pytest tests/test_imports.py

bench:  ## where the time goes
	@.ci/setup dev
	@set -e; for file in $(filter-out bench/screens.py bench/link.py,$(wildcard bench/*.py)); do echo "== $$file"; $(BIN)/python -I "$$file"; done

clean:  ## remove everything that the other targets made here (`castoff demo --reset` removes the demo's state)
	@rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

docs:  ## write anew what is generated in docs/
	@.ci/setup dev
	@$(BIN)/python -m tests.tui.cli.reference > docs/cli.md
	@$(BIN)/python -m tests.tui.keys_page
	@$(BIN)/python -m tests.agent.protocol_page > docs/protocol.md
	@$(BIN)/python -m tests.e2e.fidelity > docs/fidelity.md
	@$(BIN)/python -m tests.e2e.agents_page
	@$(BIN)/python -I bench/screens.py docs/screens

# Pins for every platform and for Python 3.11 to 3.14, with all hashes of each release, and no address of any index.
COMPILE = $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --upgrade

requirements:
	@.ci/setup dev
	@$(COMPILE) pyproject.toml --output-file requirements/runtime.txt
	@echo hatchling | $(COMPILE) - --output-file requirements/build.txt
	@$(COMPILE) pyproject.toml --group dev --constraint requirements/runtime.txt --constraint requirements/build.txt \
		--output-file requirements/dev.txt
	@$(COMPILE) remote/requirements-host.in --constraint requirements/runtime.txt --output-file remote/requirements-host.txt
