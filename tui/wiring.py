"""The real `Backend`: sessions on disk, runners, hosts, moves. What is slow to import is imported where it is used."""

import asyncio
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent import children
from agent.errors import SessionUnknown
from agent.events import Budget
from agent.overview import look_over
from agent.paths import config_dir, state_dir
from agent.profiles import list_names, load_profile
from agent.sessions import SessionDir, create_session, get_session
from remote.run import Recovered, Runs
from remote.steps import HandoffStep, PullStep
from remote.terms import Decision, Terms
from tui.app_settings import read_settings, write_key, write_settings
from tui.archive import Archive, read_archive, write_archive
from tui.backend import (
    Defaults,
    DelayLike,
    Glance,
    HostCard,
    HostLook,
    KeyQuestion,
    Lend,
    Passphrase,
    Place,
    Settings,
    Signpost,
    Trust,
    ViewerLike,
)
from tui.drafts import DraftFile
from tui.errors import WatchFailed
from tui.hunks import Hunk
from tui.memory import MemoryFile, Remembered

if TYPE_CHECKING:
    from remote.hostkeys import HostKeyQuestion
    from remote.links import Links
    from remote.settings_protocol import Variable
    from snapshot.diff import Diff

_DEFAULT_AGENT = "builtin"
_GATHER_MS = 400
"""Changes of the tree within this time are one."""


class World:
    """The world as the app sees it from the directory ``project``."""

    def __init__(self, project: Path, *, demo: bool = False) -> None:
        self._project = project
        self._demo = demo
        self._links: Links | None = None
        self._unasking: Links | None = None
        """Links that ask the user nothing: what would need that fails on them."""
        self._trust: Trust | None = None
        self._passphrase: Passphrase | None = None

    @property
    def project(self) -> str:
        """The directory the app was started for."""
        return str(self._project)

    @property
    def command(self) -> str:
        """What to type in a terminal to open this project's session again."""
        return "castoff demo" if self._demo else f"castoff {shlex.quote(self.project)}"

    @property
    def agents(self) -> tuple[str, ...]:
        """Agent profiles by name, the built-in one first."""
        return tuple(sorted(list_names(), key=lambda name: (name != _DEFAULT_AGENT, name)))

    def set_trust(self, trust: Trust) -> None:
        """Who is asked about unknown host keys."""
        self._trust = trust

    def themes(self) -> Path:
        """The folder of the user's own themes."""
        return config_dir() / "themes"

    def set_passphrase(self, passphrase: Passphrase) -> None:
        """Who is asked for the passphrases of private keys."""
        self._passphrase = passphrase

    def settings(self) -> Settings:
        """What the app remembers."""
        return read_settings(config_dir() / "app.toml")

    def remember(self, settings: Settings) -> None:
        """Keep the settings."""
        write_settings(config_dir() / "app.toml", settings)

    def keep_key(self, binding_id: str, keys: str) -> None:
        """Keep the keys of one action, none for its own."""
        write_key(config_dir() / "app.toml", binding_id, keys)

    def current(self) -> Place | Signpost | None:
        """The project's newest session: here, elsewhere, or none yet."""
        return next(iter(self.sessions()), None)

    def sessions(self) -> tuple[Place | Signpost, ...]:
        """The project's sessions, here and elsewhere, newest first."""
        return tuple(
            _place(session)
            if lease.state == "held"
            else Signpost(place=_place(session, lease.to), certain=lease.state == "away")
            for session, lease in look_over(state_dir()).whole
            if session.info.project == self.project
        )

    def damaged(self) -> tuple[str, ...]:
        """A sentence for each session that cannot be read."""
        return tuple(str(each) for each in look_over(state_dir()).damaged)

    def agent_offer(self, agent: str) -> str:
        """What installing an agent here would take."""
        from remote.agent_offer import find_offer

        return find_offer(agent)

    async def install_agent(self, agent: str) -> None:
        """Install an agent here."""
        from agent.profiles import load_profile
        from remote.agent_install import install_agent

        await asyncio.to_thread(install_agent, load_profile(agent), lambda _: None)

    def create(self, agent: str) -> Place:
        """Begin a session here."""
        return _place(create_session(state_dir(), self._project, agent))

    async def attach(self, place: Place, after_seq: int) -> ViewerLike:
        """Attach to a session's runner; starts the local one if none runs."""
        if place.host:
            return await self._linked().attach(place.host, place.session_id, after_seq)
        from remote.local import open_local

        return await open_local(_session(place.session_id), after_seq)

    def draft(self, place: Place | None) -> DraftFile:
        """Where the draft for a session is kept, or for the project's next one."""
        return DraftFile(state_dir() / "drafts", place.session_id if place else "", self.project)

    async def files(self) -> Sequence[str]:
        """The project's files by their paths in it, without what git ignores; none where git cannot say."""
        from snapshot.errors import GitFailed
        from snapshot.listing_names import list_names

        try:
            return await asyncio.to_thread(list_names, self._project)
        except GitFailed:
            return ()

    def hosts(self) -> tuple[HostCard, ...]:
        """The hosts in the settings."""
        return tuple(HostCard(name=h.name, destination=h.destination) for h in self._linked().settings.hosts())

    async def glance(self, host: str) -> Glance:
        """A glance at a host: nothing is installed, nothing asked of the user, and every failure is in it."""
        from remote.errors import RemoteError
        from remote.glance import peek
        from remote.links import Links

        if self._unasking is None:
            self._unasking = Links()
        try:
            rtt, facts = await peek(self._unasking, host)
        except RemoteError as error:
            return Glance(fault=str(error))
        if facts is None:
            return Glance(rtt=rtt)
        return Glance(rtt=rtt, load=facts.load, processors=facts.processors, sandbox=facts.sandbox, free=facts.free)

    async def look_over(self, host: str, *, set_up: bool = False) -> HostLook:
        """What a host has; castoff's runtime is installed there only with ``set_up``."""
        from remote.bootstrap import find_runtime
        from remote.survey import measure_link, survey_host
        from tui.drawing.hosts import link_rows, survey_notes, survey_rows

        links = self._linked()
        connection = await links.connect(host)
        if not set_up and await find_runtime(connection) is None:
            rows = link_rows(await measure_link(connection))
            return HostLook(rows=tuple(rows), notes=("castoff's runtime is not there yet.",))
        client = await links.client(host)
        surveyed, link = await survey_host(client)
        rows = [*link_rows(link), *survey_rows(surveyed), ("runtime", client.runtime.runtime_id)]
        root = tuple(f"Once, as root there: {command}" for command in surveyed.root)
        return HostLook(rows=tuple(rows), notes=(surveyed.restart, *root, *survey_notes(surveyed, link)))

    async def add_host(self, name: str, destination: str, port: int | None) -> None:
        """Add a host once it let us in and its key was agreed to; raises `remote.errors.RemoteError`."""
        from remote.config import make_host
        from remote.connection import connect

        new = make_host(name, destination, port=port)
        connection = await connect(new, trust=self._ask, passphrase=self._passphrase)
        await connection.close()
        self._linked().settings.add(new)

    async def keep_variable(self, host: str, name: str, value: str) -> None:
        """Keep a variable for agents on a host; raises `remote.errors.RemoteError`."""
        from remote.host_protocol import Nothing
        from remote.settings_protocol import SetVariable

        client = await self._linked().client(host)
        await client.ask(SetVariable(name=name, value=value), Nothing)

    async def variables(self, host: str) -> "tuple[Variable, ...]":
        """The variables kept for agents on a host, and whose runs get them; raises `remote.errors.RemoteError`."""
        from remote.settings_protocol import ListVariables, Variables

        client = await self._linked().client(host)
        return (await client.ask(ListVariables(), Variables)).variables

    def logins(self) -> tuple[str, ...]:
        """The agents, by name, that have a login of their own."""
        return tuple(name for name in self.agents if load_profile(name).login_command)

    async def log_in(self, host: str, agent: str, lend: Lend) -> None:
        """Run an agent's own login on a host, in this terminal; raises `remote.errors.RemoteError`."""
        from remote.hostkeys import HostKeys
        from remote.terminal_login import judge_login, login_command
        from tui.editor import interruptible

        links = self._linked()
        profile = load_profile(agent)
        argv = login_command(links.host(host), profile, HostKeys())
        await links.connect(host)  # what is wrong with the host is told in castoff's words, and its key is pinned
        with lend(), interruptible():
            status = await (await children.start(argv)).wait()
        judge_login(host, profile, status)

    def sessions_on(self, host: str) -> tuple[Place, ...]:
        """The sessions of all projects that are on a host, or may be, by what is known here."""
        return tuple(
            _place(session, lease.to)
            for session, lease in look_over(state_dir()).whole
            if lease.state in ("offered", "away") and lease.to == host
        )

    async def remove_host(self, host: str) -> None:
        """Forget a host and its key; raises `remote.errors.RemoteError`."""
        from remote.forgetting import forget_host

        await asyncio.to_thread(forget_host, host)

    def remembered(self) -> Remembered:
        """What was chosen at the project's last handoff."""
        return self._memory.read()

    def keep_remembered(self, remembered: Remembered) -> None:
        """Keep that for the next one."""
        self._memory.keep(remembered)

    @property
    def _memory(self) -> MemoryFile:
        return MemoryFile(state_dir() / "handoffs", self.project)

    def defaults(self) -> Defaults:
        """What the project's settings say; raises `remote.errors.ProjectFileInvalid`."""
        from remote.project import read_project

        settings = read_project(self._project).settings
        return Defaults(host=settings.host, budget=Budget.model_validate(settings.budget.model_dump()))

    def runs(self, hosts: Collection[str] = ()) -> AsyncIterator[Runs]:
        """All runs on all hosts, or on these, in parts as hosts answer."""
        from remote.runs import stream_runs

        return stream_runs(self._linked(), hosts)

    def archive(self) -> Archive:
        """The runs that the user has put aside."""
        return read_archive(state_dir() / "archive.json")

    def keep_archive(self, archive: Archive) -> None:
        """Keep which runs are put aside."""
        write_archive(state_dir() / "archive.json", archive)

    async def recover(self) -> AsyncIterator[Recovered]:
        """Settle the moves that were cut, of all sessions, in parts as hosts answer."""
        if not (await asyncio.to_thread(look_over, state_dir())).doubtful():
            return
        from remote.recovery import recover

        async for each in recover(self._linked()):
            yield each

    async def hand_off(self, session_id: str, host: str, terms: Terms) -> AsyncGenerator[HandoffStep, Decision | None]:
        """Move a session to a host."""
        from remote.handoff import hand_off

        links = self._linked()
        steps = hand_off(_session(session_id), links.host(host), terms, links)
        try:
            step = await anext(steps)
            while True:
                step = await steps.asend((yield step))
        except StopAsyncIteration:
            return
        finally:
            await steps.aclose()

    def pull_back(self, host: str, run_id: str) -> AsyncGenerator[PullStep, Decision | None]:
        """Take a run home."""
        from remote.pull import pull_back

        return pull_back(self._linked(), host, run_id)

    async def diff(self, place: Place) -> "Diff":
        """What the session changed in its tree."""
        if place.host:
            from remote.runs import fetch_diff

            return await fetch_diff(self._linked(), place.host, place.session_id)
        from remote.local import local_diff

        return await local_diff(_session(place.session_id))

    async def turn_hunk(self, place: Place, hunk: Hunk, *, back: bool) -> None:
        """Take a hunk back in a local session's tree, or make it again."""
        from tui.turning import turn_in_tree

        await asyncio.to_thread(turn_in_tree, Path(place.project), hunk, back=back)

    async def watch(self, place: Place) -> AsyncIterator[None]:
        """A value whenever a local session's tree changed; ends at once for a remote one. Raises `WatchFailed`."""
        if place.host:
            return
        from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]  # it names types of trio

        try:
            async for _ in awatch(place.project, step=_GATHER_MS // 2, debounce=_GATHER_MS * 4, recursive=True):
                yield None
        except OSError as error:
            raise WatchFailed(
                f"The project's files cannot be watched ({error.strerror or error}): the diff follows each turn.",
                "On Linux a higher fs.inotify.max_user_watches helps.",
            ) from error

    async def stop(self, host: str, run_id: str) -> None:
        """End a run's agent and runner; the run stays on its host."""
        viewer = await self._linked().attach(host, run_id)
        try:
            await viewer.stop()
        finally:
            await viewer.close()

    def sleeps(self) -> AsyncGenerator[DelayLike]:
        """A delay each time that this machine is about to sleep."""
        from remote.sleep_warning import sleep_warnings

        return sleep_warnings()

    async def show_terminal(self, place: Place, lend: Lend) -> None:
        """Show a run's terminal on its host in this one, until the user goes back."""
        from remote.terminal import show_terminal

        await show_terminal(self._linked(), place.host, place.session_id, lend)

    async def close(self) -> None:
        """Close all connections; runners go on."""
        for links in (self._links, self._unasking):
            if links is not None:
                await links.close()

    def _linked(self) -> "Links":
        if self._links is None:
            from remote.links import Links

            self._links = Links(trust=self._ask, passphrase=self._passphrase)
        return self._links

    async def _ask(self, question: "HostKeyQuestion") -> bool:
        """Pass a host key on to whoever can ask the user; nobody there is a no."""
        if self._trust is None:
            return False
        destination = f"{question.address}, port {question.port}"
        return await self._trust(
            KeyQuestion(
                host=question.host,
                destination=destination,
                algorithm=question.algorithm,
                fingerprint=question.fingerprint,
            )
        )


def _place(session: SessionDir, host: str = "") -> Place:
    info = session.info
    return Place(session_id=info.id, title=info.title, project=info.project, agent=info.agent, host=host)


def _session(session_id: str) -> SessionDir:
    found = get_session(state_dir(), session_id)
    if found is None:
        raise SessionUnknown(f"The session {session_id} is not on this machine.", "castoff runs lists those on hosts.")
    return found
