"""The steps of a handoff and of a pull-back: frozen records that a screen draws and the CLI prints.

`remote.handoff.hand_off` and `remote.pull.pull_back` are async generators of these. Where `awaits_decision` holds
they wait for one (`remote.terms`): the driver continues with ``asend("go")`` or ``asend("cancel")``; ``None`` (what
``async for`` sends) means cancel there, so that nothing is agreed to by accident. `Planned` is also answered with
what is agreed to; a mere go agrees to nothing that it asks about. The last step is always
`Away`, `Home` or `StillHere`.
"""

from typing import Literal

from agent.events import Frozen, ResumeKind
from remote.findings import Extras, HostFacts, Problem, Stays


class Connecting(Frozen):
    """The host is being asked."""

    step: Literal["connecting"] = "connecting"
    host: str


class SettingUp(Frozen):
    """The runtime is being installed on the host; ``detail`` is the line to show."""

    step: Literal["setting-up"] = "setting-up"
    detail: str


class Preflighted(Frozen):
    """Everything is known and nothing has changed yet. Sizes in bytes. A decision is due."""

    step: Literal["preflighted"] = "preflighted"
    facts: HostFacts
    files: int
    size: int
    git: str
    """One line on the repository (branch, staged, unstaged, untracked counts), or why there is none."""
    stays: tuple[Stays, ...] = ()
    extras: Extras = Extras()
    problems: tuple[Problem, ...] = ()


class Draining(Frozen):
    """The agent is asked to stop at a safe tool boundary, for at most ``deadline`` seconds."""

    step: Literal["draining"] = "draining"
    deadline: float


class Captured(Frozen):
    """The tree's manifest is complete and a second pass agreed."""

    step: Literal["captured"] = "captured"
    files: int
    size: int


class Sending(Frozen):
    """Bytes move. Of ``total``, the bytes of all files, ``bytes_done`` are there, sent now or there already.

    ``rate`` is bytes a second, ``sent`` the bytes of files that had to be sent so far.
    """

    step: Literal["sending"] = "sending"
    files_done: int
    files: int
    bytes_done: int
    total: int
    rate: float
    sent: int = 0


class Verified(Frozen):
    """The other side recomputed the manifest and it is equal."""

    step: Literal["verified"] = "verified"
    files: int
    digest: str


class Offered(Frozen):
    """This side gave the session up, on disk, and offers it as ``epoch``. The point of no return."""

    step: Literal["offered"] = "offered"
    epoch: int


class Proved(Frozen):
    """The agent continues on the host, and showed it."""

    step: Literal["proved"] = "proved"
    resumed: ResumeKind
    agent: str
    agent_session_id: str
    lossy: bool = False
    """Whether it does not have the conversation, but a brief of it."""


class Timing(Frozen):
    """How long one step took, in seconds."""

    step: str
    seconds: float


class Away(Frozen):
    """Terminal: the session lives on the host; the laptop can be closed.

    ``notes`` are sentences on what could not be done as wished.
    """

    step: Literal["away"] = "away"
    run_id: str
    host: str
    epoch: int
    files: int
    size: int
    seconds: float
    notes: tuple[str, ...] = ()
    timings: tuple[Timing, ...] = ()


class StillHere(Frozen):
    """Terminal: nothing moved; the session is where it was before. ``reason`` and ``way_out`` are sentences."""

    step: Literal["still-here"] = "still-here"
    code: str
    reason: str
    way_out: str = ""


class LinkLost(Frozen):
    """The link to the host was lost in the middle; it is looked for, for at most ``seconds``, and the move goes on."""

    step: Literal["link-lost"] = "link-lost"
    host: str
    seconds: float


class LinkBack(Frozen):
    """The link is there again: what was cut is done again, as far as it had not been done."""

    step: Literal["link-back"] = "link-back"
    host: str


class Change(Frozen):
    """One path that the run changed."""

    path: str
    change: Literal["added", "modified", "deleted"]
    added: int | None = None
    removed: int | None = None


class Reviewed(Frozen):
    """What a pull would do here; nothing has changed yet. A decision is due."""

    step: Literal["reviewed"] = "reviewed"
    run_id: str
    host: str
    changes: tuple[Change, ...]
    commits: int = 0
    problems: tuple[Problem, ...] = ()


class Way(Frozen):
    """A way to settle something: whose version it takes, and the shell command to give in the project."""

    takes: str
    command: str


class Clash(Frozen):
    """One path on which the run and the tree here disagree; ``sentence`` goes on after the path."""

    path: str
    kind: str
    sentence: str
    ways: tuple[Way, ...] = ()


class Executable(Frozen):
    """A change to a file that some tool runs or obeys by itself: why, and the start of its diff."""

    path: str
    change: Literal["added", "modified", "deleted"]
    why: str
    text: str = ""


class HeldBack(Frozen):
    """A change of the run that was not made here, why, and the command that makes it."""

    path: str
    why: Literal["executable", "deletion", "not-chosen"]
    command: str


class Planned(Frozen):
    """What will happen here, from what was received and verified. Nothing has changed yet, the run can go on.

    ``mass_deletion`` is (deleted files, files in all) where the run deleted most of the tree. ``asks`` says whether a
    decision is due.
    """

    step: Literal["planned"] = "planned"
    changes: tuple[Change, ...] = ()
    clashes: tuple[Clash, ...] = ()
    executable: tuple[Executable, ...] = ()
    mass_deletion: tuple[int, int] | None = None
    asks: bool = False


class Receiving(Frozen):
    """Bytes come home; fields as in `Sending`."""

    step: Literal["receiving"] = "receiving"
    files_done: int
    files: int
    bytes_done: int
    total: int
    rate: float


class Applied(Frozen):
    """The changes are in the tree here; what they replaced is kept in ``undo``, and in ``bundle`` for git."""

    step: Literal["applied"] = "applied"
    changed: int
    deleted: int
    undo: str
    bundle: str = ""


class Home(Frozen):
    """Terminal: the session lives here again. ``notes`` are sentences on what could not be done as wished.

    ``branch`` or ``patch`` is where the run's work is if it was not merged into the tree.
    """

    step: Literal["home"] = "home"
    run_id: str
    epoch: int
    changed: int
    deleted: int
    commits_ref: str = ""
    clashes: tuple[Clash, ...] = ()
    held: tuple[HeldBack, ...] = ()
    notes: tuple[str, ...] = ()
    branch: str = ""
    patch: str = ""
    seconds: float
    timings: tuple[Timing, ...] = ()


HandoffStep = (
    Connecting
    | SettingUp
    | Preflighted
    | Draining
    | Captured
    | Sending
    | Verified
    | Offered
    | Proved
    | Away
    | StillHere
    | LinkLost
    | LinkBack
)
PullStep = (
    Connecting
    | SettingUp
    | Reviewed
    | Draining
    | Receiving
    | Verified
    | Planned
    | Offered
    | Applied
    | Home
    | StillHere
    | LinkLost
    | LinkBack
)


def awaits_decision(step: HandoffStep | PullStep | None) -> bool:
    """Whether a move waits for a decision after ``step``."""
    return isinstance(step, Preflighted | Reviewed) or (isinstance(step, Planned) and step.asks)
