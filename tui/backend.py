"""What the app needs of the world: sessions, hosts, runs, moves, diffs, settings.

The app is composed over this protocol; `tui.wiring` is the real one.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field

from agent.events import AnyEvent, Budget, Frozen, Policy
from remote.levels import Level
from remote.run import Recovered, Runs
from remote.steps import HandoffStep, PullStep
from remote.terms import Decision, Terms
from tui.archive import Archive
from tui.drafts import Draft
from tui.hunks import Hunk
from tui.memory import Remembered

if TYPE_CHECKING:
    from remote.settings_protocol import Variable
    from snapshot.diff import Diff


class Place(Frozen):
    """A session and where to meet it: ``host`` is empty for this machine."""

    session_id: str
    title: str
    project: str
    agent: str
    host: str = ""


class Signpost(Frozen):
    """A session of this project that lives elsewhere. ``certain`` is false while an offer is unanswered."""

    place: Place
    certain: bool = True


class HostCard(Frozen):
    """A host as the handoff screen lists it."""

    name: str
    destination: str


class Glance(Frozen):
    """A host before it is chosen: round trip in seconds, one minute's load, bytes free; ``fault`` why nothing is known.

    Without castoff's runtime there only the round trip is known.
    """

    rtt: float = 0.0
    load: float | None = None
    processors: int = 0
    sandbox: Level | None = None
    free: int = 0
    fault: str = ""


class HostLook(Frozen):
    """What was seen of a host: rows of a table, and sentences about what is not as it should be."""

    rows: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


class KeyQuestion(Frozen):
    """A host's key that was never seen before; the user compares the fingerprint."""

    host: str
    destination: str
    algorithm: str
    fingerprint: str


class Settings(Frozen):
    """What the app remembers: theme, last host, and keys by binding id."""

    theme: str = "terminal"
    offer_at_sleep: bool = False
    """Whether the handoff of a session at work is offered when this machine is about to sleep."""
    last_host: str = ""
    clipboard: Literal["auto", "tool", "terminal"] = "auto"
    """Where copies go: a program of this machine (`tool`), the terminal by OSC 52, or what is likely to work."""
    keys: dict[str, str] = Field(default_factory=dict[str, str])


class Defaults(Frozen):
    """What the project's settings say of its handoffs; ``host`` is empty where they name none."""

    host: str = ""
    budget: Budget = Budget()


class ViewerLike(Protocol):
    """What is used of `agent.viewer.Viewer`."""

    last_heard: float

    def batches(self) -> AsyncIterator[tuple[AnyEvent, ...]]:
        """Events as they come; ends by raising `agent.errors.ViewerGone`."""
        ...

    async def prompt(self, text: str) -> None:
        """Queue a prompt."""
        ...

    async def take_back(self, prompt_id: str) -> None:
        """Take a prompt out of the queue again."""
        ...

    async def interrupt(self) -> None:
        """Cancel the turn in progress."""
        ...

    async def answer(self, request_id: str, option_id: str) -> None:
        """Answer a permission question."""
        ...

    async def set_policy(self, policy: Policy) -> None:
        """Change the permission policy."""
        ...

    async def choose(self, knob: str, value: str) -> None:
        """Turn one of the agent's knobs, e.g. its model."""
        ...

    async def set_budget(self, budget: Budget) -> None:
        """Change the budget."""
        ...

    async def extend(self) -> None:
        """Grant the budget once more and go on."""
        ...

    async def excuse(self, rule: str, key: str) -> None:
        """Say that a verdict's matter is fine, and go on."""
        ...

    async def pause(self) -> None:
        """End the turn in progress, and wait for the user."""
        ...

    async def resume(self, *, brief: bool = False) -> None:
        """Go on after a pause; ``brief``: by a brief, where the agent cannot take its session up."""
        ...

    async def stop(self) -> None:
        """End the agent and the runner."""
        ...

    async def close(self) -> None:
        """Detach."""
        ...


Trust = Callable[[KeyQuestion], Awaitable[bool]]
Lend = Callable[[], AbstractContextManager[None]]
"""The app gives the terminal up for the length of the context."""
Passphrase = Callable[[str], Awaitable[str]]
"""Asked with the private key's file name; "" if the user gives none."""


class DelayLike(Protocol):
    """What is used of `remote.sleep_warning.Delay`."""

    @property
    def held(self) -> bool:
        """Whether the machine waits."""
        ...

    async def release(self) -> None:
        """Let it sleep."""
        ...


class DraftLike(Protocol):
    """What is used of `tui.drafts.DraftFile`."""

    def read(self) -> Draft:
        """The draft that was kept."""
        ...

    def keep(self, draft: Draft) -> None:
        """Keep a draft; raises `OSError`."""
        ...


class Backend(Protocol):
    """The world. Everything may raise `AgentError`, `RemoteError` or `SnapshotError` with a sentence."""

    @property
    def project(self) -> str:
        """The directory the app was started for."""
        ...

    @property
    def command(self) -> str:
        """What to type in a terminal to open this project's session again."""
        ...

    @property
    def agents(self) -> tuple[str, ...]:
        """Agent profiles by name, the default first."""
        ...

    def set_trust(self, trust: Trust) -> None:
        """Who is asked about unknown host keys."""
        ...

    def themes(self) -> Path:
        """The folder of the user's own themes, which need not be there."""
        ...

    def set_passphrase(self, passphrase: Passphrase) -> None:
        """Who is asked for the passphrases of private keys."""
        ...

    def settings(self) -> Settings:
        """What the app remembers."""
        ...

    def remember(self, settings: Settings) -> None:
        """Keep theme and last host; may raise `OSError` or `TuiError`."""
        ...

    def keep_key(self, binding_id: str, keys: str) -> None:
        """Keep the keys of one action, none for its own; may raise `OSError` or `TuiError`."""
        ...

    def current(self) -> Place | Signpost | None:
        """The project's newest session: here, elsewhere, or none yet."""
        ...

    def sessions(self) -> tuple[Place | Signpost, ...]:
        """The project's sessions, here and elsewhere, newest first."""
        ...

    def damaged(self) -> tuple[str, ...]:
        """A sentence for each session on this machine that cannot be read."""
        ...

    def agent_offer(self, agent: str) -> str:
        """What installing an agent here would take, as a sentence; "" where it is here, or nothing can install it."""
        ...

    async def install_agent(self, agent: str) -> None:
        """Install an agent here; raises `remote.errors.AgentInstallFailed`."""
        ...

    def create(self, agent: str) -> Place:
        """Begin a session here."""
        ...

    async def attach(self, place: Place, after_seq: int) -> ViewerLike:
        """Attach to a session's runner; starts the local one if none runs."""
        ...

    def draft(self, place: Place | None) -> DraftLike:
        """Where the draft for a session is kept, or for the project's next one."""
        ...

    async def files(self) -> Sequence[str]:
        """The project's files by their paths in it, without what git ignores; none where git cannot say."""
        ...

    def hosts(self) -> tuple[HostCard, ...]:
        """The hosts in the settings."""
        ...

    async def glance(self, host: str) -> Glance:
        """A glance at a host: nothing is installed, nothing asked of the user, and every failure is in it."""
        ...

    async def look_over(self, host: str, *, set_up: bool = False) -> HostLook:
        """What a host has; castoff's runtime is installed there only with ``set_up``."""
        ...

    async def add_host(self, name: str, destination: str, port: int | None) -> None:
        """Add a host once it let us in and its key was agreed to; raises `remote.errors.RemoteError`."""
        ...

    async def keep_variable(self, host: str, name: str, value: str) -> None:
        """Keep a variable for agents on a host; raises `remote.errors.RemoteError`."""
        ...

    async def variables(self, host: str) -> "tuple[Variable, ...]":
        """The variables kept for agents on a host, and whose runs get them; raises `remote.errors.RemoteError`."""
        ...

    def logins(self) -> tuple[str, ...]:
        """The agents, by name, that have a login of their own."""
        ...

    async def log_in(self, host: str, agent: str, lend: Lend) -> None:
        """Run an agent's own login on a host, in this terminal; raises `remote.errors.RemoteError`."""
        ...

    def sessions_on(self, host: str) -> tuple[Place, ...]:
        """The sessions of all projects that are on a host, or may be, by what is known here."""
        ...

    async def remove_host(self, host: str) -> None:
        """Forget a host and its key; raises `remote.errors.RemoteError`."""
        ...

    def remembered(self) -> Remembered:
        """What was chosen at the project's last handoff."""
        ...

    def keep_remembered(self, remembered: Remembered) -> None:
        """Keep that for the next one; may raise `OSError`."""
        ...

    def defaults(self) -> Defaults:
        """What the project's settings say."""
        ...

    def runs(self, hosts: Collection[str] = ()) -> AsyncIterator[Runs]:
        """All runs on all hosts, or on these, in parts as hosts answer."""
        ...

    def recover(self) -> AsyncIterator[Recovered]:
        """Settle the moves that were cut, of all sessions, in parts as hosts answer."""
        ...

    def hand_off(self, session_id: str, host: str, terms: Terms) -> AsyncGenerator[HandoffStep, Decision | None]:
        """Move a session to a host."""
        ...

    def pull_back(self, host: str, run_id: str) -> AsyncGenerator[PullStep, Decision | None]:
        """Take a run home."""
        ...

    async def diff(self, place: Place) -> "Diff":
        """What the session changed in its tree."""
        ...

    async def turn_hunk(self, place: Place, hunk: Hunk, *, back: bool) -> None:
        """Take a hunk back in a local session's tree, or make it again; raises `TuiError` or `AgentError`."""
        ...

    def watch(self, place: Place) -> AsyncIterator[None]:
        """A value whenever a local session's tree changed; ends at once for a remote one. May raise `TuiError`."""
        ...

    def archive(self) -> Archive:
        """The runs that the user has put aside; may raise `TuiError`."""
        ...

    def keep_archive(self, archive: Archive) -> None:
        """Keep which runs are put aside; may raise `OSError`."""
        ...

    async def stop(self, host: str, run_id: str) -> None:
        """End a run's agent and runner; the run stays on its host."""
        ...

    def sleeps(self) -> AsyncGenerator[DelayLike]:
        """A delay each time that this machine is about to sleep; may raise `RemoteError`."""
        ...

    async def show_terminal(self, place: Place, lend: Lend) -> None:
        """Show a run's terminal on its host in this one, until the user goes back."""
        ...

    async def close(self) -> None:
        """Close all connections; runners go on."""
        ...
