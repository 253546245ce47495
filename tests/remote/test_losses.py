"""The loss report as a pure judgement: what is here, what is there, what the user said."""

from pathlib import Path
from typing import Any

import pytest

from agent.mcp import McpServers, ProjectServers
from agent.sessions import create_session
from remote.children import Child
from remote.findings import Stays, is_loss
from remote.host_protocol import Seen
from remote.loss_check import LossCheck
from remote.losses import MOST_OF_A_KIND, carried_files, carried_patterns, object_to, report_losses
from remote.stock import Outside, Stock
from remote.terms import Terms
from remote.tools import Program
from snapshot.refusal import Kept
from snapshot.selection import Selection
from snapshot.survey import Survey

HOME = "/home/ada"
CACHE = Kept(what="cache/", why="ignored by git", files=3, size=900, patterns=("/cache", "/web/cache"))
CLOSED = Kept(what="closed.txt", why="it cannot be read, so it stays", files=1, lost=True)
LINKS = Kept(what="hard links", why="each name travels as a file of its own", files=2)
STOCK = Stock(
    programs=(
        Program(name="node", path="/usr/bin/node", version="v22.1.0"),
        Program(name="git", path="/usr/bin/git", version="git version 2.43.0"),
        Program(name="ls", path="/usr/bin/ls"),
        Program(name=f"{HOME}/bin/x", path=f"{HOME}/bin/x"),
    ),
    variables=("API_URL", "TOKEN"),
    outside=(
        Outside(path=f"{HOME}/notes.md", size=10, carriable=True),
        Outside(path="/srv/data", folder=True),
        Outside(path="/srv/big.bin", size=5000, written=True),
        Outside(path=f"{HOME}/locked", readable=False),
    ),
    own_programs=("bin/tool", "bin/kept"),
    mcp=McpServers(names=("docs", "search"), unread=(".x/y.json",)),
    project_mcp=(
        ProjectServers(file=".mcp.json", names=("lost", "search")),
        ProjectServers(file=".x/broken.json", names=None),
        ProjectServers(file="kept.json", names=("comes along",)),
    ),
    children=(Child(name="vite", pid=7, ports=(5173,)), Child(name="psql", pid=8, ports=(5432, 5433), own=False)),
)


def seen(**more: Any) -> Seen:
    there = (
        Program(name="node"),
        Program(name="git", path="/usr/bin/git", version="git version 2.39.5"),
        Program(name="ls", path="/usr/bin/ls"),
        Program(name=f"{HOME}/bin/x"),
    )
    known: dict[str, Any] = {"programs": there, "variables": ("TOKEN",), "mcp": McpServers(names=("search",))}
    return Seen(user="u", system="s", sandbox="open", free=1, now=0.0, **(known | more))


def report(terms: Terms | None = None, host: Seen | None = None, stock: Stock = STOCK) -> tuple[Stays, ...]:
    return report_losses(
        [CACHE, CLOSED, LINKS],
        stock,
        ["bin/tool", ".mcp.json", ".x/broken.json"],
        host or seen(),
        terms or Terms(),
        HOME,
    )


def test_a_filters_program_that_is_missing_there_is_told_as_such() -> None:
    stock = Stock(filters=(Program(name="git-lfs", path="/usr/bin/git-lfs"),))
    there = seen(programs=(Program(name="git-lfs"),))
    told = {each.what: each for each in report_losses((), stock, (), there, Terms(), HOME)}
    assert told["git-lfs"].kind == "command" and "git runs it" in told["git-lfs"].why
    has = seen(programs=(Program(name="git-lfs", path="/usr/bin/git-lfs"),))
    assert "git-lfs" not in {each.what for each in report_losses((), stock, (), has, Terms(), HOME)}


def test_everything_is_told_once_with_its_kind() -> None:
    assert [(each.kind, each.what) for each in report()] == [
        ("ignored", "cache/"),
        ("unreadable", "closed.txt"),
        ("other", "hard links"),
        ("outside", "/srv/big.bin"),
        ("outside", "~/notes.md"),
        ("outside", "/srv/data"),
        ("outside", "~/locked"),
        ("command", "bin/tool"),
        ("command", "node"),
        ("command", "~/bin/x"),
        ("version", "git"),
        ("variable", "API_URL"),
        ("mcp", "docs"),
        ("mcp", "lost"),
        ("mcp", "~/.x/y.json"),
        ("mcp", ".x/broken.json"),
        ("process", "vite (process 7, serves port 5173)"),
        ("process", "psql (process 8, serves port 5432, 5433)"),
        ("other", "environment and logins"),
    ]
    told = {each.what: each for each in report()}
    assert {what for what, each in told.items() if each.can_carry} == {"cache/", "~/notes.md"}
    assert ".mcp.json, which stays here" in told["lost"].why
    assert told["git"].why == "2.43.0 here, 2.39.5 there"
    assert "changed" in told["/srv/big.bin"].why and "cannot be read" in told["~/locked"].why


def test_a_host_that_cannot_tell_its_programs() -> None:
    told = {each.what: each.why for each in report(host=seen(programs=None, programs_unknown="No bwrap."))}
    assert "is not known: No bwrap." in told["4 commands"]
    assert "node" not in told and "bin/tool" in told


def test_what_is_carried() -> None:
    terms = Terms(carry=("cache/", "~/notes.md"))
    stays = report(terms)
    assert {each.what for each in stays if each.choice == "carry"} == {"cache/", "~/notes.md"}
    assert not any(is_loss(each) for each in stays if each.choice == "carry")
    assert object_to(stays, terms) == ()
    assert carried_patterns([CACHE, LINKS], terms.carry) == ("/cache", "/web/cache")
    assert carried_files(STOCK, terms.carry, HOME) == ("notes.md",)
    assert carried_files(STOCK, ("/srv/big.bin", "~/locked"), HOME) == ()


@pytest.mark.parametrize("what", ["node", "hard links", "/srv/big.bin", "nonsense"])
def test_what_cannot_be_carried_stands_in_the_way(what: str) -> None:
    terms = Terms(carry=(what,))
    (problem,) = object_to(report(terms), terms)
    assert problem.blocking and problem.code == "carry-unknown" and what in problem.sentence
    assert "cache/, ~/notes.md" in problem.way_out


def test_stopping_on_loss() -> None:
    terms = Terms(stop_on_loss=True, accept_loss=("unreadable", "outside", "mcp", "process", "git", "API_URL"))
    stays = report(terms)
    assert [each.what for each in stays if each.choice == "stop"] == ["cache/", "bin/tool", "node", "~/bin/x"]
    (problem,) = object_to(stays, terms)
    assert problem.blocking and problem.sentence == "Something would be lost: cache/, bin/tool, node, ~/bin/x."
    accepted = terms.model_copy(update={"carry": ("cache/",), "accept_loss": (*terms.accept_loss, "command")})
    assert object_to(report(accepted), accepted) == ()


def test_many_of_a_kind_are_counted() -> None:
    many = tuple(Outside(path=f"{HOME}/f{n:03}", size=1000 - n, carriable=True) for n in range(MOST_OF_A_KIND + 5))
    stock = STOCK.model_copy(update={"outside": many})
    last = f"~/f{MOST_OF_A_KIND + 4:03}"
    outside = [each for each in report(Terms(carry=(last,)), stock=stock) if each.kind == "outside"]
    assert len(outside) == MOST_OF_A_KIND + 2
    assert (outside[-1].what, outside[-1].files) == ("4 more files outside the project", 4)
    assert outside[-1].size == sum(each.size for each in many[MOST_OF_A_KIND:-1])
    assert last in {each.what for each in outside if each.choice == "carry"}


def test_what_cannot_be_read_is_left_by_the_selection_that_travels(tmp_path: Path) -> None:
    check = LossCheck(create_session(tmp_path, tmp_path, "builtin"), Terms())
    seen = Survey(files=0, size=0, git="", closed=("shut", "closed folder"))
    chosen = check.choose(seen, Selection(leave=("left",)))
    assert chosen == Selection(leave=("left", "shut", "closed folder"))
