"""Labelled transcripts: loops as agents get caught in them, and honest work that looks like them.

They are written from what agents do, not from what the detector looks for: lengths, tools, words, results and what
happens in between are drawn anew for each seed, and loops begin after some honest work.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.events import (
    AnyEvent,
    Budget,
    BudgetSet,
    DiffContent,
    Location,
    PlanEntry,
    Planned,
    Prompted,
    Text,
    TextContent,
    Thought,
    ToolCalled,
    TurnStarted,
    Used,
)

ROOT = "/home/dev/shop"
FILES = [
    f"src/{a}_{b}.py" for a in ("cart", "order", "user", "stock", "price") for b in ("model", "view", "api", "store")
]
VERBS = ("look at", "check", "read", "think about", "compare", "understand", "change", "run", "test", "simplify")


@dataclass
class Trace:
    """Events as they come, with the clock and the numbers of a plausible agent."""

    rng: random.Random
    events: list[AnyEvent] = field(default_factory=list[AnyEvent])
    now: float = 1_000_000.0
    cost: float = 0.0
    calls: int = 0

    def add(self, event: AnyEvent, seconds: float = 0.1) -> None:
        self.now += seconds
        self.events.append(event.model_copy(update={"seq": len(self.events) + 1, "at": self.now, "epoch": 1}))

    def begin(self, usd: float = 20.0) -> None:
        self.add(BudgetSet(budget=Budget(max_usd=usd)))
        self.add(Prompted(prompt_id="p1", text="Do the work"))
        self.add(TurnStarted(prompt_id="p1"))

    def say(self, text: str, thought: bool = False) -> None:
        while text:
            size = self.rng.randint(3, 40)
            self.add((Thought if thought else Text)(text=text[:size]))
            text = text[size:]

    def call(self, kind: str, title: str, raw: object, text: str = "", *, ok: bool = True, took: float = 1.0,
             diff: DiffContent | None = None, paths: tuple[str, ...] = ()) -> None:  # fmt: skip
        self.calls += 1
        call_id = f"c{self.calls}"
        places = tuple(Location(path=path) for path in paths)
        self.add(ToolCalled(call_id=call_id, title=title, tool_kind=kind, status="pending", raw_input=raw,  # type: ignore[arg-type]
                            locations=places), self.rng.uniform(1, 8))  # fmt: skip
        content = (diff,) if diff else (TextContent(text=text),)
        self.add(ToolCalled(call_id=call_id, status="completed" if ok else "failed", content=content), took)
        self.cost += self.rng.uniform(0.005, 0.02)
        self.add(Used(cost_usd=self.cost))

    def shell(self, command: str, text: str = "", *, code: int = 0, took: float = 1.0) -> None:
        """Some agents report a failed command as a failed call, some only by its exit code."""
        shown = text if code == 0 else f"{text}\nExit code: {code}"
        raw: dict[str, object] = {"command": command}
        if self.rng.random() < 0.5:
            raw["description"] = f"{self.rng.choice(VERBS)} step {self.calls}"
        self.call("execute", command, raw, shown, ok=code == 0 or self.rng.random() < 0.5, took=took)

    def read(self, path: str) -> None:
        lines = "\n".join(f"line {i} of {path}" for i in range(self.rng.randint(3, 9)))
        self.call("read", f"Read {path}", {"file_path": f"{ROOT}/{path}"}, lines, paths=(f"{ROOT}/{path}",))

    def edit(self, path: str, new: str, old: str = "old text") -> None:
        full = path if path.startswith("/") else f"{ROOT}/{path}"
        self.call("edit", f"Edit {path}", {"file_path": full}, diff=DiffContent(path=full, old_text=old, new_text=new),
                  paths=(full,))  # fmt: skip

    def fresh(self) -> str:
        return "\n".join(f"value_{self.rng.randrange(10**6)} = {i}" for i in range(self.rng.randint(2, 12)))

    def talk(self) -> None:
        words = [self.rng.choice(VERBS), self.rng.choice(FILES), "because of", str(self.rng.randrange(1000))]
        self.say(f"Now I will {' '.join(words)}. ", thought=self.rng.random() < 0.5)

    def work(self, most: int = 8) -> None:
        """Some honest work."""
        for _ in range(self.rng.randint(1, most)):
            if self.rng.random() < 0.7:
                self.talk()
            path = self.rng.choice(FILES)
            match self.rng.randrange(3):
                case 0:
                    self.read(path)
                case 1:
                    self.edit(path, self.fresh())
                case _:
                    self.shell(f"grep -n {self.rng.randrange(99)} {path}", self.fresh())


# Loops


def stuck_on_a_call(t: Trace) -> None:
    command = t.rng.choice(
        ["pytest -q tests/test_cart.py", "cat src/cart_model.py", "git status", "ls -la src", "make lint"]
    )
    for n in range(t.rng.randint(8, 15)):
        if t.rng.random() < 0.5:
            t.talk()
        t.shell(command, f"12 passed in {t.rng.uniform(0.1, 9):.2f}s\nnothing to do")
        if n % 4 == 3 and t.rng.random() < 0.5:
            t.read(t.rng.choice(FILES))


def reads_the_same_file(t: Trace) -> None:
    path = t.rng.choice(FILES)
    for _ in range(t.rng.randint(8, 14)):
        t.call("read", f"Read {path}", {"file_path": f"{ROOT}/{path}"}, "the same contents", paths=(f"{ROOT}/{path}",))
        if t.rng.random() < 0.3:
            t.read(t.rng.choice(FILES))


def hits_the_same_error(t: Trace) -> None:
    error = t.rng.choice(
        [
            "ModuleNotFoundError: No module named 'stripe'",
            "error[E0432]: unresolved import `crate::cart`",
            "fatal: not a git repository",
            "npm ERR! code ERESOLVE unable to resolve dependency tree",
            "PermissionError: [Errno 13] Permission denied: '/srv/data'",
        ]
    )
    for n in range(t.rng.randint(8, 12)):
        tool = t.rng.choice(["pytest", "python -m app", "make run", "./run.sh"])
        t.shell(f"{tool} --try {n}", f"step {n} at {t.now:.0f}\n{error}", code=t.rng.choice([1, 2, 127]))
        if t.rng.random() < 0.4:
            t.talk()
        if t.rng.random() < 0.3:
            t.read(t.rng.choice(FILES))


def edits_and_hits_the_same_error(t: Trace) -> None:
    """Each edit is another one, and none helps."""
    for n in range(t.rng.randint(14, 20)):
        t.edit("src/cart_api.py", f"# attempt {n}\n{t.fresh()}")
        t.shell(
            "pytest -q", f"{t.fresh()}\nE   TypeError: total() missing 1 required argument\n1 failed in 0.{n}s", code=1
        )


def toggles_an_edit(t: Trace) -> None:
    path, one, other = t.rng.choice(FILES), "retries = 3\n", "retries = 5\n"
    for n in range(t.rng.randint(18, 26)):
        old, new = (one, other) if n % 2 else (other, one)
        t.edit(path, new, old)
        if t.rng.random() < 0.2:
            t.talk()


def edits_tests_reverts(t: Trace) -> None:
    path = t.rng.choice(FILES)
    for _ in range(t.rng.randint(8, 12)):
        t.edit(path, "limit = 10\n", "limit = 20\n")
        t.shell("pytest -q", "E   assert 10 == 20\n1 failed", code=1)
        t.edit(path, "limit = 20\n", "limit = 10\n")
        t.shell("pytest -q", "E   assert 20 == 10\n1 failed", code=1)


def two_calls_in_turn(t: Trace) -> None:
    one, other = t.rng.sample(["git diff --stat", "git log -1", "ls src", "cat README.md", "python -V"], 2)
    for _ in range(t.rng.randint(9, 14)):
        t.shell(one, "one result")
        t.shell(other, "another result")
        if t.rng.random() < 0.4:
            t.talk()


def three_calls_in_turn(t: Trace) -> None:
    paths = t.rng.sample(FILES, 3)
    for _ in range(t.rng.randint(9, 12)):
        for path in paths:
            t.call("read", f"Read {path}", {"file_path": path}, f"contents of {path}")


def says_it_again(t: Trace) -> None:
    lines = [f"I will now {t.rng.choice(VERBS)} the {w} to see what happens" for w in ("cart", "order", "stock")]
    for _ in range(t.rng.randint(30, 60)):
        t.say(
            t.rng.choice(lines[: t.rng.randint(1, 3)]) + t.rng.choice([". ", ".\n", "! "]), thought=t.rng.random() < 0.5
        )


def stutters(t: Trace) -> None:
    words = t.rng.choice(["the fix is the fix is ", "wait let me check that again ", "actually no yes "])
    t.say(words * t.rng.randint(150, 300))


def reads_for_ever(t: Trace) -> None:
    """The budget goes, over the same few files, in no order."""
    few = t.rng.sample(FILES, 5)
    for _ in range(t.rng.randint(90, 120)):
        path = t.rng.choice(few)
        t.call("search", f"Search {path}", {"pattern": path}, f"hit {t.rng.choice('abcdefgh')} in {path}")
        t.cost += 0.25


LOOPS: tuple[Callable[[Trace], None], ...] = (
    stuck_on_a_call, reads_the_same_file, hits_the_same_error, edits_and_hits_the_same_error, toggles_an_edit,
    edits_tests_reverts, two_calls_in_turn, three_calls_in_turn, says_it_again, stutters, reads_for_ever,
)  # fmt: skip


# Honest work


def waits_for_ci(t: Trace) -> None:
    for _ in range(t.rng.randint(20, 40)):
        t.shell("gh run view 4711 --json status", '{"status":"in_progress"}', took=t.rng.uniform(1, 3))
        t.shell(f"sleep {t.rng.choice([20, 30, 60])}", "", took=30)
    t.shell("gh run view 4711 --json status", '{"status":"completed"}')


def waits_for_a_server(t: Trace) -> None:
    for _ in range(t.rng.randint(10, 25)):
        t.shell("sleep 2 && curl -s localhost:8080/healthz", "curl: (7) Failed to connect: Connection refused", code=7)
    t.shell("curl -s localhost:8080/healthz", "ok")


def waits_for_pods(t: Trace) -> None:
    for n in range(t.rng.randint(10, 30)):
        t.shell("kubectl -n shop get pods", f"cart-7f9 0/1 ContainerCreating 0 {n * 10}s")
        if t.rng.random() < 0.3:
            t.say(f"Not ready after {n * 10} seconds. ")


def builds_for_long(t: Trace) -> None:
    for target in ("all", "check", "dist"):
        t.shell(f"make {target}", t.fresh() * 20, took=t.rng.uniform(600, 1500))
        t.edit(t.rng.choice(FILES), t.fresh())


def refactors_much(t: Trace) -> None:
    for n in range(t.rng.randint(60, 90)):
        path = f"src/module_{n}.py"
        t.read(path)
        t.edit(path, f"from shop.core import price_{n}\n{t.fresh()}")
        if n % 10 == 9:
            t.shell("pytest -q", "214 passed in 3.2s")


def red_green(t: Trace) -> None:
    for n in range(t.rng.randint(8, 15)):
        t.edit("tests/test_cart.py", f"def test_{n}():\n    assert total({n})\n", "")
        t.shell("pytest -q", f"E   AssertionError: total({'ab'[n % 2] * (n + 1)})\n1 failed, {n} passed", code=1)
        t.edit("src/cart_model.py", t.fresh())
        t.shell("pytest -q", f"{n + 1} passed")


def debugs_one_error(t: Trace) -> None:
    for _ in range(t.rng.randint(3, 6)):
        t.talk()
        t.read(t.rng.choice(FILES))
        t.edit("src/order_api.py", t.fresh())
        t.shell("pytest -q tests/test_order.py", "E   KeyError: 'sku'\n1 failed", code=1)
    t.edit("src/order_api.py", t.fresh())
    t.shell("pytest -q tests/test_order.py", "1 passed")


def explores(t: Trace) -> None:
    paths = [f"lib/part_{n}/{name}.go" for n in range(40) for name in ("api", "store", "model")]
    for path in t.rng.sample(paths, t.rng.randint(60, 110)):
        t.read(path)
        if t.rng.random() < 0.3:
            t.talk()


def bisects(t: Trace) -> None:
    for n in range(t.rng.randint(7, 11)):
        t.shell(
            f"git bisect {t.rng.choice(['good', 'bad'])}",
            f"Bisecting: {2 ** (11 - n)} revisions left\n[{t.rng.randrange(16**8):08x}]",
        )
        t.shell("make test", "FAIL: TestCheckout" if t.rng.random() < 0.5 else "ok", code=t.rng.choice([0, 1]))


def edits_by_shell(t: Trace) -> None:
    for n in range(t.rng.randint(10, 20)):
        t.shell(f"sed -i 's/old_{n}/new_{n}/' src/cart_model.py", "")
        t.shell("go build ./...", "")


def moves_tests(t: Trace) -> None:
    for n in range(t.rng.randint(4, 9)):
        body = f"def test_price_{n}():\n    assert price({n})\n"
        t.edit(f"tests/prices/test_{n}.py", body, "")
        t.edit("tests/test_all.py", "", body)


def writes_docs(t: Trace) -> None:
    for n in range(t.rng.randint(4, 8)):
        rows = "\n".join(f"| `{t.rng.choice(FILES)}` | what {t.rng.randrange(10**5)} does for {n} |" for _ in range(12))
        t.say(f"Here is section {n}.\n\n| file | meaning |\n|---|---|\n{rows}\n\n")
        t.say("```python\n" + "    assert response.status_code == 200\n" * 30 + "```\n")
        t.edit(f"docs/part_{n}.md", rows)


def runs_the_suite_often(t: Trace) -> None:
    for _ in range(t.rng.randint(8, 16)):
        t.edit(t.rng.choice(FILES), t.fresh())
        t.shell("npm test", "Tests: 88 passed, 88 total\nTime: 4.1 s")
        t.shell("git status --short", " M src")


def retries_a_download(t: Trace) -> None:
    for _ in range(2):
        t.shell("pip download -d wheels stripe", "ReadTimeoutError: HTTPSConnectionPool: Read timed out", code=1)
    t.shell("pip download -d wheels stripe", "Saved ./wheels/stripe.whl")
    t.work()


HONEST: tuple[Callable[[Trace], None], ...] = (
    waits_for_ci, waits_for_a_server, waits_for_pods, builds_for_long, refactors_much, red_green, debugs_one_error,
    explores, bisects, edits_by_shell, moves_tests, writes_docs, runs_the_suite_often, retries_a_download,
)  # fmt: skip


def make(kind: Callable[[Trace], None], seed: int) -> list[AnyEvent]:
    """One transcript: some honest work, then what ``kind`` does, with a plan in half of them."""
    trace = Trace(random.Random(f"{kind.__name__}-{seed}"))
    trace.begin()
    if trace.rng.random() < 0.5:
        trace.add(Planned(entries=tuple(PlanEntry(content=f"Step {n}") for n in range(4))))
    trace.work()
    kind(trace)
    return trace.events


def labelled(kinds: tuple[Callable[[Trace], None], ...], seeds: int) -> Iterator[tuple[str, list[AnyEvent]]]:
    """``seeds`` transcripts of each kind, by name."""
    for kind in kinds:
        for seed in range(seeds):
            yield f"{kind.__name__}-{seed}", make(kind, seed)
