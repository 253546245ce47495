"""A session as a journal would have it, and the steps of its moves: what screenshots and tests show."""

from pathlib import Path

from agent.events import EVENT, AnyEvent, Budget
from remote.findings import HostFacts, Problem, Stays
from remote.run import Run, Runs, Unreachable
from remote.steps import (
    Applied,
    Away,
    Captured,
    Change,
    Clash,
    Connecting,
    Draining,
    Executable,
    HeldBack,
    Home,
    Offered,
    Planned,
    Preflighted,
    Proved,
    Receiving,
    Reviewed,
    Sending,
    Timing,
    Verified,
    Way,
)
from tests.tui.doubles import DoubleDiff, DoubleFile

AT = 1_790_000_000.0
HUNKS = """@@ -1,3 +1,5 @@
+import csv
+
 def parse(row):
-    fields = row.split(",")
-    return [f.strip() for f in fields]
+    reader = csv.reader([row], skipinitialspace=True)
+    return [field.strip() for field in next(reader, [])]
"""
NOTE = """@@ -0,0 +1,3 @@
+# Quoted commas
+
+A comma inside quotes no longer splits a field.
"""
TESTS = """@@ -12 +12,5 @@ def test_blanks():
     assert parse(" a , b ") == ["a", "b"]
+
+
+def test_quoted_comma():
+    assert parse('a,"b, c",d') == ["a", "b, c", "d"]
"""


def working() -> list[AnyEvent]:
    """A session in the middle of its work."""
    return _read("working")


def asking() -> list[AnyEvent]:
    """The same session, asking leave for a command."""
    return _read("asking")


def _read(name: str) -> list[AnyEvent]:
    recording = Path(__file__).parent / "recordings" / f"{name}.jsonl"
    return [EVENT.validate_json(row) for row in recording.read_bytes().splitlines()]


def diff() -> DoubleDiff:
    return DoubleDiff(
        (
            DoubleFile("src/rows.py", "modified", 4, 2, HUNKS),
            DoubleFile("tests/test_rows.py", "modified", 4, 0, TESTS),
            DoubleFile("docs/changes/quoted-commas.md", "added", 3, 0, NOTE),
        )
    )


FACTS = HostFacts(
    host="vm",
    user="ada",
    system="Debian 12, x86_64",
    runtime="castoff 0.1.0",
    sandbox="open",
    free=41_200_000_000,
    rtt=0.031,
)
PREFLIGHT = Preflighted(
    facts=FACTS,
    files=312,
    size=4_104_332,
    git="branch fix-quotes, 1 staged, 2 unstaged, 1 untracked",
    stays=(
        Stays(what=".venv", why="git ignores it; the host makes its own", files=4_211, size=188_000_000),
        Stays(what="logins and keys", why="castoff never copies them; the host has its own"),
    ),
    problems=(
        Problem(
            code="missing-tool",
            sentence="node is not on vm; the session has used it once.",
            way_out="Install it there, or go without.",
            blocking=False,
        ),
    ),
)
BLOCKED = PREFLIGHT.model_copy(
    update={
        "problems": (
            Problem(
                code="disk",
                sentence="vm has 2.1 MB free and 4.1 MB would travel.",
                way_out="Free some space there, then press Ctrl+L.",
            ),
        )
    }
)
TIMINGS = (
    Timing(step="preflight", seconds=0.41),
    Timing(step="drain", seconds=0.62),
    Timing(step="capture", seconds=0.18),
    Timing(step="send", seconds=0.74),
    Timing(step="verify", seconds=0.12),
    Timing(step="resume", seconds=1.03),
)
AWAY = Away(run_id="k3v7q2m9x4ab", host="vm", epoch=2, files=312, size=4_104_332, seconds=2.71, timings=TIMINGS)
HANDOFF = [
    Connecting(host="vm"),
    PREFLIGHT,
    Draining(deadline=20),
    Captured(files=312, size=4_104_332),
    Sending(files_done=141, files=312, bytes_done=2_013_004, total=4_104_332, rate=5_300_000),
    Sending(files_done=312, files=312, bytes_done=4_104_332, total=4_104_332, rate=5_500_000),
    Verified(files=312, digest="b3:2f9c"),
    Offered(epoch=2),
    Proved(resumed="resume", agent="castoff", agent_session_id="s1"),
    AWAY,
]
REVIEW = Reviewed(
    run_id="k3v7q2m9x4ab",
    host="vm",
    commits=2,
    changes=(
        Change(path="src/rows.py", change="modified", added=4, removed=2),
        Change(path="tests/test_rows.py", change="modified", added=4, removed=0),
        Change(path="docs/changes/quoted-commas.md", change="added", added=3, removed=0),
        Change(path="src/legacy_split.py", change="deleted", added=0, removed=31),
    ),
)
HOME = Home(
    run_id="k3v7q2m9x4ab", epoch=3, changed=3, deleted=1, commits_ref="refs/castoff/k3v7q2m9x4ab/3", seconds=1.42
)
PULL = [
    Connecting(host="vm"),
    REVIEW,
    Draining(deadline=20),
    Receiving(files_done=3, files=3, bytes_done=8_120, total=8_120, rate=410_000),
    Verified(files=313, digest="b3:77aa"),
    Offered(epoch=3),
    Applied(changed=3, deleted=1, undo="moves/3/keep"),
    HOME,
]

CLASH = Clash(
    path="src/rows.py",
    kind="text",
    sentence="was changed on both sides; the lines that clash are marked in it",
    ways=(Way(takes="the run's", command="cp -- '/state/a b/run/src/rows.py' src/rows.py"),),
)
PLAN = Planned(
    changes=(Change(path="src/rows.py", change="modified"), Change(path="Makefile", change="added")),
    clashes=(CLASH,),
    executable=(
        Executable(path="Makefile", change="added", why="make runs it", text="@@ -0,0 +1 @@\n+all: \x1b[31mred\n"),
        Executable(path="tool.sh", change="modified", why="it can be run as a program now"),
    ),
    mass_deletion=(30, 40),
    asks=True,
)
PLANNED_HOME = HOME.model_copy(
    update={
        "clashes": (CLASH,),
        "held": (HeldBack(path="tool.sh", why="executable", command="chmod 755 -- tool.sh"),),
        "notes": ("The run's commits were refused.",),
    }
)
"""A pull that ends with something left to do."""


def run(run_id: str, title: str, **changes: object) -> Run:
    base = Run(
        run_id=run_id, title=title, host="vm", agent="castoff", phase="working", project=f"/home/ada/{title}",
        epoch=2, head_seq=120, alive=True, plan_done=4, plan_total=6, turns=3, files_changed=3, cost_usd=0.4211,
        budget=Budget(max_usd=2.0, max_turns=30), last_line="pytest -q --maxfail=1", at=AT, now=AT + 4,
    )  # fmt: skip
    return base.model_copy(update=changes)


RUNS = Runs(
    runs=(
        run("k3v7q2m9x4ab", "parser"),
        run("b7aa00q2m9x4", "api-timeouts", phase="needs-input", plan_done=2, plan_total=5, files_changed=7,
            cost_usd=1.31, last_line="May I run alembic upgrade head?", at=AT - 400),
        run("zz9aa00q2m9x", "docs-site", host="attic", phase="finished", plan_done=4, plan_total=4, files_changed=21,
            cost_usd=0.0931, budget=Budget(), last_line="Two dead links are listed in REPORT.md.", at=AT - 9_000),
        run("c11aa00q2m9x", "migrate-orm", host="attic", phase="paused", plan_done=3, plan_total=9, files_changed=48,
            cost_usd=None, budget=Budget(max_minutes=60), detail="The time budget is used up.", last_line="",
            at=AT - 30_000),
    ),
    unreachable=(
        Unreachable(host="barge", reason="no answer at barge.example port 22 within 5 s.", way_out="r asks it again."),
    ),
)  # fmt: skip
