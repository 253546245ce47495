"""What this side asks of a host's ``castoff-runner host``: one JSON line a request, one a reply.

Requests are told apart by ``op``. All of them can be asked again: the second answer is as good as the first.
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from agent.arrival import Arrival
from agent.events import Frozen, ResumeKind
from agent.mcp import McpServers
from agent.protocol import Lease
from agent.soundness import Finding
from remote.findings import Problem
from remote.furnishing import Furnishing
from remote.holding import Holding
from remote.levels import Level, Need
from remote.patch import Changes
from remote.run import Run
from remote.settings_protocol import SettingsRequest
from remote.start import Since
from remote.survey_records import Peek, Survey
from remote.tools import Program
from snapshot.names import Name

SandboxLevel = Level


class Look(Frozen):
    """What is there for a run of ``agent``, whose tree of ``size`` bytes and whose HOME would appear at these paths?"""

    op: Literal["look"] = "look"
    agent: str
    version: str = ""
    """Of the agent's program where the session is now; empty where its package does not tell it."""
    size: int
    tree_at: str
    home_at: str
    sandbox: Need
    model: str = ""
    """The model that the session uses, where this side knows it; its key is the host's own."""
    programs: tuple[str, ...] = ()
    """Programs that the session has used, by name or absolute path: are they there, in which version?"""
    beside: tuple[Name, ...] = ()
    """Paths of directories that the tree's repositories need and that would appear there as well."""
    restart: bool = False
    """Whether to look as well how its runs are taken up after a restart."""


class Seen(Frozen):
    """The host in brief. ``free`` is bytes free where runs live; ``now`` its Unix time."""

    user: str
    system: str
    sandbox: Level
    sandbox_detail: str = ""
    free: int
    agent_version: str = ""
    problems: tuple[Problem, ...] = ()
    now: float
    programs: tuple[Program, ...] | None = None
    """As a run's sandbox sees them; ``None`` if that cannot be told: ``programs_unknown`` says why."""
    programs_unknown: str = ""
    variables: tuple[str, ...] = ()
    """Names of the variables that a run's commands get there."""
    mcp: McpServers = McpServers()
    """The MCP servers in the host's own settings of the agent."""
    restart: str = ""
    """How its runs are taken up after a restart, or why they would not be; a sentence, "" if nobody looked."""


class Standing(Frozen):
    """``lease`` is ``None`` if the host never held the run."""

    lease: Lease | None


class Prepare(Frozen):
    """Make room for what is sent of the run that would be taken at ``epoch``.

    ``project`` is its path on the user's own machine: what is still there of the same project saves sending it.
    """

    op: Literal["prepare"] = "prepare"
    run_id: str
    epoch: int
    project: str


class Room(Frozen):
    """Absolute paths on the host to send to; ``holding`` is what lies at ``tree`` already, if the host knows.

    ``start`` is the id of the tree that the session began with, if the host holds all of it.
    """

    tree: str
    parcel: str
    holding: Holding | None = None
    start: str = ""


class Patch(Frozen):
    """Change the tree that is being sent, which is what the `Room` says that it holds, in a few places."""

    op: Literal["patch"] = "patch"
    run_id: str
    epoch: int
    packed: Changes


class Patched(Frozen):
    """Whether that was done. If not, the tree was another one, and is changed in part."""

    done: bool


class WantedRoom(Frozen):
    """For one companion: `snapshot.manifest.Companion` says what the fields are."""

    key: Annotated[str, Field(pattern="^[0-9a-f]{24}$")]
    inside: Literal[".git", ".git/objects"]


class PrepareBeside(Frozen):
    """Make room for the directories that travel beside the tree, and for no others; `Prepare` came before."""

    op: Literal["prepare-beside"] = "prepare-beside"
    run_id: str
    epoch: int
    wanted: tuple[WantedRoom, ...]


class RoomBeside(Frozen):
    """Absolute paths on the host to send to, by key."""

    folders: dict[str, str]


class Verify(Frozen):
    """Recompute both manifests of what was sent."""

    op: Literal["verify"] = "verify"
    run_id: str
    epoch: int
    parcel_digest: str


class Compared(Frozen):
    """How what arrived differs from the manifests: sentences, none if it is equal."""

    differences: tuple[str, ...]
    digest: str


class Accept(Frozen):
    """Take the run at ``epoch``, as it was found equal to ``parcel_digest``; start its runner and prove that the agent
    continues."""

    op: Literal["accept"] = "accept"
    run_id: str
    epoch: int
    parcel_digest: str
    host: str
    sandbox: Level
    tree_at: str
    home_at: str
    arrival: Arrival
    agent: str = ""
    """The agent that drives it from now on, if that is another one than before."""
    furnishing: Furnishing = Furnishing()
    programs: tuple[str, ...] = ()
    """Programs that the session has used, by name or path; a relative one is in the tree. They are looked for again."""
    outside: tuple[str, ...] = ()
    """Files outside the tree that the session used and that stay where it comes from, as the agent is told."""


class Proof(Frozen):
    """The agent continues: its session's id, how it was taken up, and where the journal stands."""

    agent: str
    agent_session_id: str
    resumed: ResumeKind
    epoch: int
    head_seq: int
    history: str
    """`agent.journal.read_head` of what came to the host: the agent goes on from exactly that."""
    lossy: bool = False
    """Whether it does not have the conversation, but a brief of it."""
    no_start: str = ""
    """Why diffs there cannot count from the start of the session, as a sentence."""


class Verdict(Frozen):
    """Either a proof, or why there is none; then the run was given back at ``released``."""

    proof: Proof | None = None
    reason: str = ""
    way_out: str = ""
    released: int | None = None


class Withdraw(Frozen):
    """The offer at ``epoch`` is taken back: never accept it, unless it was accepted already."""

    op: Literal["withdraw"] = "withdraw"
    run_id: str
    epoch: int


class Inspect(Frozen):
    """How do you stand with the run? ``thorough``: look whether its records are what was written, too."""

    op: Literal["inspect"] = "inspect"
    run_id: str
    thorough: bool = False


class Inspected(Frozen):
    """``lease`` is ``None`` if the host never held the run, ``run`` if it does not live there now.

    ``moving``: somebody is moving it at this moment. ``findings`` are what is wrong with its records.
    """

    lease: Lease | None
    run: Run | None = None
    moving: bool = False
    findings: tuple[Finding, ...] = ()


class ListRuns(Frozen):
    """The runs that live there."""

    op: Literal["runs"] = "runs"


class Rows(Frozen):
    """One row a run, and a sentence for each session there that cannot be read."""

    runs: tuple[Run, ...]
    damaged: tuple[str, ...] = ()


class AskDiff(Frozen):
    """What the run changed since it arrived, or the session since it began."""

    op: Literal["diff"] = "diff"
    run_id: str
    since: Since = "handoff"


class DiffReply(Frozen):
    """A `snapshot.diff.Diff` as JSON."""

    diff: JsonValue


class Pack(Frozen):
    """Drain the run, for at most ``drain_seconds``, and make it ready to be fetched."""

    op: Literal["pack"] = "pack"
    run_id: str
    drain_seconds: float = 20.0


class Packed(Frozen):
    """Where to fetch from: the tree, and the parcel with the session's files; digests of both manifests."""

    epoch: int
    tree: str
    parcel: str
    tree_digest: str
    parcel_digest: str


class Give(Frozen):
    """Give the run up in favour of ``to``, who takes it at the next epoch; on disk before the answer."""

    op: Literal["give"] = "give"
    run_id: str
    epoch: int
    to: str


class Confirm(Frozen):
    """The other side holds the run at ``epoch``: what is left here is an archive, and a runner that lives is ended."""

    op: Literal["confirm"] = "confirm"
    run_id: str
    epoch: int


class Regain(Frozen):
    """The pull failed: hold the run again, at ``epoch`` if it was given up in favour of ``to``, with its runner
    started."""

    op: Literal["regain"] = "regain"
    run_id: str
    epoch: int
    to: str


class Nothing(Frozen):
    """Done; there is nothing more to say."""


Request = (
    Look
    | Prepare
    | PrepareBeside
    | Patch
    | Verify
    | Accept
    | Withdraw
    | Inspect
    | ListRuns
    | AskDiff
    | Pack
    | Give
    | Confirm
    | Regain
    | Survey
    | Peek
    | SettingsRequest
)
REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="op")])


class Reply(Frozen):
    """The frame around every answer: ``body`` if ``ok``, else a sentence, a way out and a code."""

    ok: bool
    body: JsonValue = None
    code: str = ""
    sentence: str = ""
    way_out: str = ""
