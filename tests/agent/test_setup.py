from agent.setup import SetupCommand, SetupDone, SetupOutcome, SetupRecord, describe_outcomes, find_due

A, B = SetupCommand(run="make a"), SetupCommand(run="npm ci", files=("package-lock.json",))
DIGESTS = {"make a": "", "npm ci": "1"}


def record(*done: tuple[str, str, int, int | None]) -> SetupRecord:
    found = SetupRecord()
    for run, digest, epoch, status in done:
        found = found.put(SetupDone(run=run, digest=digest, epoch=epoch, status=status))
    return found


def test_at_first_everything_is_due_in_order() -> None:
    assert find_due((B, A), SetupRecord(), DIGESTS, 2) == (B, A)


def test_what_went_well_is_not_due_again_unless_its_files_changed() -> None:
    done = record(("make a", "", 2, 0), ("npm ci", "1", 2, 0))
    assert find_due((A, B), done, DIGESTS, 4) == ()
    assert find_due((A, B), done, DIGESTS | {"npm ci": "2"}, 4) == (B,)


def test_a_new_line_is_due() -> None:
    assert find_due((SetupCommand(run="make b"),), record(("make a", "", 2, 0)), {"make b": ""}, 4)


def test_what_failed_is_due_at_the_next_arrival_and_not_at_every_start() -> None:
    for status in (1, -9, None):
        done = record(("make a", "", 2, status))
        assert find_due((A,), done, DIGESTS, 2) == ()
        assert find_due((A,), done, DIGESTS, 4) == (A,)


def test_files_that_the_agent_changes_make_nothing_due_while_it_is_there() -> None:
    assert find_due((B,), record(("npm ci", "1", 2, 0)), {"npm ci": "2"}, 2) == ()


def test_the_agent_is_told_what_ran_and_the_end_of_what_failed() -> None:
    said = describe_outcomes(
        (
            SetupOutcome(run="make a", status=0, output="fine"),
            SetupOutcome(run="npm ci", status=1, output="\n".join(f"line {n}" for n in range(100))),
            SetupOutcome(run="make b", status=None),
        )
    )
    assert "ran here: make a" in said and "fine" not in said
    assert "failed with status 1: npm ci" in said and "line 99" in said and "line 50" not in said
    assert "was stopped: make b" in said
    assert describe_outcomes(()) == ""
