"""The demo without a screen: the whole journey, told in lines as it happens."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from agent import children
from agent.demo_model.project import DEMO_TASK
from agent.demo_model.script import TESTS
from agent.fold import advance
from agent.journal import read_events
from agent.paths import state_dir
from agent.sessions import SessionDir, create_session, list_sessions
from agent.state import SessionState
from agent.viewer import Viewer
from remote.demo_parts import make_project
from remote.errors import DemoFailed
from remote.handoff import hand_off
from remote.inbox import Message, read_inbox
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.runs import fetch_diff
from remote.steps import (
    Applied,
    Away,
    Captured,
    Connecting,
    Draining,
    HandoffStep,
    Home,
    Offered,
    Preflighted,
    Proved,
    PullStep,
    SettingUp,
    StillHere,
    Verified,
    awaits_decision,
)
from remote.terms import Decision, Terms

_WORK_SECONDS = 300.0
_PHONE_SECONDS = 60.0
_LEAVE_AT = 2
"""The step of the plan, counted from 1, in the middle of which the session is handed off."""

Report = Callable[[str], None]
Step = TypeVar("Step", bound=HandoffStep | PullStep)


async def travel(project: Path, inbox: Path, host_name: str, report: Report) -> int:
    """Begin the demo's task in ``project``, hand it off in the middle, wait, look and pull; returns an exit status.

    This process must be in the demo's environment already. Raises `DemoFailed` and what the steps raise.
    """
    session = create_session(state_dir(), await _unused(project), "builtin", title="Mend the kettle")
    report(f"session {session.id} begins here, in {session.info.project}")
    await _begin(session, report)
    links = Links()
    try:
        steps = hand_off(session, links.host(host_name), Terms(), links)
        away = await _drive(steps, report)
        if not isinstance(away, Away):
            return 1
    finally:
        await links.close()
    if advance(SessionState(), read_events(session.journal)).interrupted_turn is None:
        raise DemoFailed("The agent was done before it could be handed off.", "castoff demo --reset begins anew.")
    report("detached: nothing of castoff is connected to the host now; you could close the laptop")
    message = await _wait_for_message(inbox, session.id)
    report(f"your phone: {message.title}")
    for line in message.body.splitlines():
        report(f"            {line}")
    if await _come_home(session, host_name, report) != 0:
        return 1
    status = await _run_tests(session, report)
    report(f"the work is in {session.info.project}")
    report("castoff demo opens the demo on screen; castoff demo --reset removes every trace")
    return status


async def _unused(project: Path) -> Path:
    """The project, or a fresh copy of it if a session has worked there already."""
    used = {session.info.project for session in list_sessions(state_dir())}
    fresh, number = project, 1
    while str(fresh) in used:
        number += 1
        fresh = project.with_name(f"{project.name}-{number}")
    await asyncio.to_thread(make_project, fresh)
    return fresh


async def _begin(session: SessionDir, report: Report) -> None:
    """Let the agent work until it is in the middle of the task."""
    viewer = await open_local(session)
    try:
        await viewer.set_policy("accept-all")
        await viewer.prompt(DEMO_TASK)
        report(f"prompt: {DEMO_TASK}")
        await _follow(viewer, report, lambda state: _position(state) >= _LEAVE_AT)
    finally:
        await viewer.close()


async def _follow(viewer: Viewer, report: Report, until: Callable[[SessionState], bool]) -> SessionState:
    """Tell the plan's progress until the state is as wished; raises `DemoFailed` if it cannot become so."""
    state, told = SessionState(), 0
    try:
        async with asyncio.timeout(_WORK_SECONDS):
            async for events in viewer.batches():
                state = advance(state, events)
                if (position := _position(state)) > told:
                    told = position
                    report(f"  step {position} of {len(state.plan)}: {state.plan[position - 1].content}")
                if until(state):
                    return state
                if state.phase in ("failed", "paused", "needs-input", "stopped"):
                    raise DemoFailed(f"The session is {state.phase}: {state.detail or 'no reason said'}.")
    except TimeoutError as error:
        raise DemoFailed(f"The agent was not done within {_WORK_SECONDS:.0f} seconds.") from error
    raise DemoFailed("The session's events ended.")


def _position(state: SessionState) -> int:
    """The step of the plan that is being worked on, counted from 1; 0 if none is."""
    numbers = (number for number, entry in enumerate(state.plan, 1) if entry.status == "in_progress")
    return next(numbers, 0)


async def _drive(steps: AsyncGenerator[Step, Decision | None], report: Report) -> Step:
    """Run a move to its end, agreeing where it asks, and tell its steps."""
    decision: Decision | None = None
    last: Step | None = None
    async with aclosing(steps):
        while True:
            try:
                last = await steps.asend(decision)
            except StopAsyncIteration:
                break
            decision = "go" if awaits_decision(last) else None
            for line in _tell(last):
                report(line)
    if last is None:
        raise DemoFailed("The move ended before it began.")
    return last


def _tell(step: HandoffStep | PullStep) -> tuple[str, ...]:
    """A step in words: what the step says, nothing estimated."""
    match step:
        case Connecting():
            return (f"connecting to {step.host}",)
        case SettingUp():
            return (f"  {step.detail}",)
        case Preflighted():
            facts = step.facts
            return (
                f"  sandbox there: {facts.sandbox}",
                f"  travels: {step.files} files, {step.size:,} bytes; {step.git}",
            )
        case Draining():
            return ("  the agent stops at a safe point",)
        case Captured():
            return (f"  captured {step.files} files, {step.size:,} bytes",)
        case Verified():
            return (f"  {step.files} files are equal on both sides ({step.digest[:12]})",)
        case Offered():
            return (f"  given up on this side, taken over as epoch {step.epoch}",)
        case Proved():
            return (f"  {step.agent} goes on there in its own session ({step.resumed})",)
        case Away():
            times = ", ".join(f"{timing.step} {timing.seconds:.1f} s" for timing in step.timings)
            return (f"{step.run_id} is on {step.host} after {step.seconds:.1f} s ({times})",)
        case Applied():
            return (f"  {step.changed} files changed here, {step.deleted} deleted; undo: {step.undo}",)
        case Home():
            return (f"{step.run_id} is home again after {step.seconds:.1f} s",)
        case StillHere():
            return (" ".join(filter(None, (f"not moved: {step.reason}", step.way_out))),)
        case _:
            return ()


async def _wait_for_message(inbox: Path, run_id: str) -> Message:
    """The first notification about the run; the host is not asked meanwhile."""
    deadline = asyncio.get_running_loop().time() + _WORK_SECONDS + _PHONE_SECONDS
    while True:
        found = next((message for message in read_inbox(inbox) if run_id in message.body), None)
        if found is not None:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise DemoFailed("No notification came.", "castoff runs shows how the run is doing.")
        await asyncio.sleep(0.1)


async def _come_home(session: SessionDir, host_name: str, report: Report) -> int:
    """Reattach, look at what changed and bring it home."""
    links = Links()
    try:
        started = time.monotonic()
        viewer = await links.attach(host_name, session.id)
        try:
            state = await _follow(viewer, lambda _: None, lambda state: state.head_seq >= viewer.welcome.head_seq)
        finally:
            await viewer.close()
        report(
            f"reattached after {time.monotonic() - started:.1f} s: {state.phase}, {state.head_seq} events without a gap"
        )
        diff = await fetch_diff(links, host_name, session.id)
        report(f"the run changed {len(diff.files)} files (+{diff.added} -{diff.removed}):")
        for file in diff.files:
            report(f"  {file.change} {file.path} (+{file.added or 0} -{file.removed or 0})")
        return 0 if isinstance(await _drive(pull_back(links, host_name, session.id), report), Home) else 1
    finally:
        await links.close()


async def _run_tests(session: SessionDir, report: Report) -> int:
    """Run the project's tests here, in the tree that came home, and tell their last lines."""
    process = await children.start(
        ("/bin/sh", "-c", TESTS),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=session.info.project,
    )
    output, _ = await children.hear_out(process)
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    report(f"the project's tests, run here: exit status {process.returncode}")
    for line in lines[-3:]:
        report(f"  {line}")
    return 0 if process.returncode == 0 else 1
