"""What a host says of itself and of its runs."""

import asyncio
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from agent.absence import Absence, sum_up
from agent.budget import hourly_usd, most_used, spent_usd
from agent.errors import AgentError, AgentFailed, JournalDamaged, RecordDamaged
from agent.events import ToolKind
from agent.mcp import list_servers
from agent.overview import look_over
from agent.paths import state_dir
from agent.profiles import Profile, load_profile
from agent.programs import agent_command, install_sentence
from agent.sessions import SessionDir, get_session
from agent.state import SessionState
from agent.versions import is_older
from remote import host_protocol as protocol
from remote.agent_env import read_env
from remote.agent_offer import MISSING, can_install, tell_cost
from remote.agents import find_version
from remote.errors import RemoteError
from remote.facts import Facts, collect_facts
from remote.findings import Problem
from remote.host_base import read_run_diff
from remote.host_lease import session_path
from remote.host_runner import is_alive
from remote.host_tools import foresee_programs
from remote.launch import agent_binds
from remote.levels import SAYS, chosen, falls_short, maps_paths
from remote.parcel import fold
from remote.place import Place, read_place
from remote.revive import tell_restart
from remote.run import Run
from remote.sandbox import Bind, wrap
from remote.sandbox_advice import advise, read_switches
from remote.tools import Program
from snapshot.walk import show_path

_RESERVE = 200 << 20
"""Bytes that stay free on a host beside the tree itself."""
_DIGESTED = 8
"""Things of each kind in a row's digest: a row stays small."""
_CHANGING: frozenset[ToolKind] = frozenset({"edit", "delete", "move"})


async def look(request: protocol.Look) -> protocol.Seen:
    """Check everything that a run would need here; each problem with a sentence and a way out."""
    facts = await asyncio.to_thread(collect_facts, state_dir())
    level, detail = _level(request, facts)
    programs, unknown = await _programs(request, level)
    problems = [*_tools(facts), *_space(request, facts), *_agent(request), *_sandbox(request, level, detail)]
    return protocol.Seen(
        user=facts.user,
        system=facts.system,
        sandbox=level,
        sandbox_detail=detail,
        free=facts.free,
        problems=tuple(problems),
        now=time.time(),
        programs=programs,
        programs_unknown=unknown,
        restart=await asyncio.to_thread(tell_restart, state_dir()) if request.restart else "",
        **_agent_settings(request),
    )


async def _programs(request: protocol.Look, level: protocol.SandboxLevel) -> tuple[tuple[Program, ...] | None, str]:
    """What a run would find of the programs asked about, or ``None`` and why that cannot be told."""
    try:
        return await foresee_programs(
            request.programs, sandbox=level, tree_at=request.tree_at, home_at=request.home_at
        ), ""
    except RemoteError as error:
        return None, str(error)


def _agent_settings(request: protocol.Look) -> dict[str, Any]:
    """The names of variables and of MCP servers that the agent has on this host; what is wrong there is a problem
    of `_agent`."""
    try:
        profile, variables = load_profile(request.agent), read_env()
    except (AgentError, RemoteError):
        return {}
    names = tuple(sorted(name for name in variables if name not in profile.unset))
    return {"variables": names, "mcp": list_servers(profile, Path.home(), request.tree_at)}


def _level(request: protocol.Look, facts: Facts) -> tuple[protocol.SandboxLevel, str]:
    if request.sandbox == "none":
        return "none", "switched off for this host"
    level = chosen(request.sandbox, facts.sandbox)
    return level, facts.sandbox_detail if falls_short(request.sandbox, level) else ""


def _sandbox(request: protocol.Look, level: protocol.SandboxLevel, detail: str) -> list[Problem]:
    paths = _paths(request) if maps_paths(level) else [_beside(each) for each in request.beside]
    return [*_too_weak(request, level, detail.rstrip(".")), *paths]


def _too_weak(request: protocol.Look, level: protocol.SandboxLevel, why: str) -> list[Problem]:
    if level != "none" and not falls_short(request.sandbox, level):
        return []
    sentence = f"The run needs the sandbox level {request.sandbox}, and this host can do {level} only ({why})."
    if level == "none":
        sentence = (
            f"There is no sandbox on this host ({why}): the agent can read and change all that its user can. "
            "The tree is at another path there than here."
        )
    elif request.sandbox == "auto":
        sentence = f"This host has a weak sandbox only ({why}). It is {SAYS[level].sentence}."
    way_out = _advice() if request.sandbox != "none" else "castoff host add, with --sandbox auto, asks for one."
    blocking = request.sandbox not in ("auto", "none")
    return [Problem(code="no-sandbox", sentence=sentence, way_out=way_out, blocking=blocking)]


def _advice() -> str:
    return advise(installed=shutil.which("bwrap") is not None, switches=read_switches())


def _beside(path: str) -> Problem:
    sentence = (
        f"The repository needs {show_path(path)!r} at that very path, and without bubblewrap nothing can be there."
    )
    way_out = "Let bubblewrap work on the host, or open a clone of its own (git clone)."
    return Problem(code="no-beside", sentence=sentence, way_out=way_out)


def _paths(request: protocol.Look) -> list[Problem]:
    here = state_dir()
    try:
        wrap(
            ["true"],
            level="open",
            tree=here,
            tree_at=request.tree_at,
            home=here,
            home_at=request.home_at,
            runtime=here,
            base_prefix=Path(sys.base_prefix),
            binds=_program_binds(request.agent),
            beside=[Bind(source=here, at=PurePosixPath(path)) for path in request.beside],
        )
    except RemoteError as error:
        return [Problem(code=error.code, sentence=str(error), way_out=error.way_out)]
    return []


def _program_binds(agent: str) -> list[Bind]:
    """What of the host a run of the agent sees at its own path; without such an agent it is a problem of `_agent`."""
    try:
        return agent_binds(load_profile(agent))
    except AgentError:
        return []


def _tools(facts: Facts) -> list[Problem]:
    if not facts.missing:
        return []
    names = " and ".join(facts.missing)
    return [Problem(code="host-lacks", sentence=f"The host lacks {names}.", way_out=f"Install {names} there.")]


def _space(request: protocol.Look, facts: Facts) -> list[Problem]:
    if facts.free > request.size + _RESERVE:
        return []
    need = (request.size + _RESERVE) / 1e6
    sentence = f"The host has {facts.free / 1e6:.0f} MB free; this needs {need:.0f} MB."
    return [Problem(code="host-full", sentence=sentence, way_out="Make room there.")]


def _agent(request: protocol.Look) -> list[Problem]:
    try:
        profile = load_profile(request.agent)
        agent_command(profile)
        variables = read_env()
    except (AgentError, RemoteError) as error:
        problem = Problem(code=error.code, sentence=f"On the host: {error}", way_out=error.way_out)
        return [_offer(problem, request.agent) if error.code == MISSING else problem]
    return [*_version(profile, request.version), *_model(profile, {"CASTOFF_MODEL": request.model} | variables)]


def _offer(problem: Problem, agent: str) -> Problem:
    profile = load_profile(agent)
    if not can_install(profile):
        return problem
    way_out = f"castoff handoff --install-agent installs it there: {tell_cost(profile)}."
    return problem.model_copy(update={"way_out": way_out, "installs": agent})


def _version(profile: Profile, theirs: str) -> list[Problem]:
    """An older agent may misread the session here; a newer one may leave what cannot be taken up after the pull."""
    ours = find_version(profile.name)
    if is_older(ours, theirs):
        sentence = f"On the host: {profile.title} {ours} is older than {theirs}, which has the session now."
        return [Problem(code="agent-old", sentence=sentence, way_out=install_sentence(profile))]
    if is_older(theirs, ours):
        sentence = f"On the host: {profile.title} {ours} is newer than {theirs}, which will not go on after it."
        way_out = f"Bring {profile.title} here to {ours} before the run comes home."
        return [Problem(code="agent-new", sentence=sentence, way_out=way_out, blocking=False)]
    return []


def _model(profile: Profile, variables: dict[str, str]) -> list[Problem]:
    if profile.name != "builtin":
        return []
    from agent.builtin.model import check_model

    sentence = check_model(variables)
    if sentence is None:
        return []
    return [
        Problem(code="model", sentence=f"On the host: {sentence}", way_out="castoff host secrets set NAME VARIABLE")
    ]


async def list_rows(request: protocol.ListRuns) -> protocol.Rows:
    """A row for each run that lives here."""
    overview = look_over(state_dir())
    rows: list[Run] = []
    # What has no lease yet is just arriving.
    damaged = [str(each) for each in overview.damaged if (session_path(each.id) / "lease.json").exists()]
    for session, lease in overview.whole:
        try:
            if lease.state in ("held", "offered") and (place := read_place(session)):
                rows.append(await describe_run(session, place))
        except (RecordDamaged, JournalDamaged) as error:
            damaged.append(f"The session {session.id} cannot be read: {error} {error.way_out}".strip())
    return protocol.Rows(runs=tuple(rows), damaged=tuple(damaged))


async def describe_run(session: SessionDir, place: Place) -> Run:
    """The row of one run; raises `RecordDamaged`, `JournalDamaged`."""
    state, now = await asyncio.to_thread(fold, session), time.time()
    return Run(
        run_id=session.id,
        title=session.info.title,
        host=place.host,
        agent=session.info.agent,
        phase=state.phase,
        detail=state.detail,
        project=session.info.project,
        epoch=state.epoch,
        head_seq=state.head_seq,
        alive=await is_alive(session),
        plan_done=sum(entry.status == "completed" for entry in state.plan),
        plan_total=len(state.plan),
        turns=state.turns,
        files_changed=len(_changed(state)),
        cost_usd=spent_usd(state),
        unpriced=state.usage.unpriced,
        budget=state.budget,
        used_percent=most_used(state, now if state.turn is not None else state.at),
        hourly_usd=hourly_usd(state, now),
        last_line=_last_line(state),
        digest=_digest(state),
        at=state.at,
        now=now,
    )


def _digest(state: SessionState) -> Absence:
    whole = sum_up(state)
    last = {name: getattr(whole, name)[-_DIGESTED:] for name in ("files", "tested", "verdicts")}
    return whole.model_copy(update=last)


def _changed(state: SessionState) -> set[str]:
    """Files that tool calls say they changed: cheap, where a diff would read the tree."""
    changed: set[str] = set()
    for block in state.blocks:
        if block.type == "tool" and block.tool_kind in _CHANGING and block.status == "completed":
            changed |= {location.path for location in block.locations}
    return changed


def _last_line(state: SessionState) -> str:
    for block in reversed(state.blocks):
        if block.type == "text" or block.type == "note":
            return _tail(block.text.splitlines())
        if block.type == "tool":
            return block.title
        if block.type == "turn" and block.detail:
            return block.detail
    return ""


def _tail(lines: Sequence[str]) -> str:
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")


async def ask_diff(request: protocol.AskDiff) -> protocol.DiffReply:
    """What the run changed since it arrived."""
    session, place = open_run(request.run_id)
    diff = await read_run_diff(session, place, request.since)
    return protocol.DiffReply.model_validate({"diff": diff})


def open_run(run_id: str) -> tuple[SessionDir, Place]:
    """The run and its place; raises `AgentFailed` if it is not here."""
    session = get_session(state_dir(), run_id)
    place = read_place(session) if session else None
    if session is None or place is None:
        raise AgentFailed(f"There is no run {run_id} on this host.", "castoff runs lists them.", code="run-unknown")
    return session, place
