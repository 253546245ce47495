"""What the workspace does with what was typed: prompts, ``/`` commands and ``&``."""

from typing import TYPE_CHECKING

from agent.errors import AgentError
from agent.events import Policy
from tui.commands import POLICIES, Spoken, parse_budget
from tui.knob_commands import choose

if TYPE_CHECKING:
    from tui.workspace import Workspace


async def say(screen: "Workspace", spoken: Spoken) -> None:
    """Carry out what was typed."""
    app = screen.castoff
    match spoken.name:
        case "prompt":
            _prompt(screen, spoken.rest)
        case "handoff":
            screen.action_hand_off(host=spoken.rest)
        case "handoff&":
            screen.action_hand_off(last_word=spoken.rest)
        case "unknown":
            app.complain(f"There is no command /{spoken.rest}.", "/help lists them.")
        case "policy":
            _policy(screen, spoken.rest)
        case "model" | "mode" | "option":
            choose(screen, spoken)
        case "budget":
            _budget(screen, spoken.rest)
        case "theme":
            app.choose_theme(spoken.rest)
        case "find":
            screen.action_find(spoken.rest)
        case "export":
            screen.action_export(spoken.rest)
        case "agent" | "new":
            _agent(screen, spoken)
        case "terminal":
            if screen.place is not None:
                app.open_terminal(screen.place)
        case "stop":
            screen.command(lambda viewer: viewer.stop())
        case "resume" if spoken.rest:
            _resume(screen, spoken.rest)
        case "interrupt":
            screen.command(lambda viewer: viewer.interrupt())
        case name:
            await screen.run_action(_ACTIONS[name])


_ACTIONS = {
    "quit": "app.quit",
    "runs": "app.show_runs",
    "hosts": "app.show_hosts",
    "help": "app.show_keys",
    "keys": "app.show_keys",
    "pull": "pull",
    "resume": "resume",
    "extend": "extend",
    "fine": "excuse",
    "timeline": "show_timeline",
    "deliveries": "show_deliveries",
    "details": "toggle_details",
    "copy": "copy_last",
    "review": "review",
    "back": "take_back",
    "editor": "edit",
}
"""Commands that are an action and no more."""


def _prompt(screen: "Workspace", text: str) -> None:
    """Send a prompt; the first one begins the session."""
    if screen.is_suspended:
        screen.castoff.complain("The session is being moved.", "Your text is back in the composer.")
        screen.keep_draft(text)
        return
    if screen.place is None:
        try:
            screen.begin(screen.backend.create(screen.agent))
        except AgentError as error:
            screen.castoff.complain(str(error), error.way_out)
            screen.keep_draft(text)
            return
    screen.action_follow()
    screen.send_prompt(text)


def _resume(screen: "Workspace", rest: str) -> None:
    if rest == "brief":
        screen.command(lambda viewer: viewer.resume(brief=True))
    else:
        screen.castoff.complain(f"/resume {rest} is not known.", "It is /resume, or /resume brief.")


def _policy(screen: "Workspace", rest: str) -> None:
    known: dict[str, Policy] = {p: p for p in POLICIES}
    policy = known.get(rest.replace(" ", "-"))
    if not rest:
        screen.action_next_policy()
    elif policy is None:
        screen.castoff.complain(f"There is no policy {rest!r}.", f"They are {', '.join(POLICIES)}.")
    else:
        screen.command(lambda viewer: viewer.set_policy(policy))


def _budget(screen: "Workspace", rest: str) -> None:
    budget = parse_budget(rest)
    if budget is None:
        screen.castoff.complain("That is no budget.", "Write it like /budget $2 30 turns 60 min, or /budget off.")
        return
    screen.command(lambda viewer: viewer.set_budget(budget))


def _agent(screen: "Workspace", spoken: Spoken) -> None:
    name = spoken.rest or (screen.agent if spoken.name == "new" else "")
    if name not in screen.backend.agents:
        known = ", ".join(screen.backend.agents)
        screen.castoff.complain(f"There is no agent {name!r}." if name else "Which agent?", f"There are: {known}.")
    elif offer := screen.backend.agent_offer(name):
        screen.castoff.offer_agent(name, offer, lambda: _begin_with(screen, spoken, name))
    else:
        _begin_with(screen, spoken, name)


def _begin_with(screen: "Workspace", spoken: Spoken, name: str) -> None:
    if spoken.name == "new" or screen.place is not None:
        screen.castoff.open_fresh(name)
    else:
        screen.agent = name
        screen.castoff.show_status(f"The new session's agent will be {name}.")
