"""The user's choices of models and modes, carried to the agent, and kept over restarts and moves.

A mode in which an agent does things unasked is set only where the session's policy allows as much, and no longer.
"""

from typing import TYPE_CHECKING

from agent.deeds import NO_RULES, Rules
from agent.errors import AgentFailed, CommandRefused
from agent.events import Chosen, Noted, Offered, Policy
from agent.knobs import MODE, explain_modes, find_knob, keep_chosen, pick_choice
from agent.policy import allows_mode, needs_asking
from agent.profiles import Profile
from agent.recorder import Recorder
from agent.state import SessionState

if TYPE_CHECKING:
    from agent.agent_process import AgentProcess


def note_offer(recorder: Recorder, profile: Profile, event: Offered) -> None:
    """Record what the agent offers, unless it is known; a mode that it took by itself and that goes beyond the policy
    is told."""
    before = recorder.state
    event = event.model_copy(update={"knobs": explain_modes(event.knobs, profile.mode_needs)})
    if event.knobs == before.knobs:
        return  # some agents say it again with every turn
    recorder.record(event)
    mode = _mode_of(recorder.state)
    taken = before.turn is not None and mode != _mode_of(before)
    policy = needs_asking(before.policy, before.rules)
    if taken and mode and profile.mode_needs and not allows_mode(policy, profile.mode_needs.get(mode)):
        text = f"{profile.title} is in its mode {mode} now: it may do things unasked that the policy {policy!r} "
        recorder.record(Noted(level="warning", text=f"{text}would ask for. /mode shows the others."))


async def apply_policy(recorder: Recorder, profile: Profile, agent: "AgentProcess", rules: Rules = NO_RULES) -> None:
    """Set the mode that the user chose; where the policy does not allow it or it is not there, the policy's own, where
    the agent has one for it. With ``rules``, or the session's own, it is to ask for all. Raises `AgentFailed`."""
    state = recorder.state
    policy, chosen = needs_asking(state.policy, state.rules | rules), dict(state.chosen).get(MODE, "")
    mode = profile.modes.get(policy)
    if chosen and _offers(agent, chosen) and allows_mode(policy, profile.mode_needs.get(chosen)):
        mode = chosen
    elif chosen:
        knob = find_knob(agent.knobs, MODE)
        offered = [choice.value for choice in knob.choices] if knob is not None else []
        mode = mode or next((m for m in offered if allows_mode(policy, profile.mode_needs.get(m))), None)
        why = f"the policy {policy!r} does not allow it" if chosen in offered else "it is not offered here"
        recorder.record(Chosen(knob=MODE, value="", by="castoff"))
        text = f"{profile.title} is not in its mode {chosen} any more: {why}."
        recorder.record(Noted(level="warning", text=text))
    if mode is not None:
        await agent.turn(MODE, mode)


async def restore_choices(recorder: Recorder, profile: Profile, agent: "AgentProcess") -> None:
    """Turn all other knobs to what the user chose, after a start: some agents forget it. What cannot be had any more is
    told, and forgotten."""
    again, lost = keep_chosen(dict(recorder.state.chosen), agent.knobs)
    for knob_id, value in again:
        try:
            await agent.turn(knob_id, value)
        except AgentFailed as error:
            if not agent.alive:
                raise
            lost.append(knob_id)
            recorder.record(Noted(level="warning", text=f"{profile.title} refused the {knob_id} {value}: {error}"))
    for knob_id in lost:
        value = dict(recorder.state.chosen)[knob_id]
        recorder.record(Chosen(knob=knob_id, value="", by="castoff"))
        knob = find_knob(agent.knobs, knob_id)
        goes_on = f"; it goes on with {knob.shown}" if knob is not None else ""
        text = f"{profile.title} does not offer the {knob_id} {value} here{goes_on}."
        recorder.record(Noted(level="warning", text=text))


async def choose(
    recorder: Recorder,
    profile: Profile,
    agent: "AgentProcess | None",
    knob_id: str,
    said: str,
    rules: Rules = NO_RULES,
) -> None:
    """Turn a knob to what the user said; without an agent at its next start.

    Raises `CommandRefused`, also for a mode beyond the policy, and `AgentFailed`.
    """
    state = recorder.state
    choice = pick_choice(state.knobs, knob_id, said, profile.title)
    if knob_id == MODE:
        _check_mode(needs_asking(state.policy, state.rules | rules), profile, choice.value)
    if agent is not None:
        await agent.turn(knob_id, choice.value)
    recorder.record(Chosen(knob=knob_id, value=choice.value, by="user"))
    recorder.sync()


def _check_mode(policy: Policy, profile: Profile, mode: str) -> None:
    needs = profile.mode_needs.get(mode)
    if allows_mode(policy, needs):
        return
    if needs is None:
        sentence = f"castoff does not know what {profile.title} does unasked in its mode {mode}."
        raise CommandRefused(f"{sentence} A profile says it by mode_needs.", code="mode-unknown")
    sentence = f"In its mode {mode}, {profile.title} does things unasked that the policy {policy!r} asks for."
    raise CommandRefused(f"{sentence} It needs the policy {needs!r}: /policy {needs}.", code="mode-loose")


def _mode_of(state: SessionState) -> str:
    knob = find_knob(state.knobs, MODE)
    return knob.value if knob is not None else ""


def _offers(agent: "AgentProcess", mode: str) -> bool:
    knob = find_knob(agent.knobs, MODE)
    return knob is not None and mode in {choice.value for choice in knob.choices}
