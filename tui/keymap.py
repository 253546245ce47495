"""All keys in one table: every binding has an id ``pane.verb`` and can be changed in the settings."""

from typing import NamedTuple

from textual.binding import Binding, BindingType

BANNED = frozenset(
    {
        "ctrl+m", "ctrl+i", "ctrl+left_square_bracket", "ctrl+@", "ctrl+space", "ctrl+underscore", "ctrl+slash",
        "alt+enter", "f3", "shift+f3", "ctrl+f3", "ctrl+b", "ctrl+a", "f1", "f10", "f11", "f6", "f7",
    }
)  # fmt: skip
"""Keys that terminals, tmux or text editing do not let through, or that arrive as other keys."""


class Key(NamedTuple):
    """One binding: ``where`` is the screen or pane, ``name`` what the palette and the keys page call it."""

    id: str
    keys: str
    action: str
    name: str
    what: str
    priority: bool = False

    @property
    def where(self) -> str:
        """The part of the id before the dot."""
        return self.id.split(".")[0]


KEYS: tuple[Key, ...] = (
    Key("app.runs", "ctrl+r", "show_runs", "Runs", "All runs on all hosts", True),
    Key("app.sessions", "ctrl+s", "show_sessions", "Sessions", "This project's sessions, to go on with another", True),
    Key("app.jump", "alt+j", "jump", "Jump", "A letter at each part of the screen; the letter goes there", True),
    Key("app.palette", "ctrl+p", "command_palette", "Palette", "Every action, by name", True),
    Key("app.keys", "f4", "show_keys", "Keys", "All keys, and what your terminal sends", True),
    Key("app.theme", "f9", "choose_theme", "Themes", "All themes, each tried as it is marked", True),
    Key("app.quit", "ctrl+q", "quit", "Quit", "Leave the app; the session goes on", True),
    Key("workspace.handoff", "ctrl+h,f8", "hand_off", "Cast off", "Move this session to a host", True),
    Key("workspace.interrupt", "escape", "interrupt", "Interrupt", "Press twice: cancel the agent's turn"),
    Key("workspace.pane", "ctrl+t", "next_pane", "Next pane", "Go to transcript, plan, diff, composer in turn", True),
    Key("workspace.follow", "ctrl+g", "follow", "Newest", "Go to the transcript's end and follow it", True),
    Key("workspace.details", "ctrl+o", "toggle_details", "Details", "Show or hide thoughts and full outputs", True),
    Key("workspace.policy", "f2", "next_policy", "Policy", "Ask, accept edits, accept all", True),
    Key("workspace.page_up", "pageup", "page(-1)", "Page up", "Scroll the focused pane, or the transcript", True),
    Key("workspace.page_down", "pagedown", "page(1)", "Page down", "Scroll the focused pane, or the transcript", True),
    Key("workspace.resume", "f5", "resume", "Go on", "Go on after a pause"),
    Key("workspace.extend", "shift+f5", "extend", "Extend", "Grant the budget once more and go on"),
    Key("workspace.pull", "ctrl+l", "pull", "Pull back", "Take this run home", True),
    Key("workspace.review", "alt+d", "review", "Review", "The diff over the whole screen, hunk by hunk", True),
    Key("workspace.take_back", "alt+up", "take_back", "Take back", "Take the prompt that waits last back", True),
    Key("workspace.edit", "alt+e", "edit", "Editor", "Write on in $VISUAL or $EDITOR", True),
    Key("workspace.copy", "ctrl+y", "copy_last", "Copy answer", "Copy the agent's last message", True),
    Key("workspace.find", "ctrl+f", "find", "Find", "Find a text in the transcript", True),
    Key(
        "workspace.export",
        "ctrl+n",
        "export",
        "Export",
        "Write the transcript to a file: Markdown; /export X.html: HTML",
    ),
    Key("transcript.fold", "space,enter", "fold", "Fold", "Show all of the marked block, or little of it"),
    Key("transcript.above", "k", "jump('block', -1)", "Block above", "Mark the block above"),
    Key("transcript.below", "j", "jump('block', 1)", "Block below", "Mark the block below"),
    Key("transcript.prompt_above", "p", "jump('prompt', -1)", "Prompt above", "Go to the prompt above"),
    Key("transcript.prompt_below", "P", "jump('prompt', 1)", "Prompt below", "Go to the prompt below"),
    Key("transcript.edit_above", "e", "jump('edit', -1)", "Edit above", "Go to the edit above"),
    Key("transcript.edit_below", "E", "jump('edit', 1)", "Edit below", "Go to the edit below"),
    Key("transcript.error_above", "x", "jump('error', -1)", "Error above", "Go to the error above"),
    Key("transcript.error_below", "X", "jump('error', 1)", "Error below", "Go to the error below"),
    Key("transcript.move_above", "m", "jump('move', -1)", "Move above", "Go to the move between machines above"),
    Key("transcript.move_below", "M", "jump('move', 1)", "Move below", "Go to the move between machines below"),
    Key(
        "transcript.match_above", "n", "find_again(-1)", "Match above", "Go to the match above of what was searched for"
    ),
    Key("transcript.match_below", "N", "find_again(1)", "Match below", "Go to the match below"),
    Key("transcript.copy", "y", "copy_block", "Copy block", "Copy the marked block as its source"),
    Key("find.above", "enter,up", "find(-1)", "Match above", "Go to the match above"),
    Key("find.below", "down", "find(1)", "Match below", "Go to the match below"),
    Key("find.close", "escape", "close", "Close", "End the search; the view stays"),
    Key("composer.newline", "ctrl+j,shift+enter", "newline", "New line", "Begin a new line in the composer"),
    Key("plan.up", "up,k", "move(-1)", "Step above", "Mark the step above"),
    Key("plan.down", "down,j", "move(1)", "Step below", "Mark the step below"),
    Key("plan.jump", "enter", "jump", "To the step", "Go to where the marked step began in the transcript"),
    Key("question.up", "up", "move(-1)", "Previous answer", "Go to the answer above"),
    Key("question.down", "down", "move(1)", "Next answer", "Go to the answer below"),
    Key("question.accept", "enter", "accept", "Answer", "Give the marked answer; digits answer at once"),
    Key("handoff.confirm", "enter,ctrl+h,f8", "confirm", "Cast off", "Cast off as shown", True),
    Key("handoff.back", "escape", "back", "Back", "Go back; while moving: twice to cancel", True),
    Key("handoff.host", "f2", "next_host", "Next host", "Choose the next host", True),
    Key("handoff.policy", "f5", "next_policy", "Policy", "Ask, accept edits, accept all", True),
    Key("handoff.level", "ctrl+t", "next_level", "Sandbox", "As the host can, at least open, at least full", True),
    Key("handoff.brief", "shift+f5", "toggle_brief", "Brief", "If it cannot be taken up there: a brief, or back", True),
    Key("handoff.choose", "space", "choose", "Leave, carry, stop", "Below the fields: decide about the marked thing"),
    Key("handoff.again", "ctrl+l", "check_again", "Check again", "Ask the host again", True),
    Key("handoff.allow", "ctrl+o", "allow_secrets", "Allow secrets", "Let these secrets travel, now and later", True),
    Key("handoff.install", "ctrl+n", "install", "Install the agent", "Install the session's agent on the host", True),
    Key("handoff.agree", "ctrl+y", "agree", "Agree", "Let the project have what its settings file asks for", True),
    Key("pull.confirm", "enter", "confirm", "Pull back", "Take the run home as shown"),
    Key("pull.accept", "space", "accept", "Take the file", "Take the marked executable file, or leave it"),
    Key("pull.deletions", "d", "deletions", "Deletions", "Delete here too what the run deleted, or keep it"),
    Key("pull.up", "up,k", "move(-1)", "Previous file", "Go to the executable file above"),
    Key("pull.down", "down,j", "move(1)", "Next file", "Go to the executable file below"),
    Key("pull.back", "escape", "back", "Back", "Go back; while moving: twice to cancel"),
    Key("runs.open", "enter", "open", "Reattach", "Open the run"),
    Key("runs.up", "up,k", "move(-1)", "Previous run", "Go to the run above"),
    Key("runs.down", "down,j", "move(1)", "Next run", "Go to the run below"),
    Key("runs.diff", "d", "diff", "Diff", "What the run changed"),
    Key("runs.pull", "p", "pull", "Pull back", "Take the run home"),
    Key("runs.steer", "s", "steer", "Steer", "Send the run a prompt"),
    Key("runs.stop", "x", "stop", "Stop", "Press twice: stop the run's agent; of several, it asks once"),
    Key("runs.pick", "space", "pick", "Pick", "Pick the run, or no more: actions are about all that are picked"),
    Key("runs.pick_all", "asterisk", "pick_all", "Pick all", "Pick all runs that are shown, or none"),
    Key("runs.pause", "z", "pause", "Pause", "End the run's turn; it waits for you"),
    Key("runs.resume", "g", "resume", "Go on", "Let a run that is paused go on"),
    Key(
        "runs.archive", "a", "archive", "Put aside", "List the run no more until something new comes; or bring it back"
    ),
    Key("runs.aside", "A", "show_aside", "What is put aside", "Show the runs that are put aside, or the others"),
    Key("runs.filter", "slash", "filter", "Filter", "Show only the runs with some words"),
    Key("runs.order", "o", "next_order", "Order", "By news, name, state, cost, plan in turn"),
    Key("runs.group", "b", "next_group", "Group", "By host, by state, not at all in turn"),
    Key("runs.details", "i", "details", "Details", "Where there is no room for them beside: what happened in the run"),
    Key("runs.terminal", "t", "terminal", "Terminal", "The run's own terminal on its host; q there goes back"),
    Key("runs.hosts", "h", "hosts", "Hosts", "The hosts, and what they have"),
    Key("runs.refresh", "r", "refresh_runs", "Refresh", "Ask the hosts again"),
    Key("runs.back", "escape", "back", "Back", "Back to the workspace"),
    Key("hosts.up", "up,k", "move(-1)", "Previous host", "Go to the host above"),
    Key("hosts.down", "down,j", "move(1)", "Next host", "Go to the host below"),
    Key("hosts.look", "enter,r", "look", "Look it over", "Connect, and show what the host has"),
    Key("hosts.set_up", "s", "set_up", "Set up", "Install castoff's runtime there"),
    Key("hosts.add", "a", "add", "Add", "Add a host"),
    Key("hosts.keep", "v", "keep", "Keep a key", "Keep a key or another variable for agents there"),
    Key("hosts.revoke", "d", "revoke", "Revoke a key", "Remove a key or another variable from there"),
    Key("hosts.log_in", "l", "log_in", "Log in", "An agent's own login there, in this terminal"),
    Key("hosts.remove", "x", "remove", "Remove", "Forget the host and its key; it asks"),
    Key("hosts.back", "escape", "back", "Back", "Close the hosts"),
    Key("diff.up", "up,k", "move(-1)", "Hunk above", "Go to the hunk above"),
    Key("diff.down", "down,j", "move(1)", "Hunk below", "Go to the hunk below"),
    Key("diff.file_above", "p", "file(-1)", "File above", "Go to the file above"),
    Key("diff.file_below", "n", "file(1)", "File below", "Go to the file below"),
    Key("diff.accept", "a,space", "accept", "Accept", "Tick the hunk, and go to the next one"),
    Key("diff.revert", "r", "revert", "Take back", "Press twice: take the hunk back in the tree"),
    Key("diff.undo", "u", "undo", "Make again", "Make again what was taken back last"),
    Key("diff.comment", "c", "comment", "Comment", "Say something about the hunk"),
    Key("diff.send", "s", "send", "Send comments", "All comments to the agent, as its next prompt"),
    Key("diff.back", "escape,q", "back", "Back", "Close the diff"),
    Key("timeline.back", "escape,q", "back", "Back", "Close the timeline"),
    Key("deliveries.back", "escape,q", "back", "Back", "Close the deliveries"),
    Key("away.open", "enter", "open", "Reattach", "Go on with the session where it lives"),
    Key("away.pull", "p", "pull", "Pull back", "Take the session home"),
    Key("away.terminal", "t", "terminal", "Terminal", "The run's own terminal on its host; q there goes back"),
    Key("away.fresh", "n", "fresh", "New session", "Begin another session here"),
    Key("dialog.yes", "y", "answer(True)", "Yes", "Agree"),
    Key("dialog.no", "n,escape", "answer(False)", "No", "Do not agree"),
    Key("chooser.up", "up", "move(-1)", "Row above", "Mark the row above"),
    Key("chooser.down", "down", "move(1)", "Row below", "Mark the row below"),
    Key("chooser.take", "enter", "take", "Take", "Take the marked row"),
    Key("chooser.back", "escape", "back", "Back", "Take none"),
    Key("jump.back", "escape", "back", "Back", "Go nowhere"),
    Key("keys.up", "up,k", "move(-1)", "Key above", "Mark the action above"),
    Key("keys.down", "down,j", "move(1)", "Key below", "Mark the action below"),
    Key("keys.page_up", "pageup", "move(-12)", "Page up", "Mark an action far above"),
    Key("keys.page_down", "pagedown", "move(12)", "Page down", "Mark an action far below"),
    Key("keys.change", "enter", "change(False)", "Change the key", "Press a new key for the marked action"),
    Key("keys.add", "a", "change(True)", "Add a key", "Press one more key for the marked action"),
    Key("keys.reset", "d", "reset", "Key as it was", "Give the marked action its own keys back"),
    Key("passphrase.cancel", "escape", "cancel", "No passphrase", "Connect without that key"),
    Key("line.cancel", "escape", "cancel", "Give none", "Close the question"),
    Key("keys.back", "escape", "back", "Back", "Close the keys page"),
)


def bindings(where: str) -> list[BindingType]:
    """The bindings of one screen or pane."""
    return [
        Binding(k.keys, k.action, k.name, show=False, priority=k.priority, id=k.id) for k in KEYS if k.where == where
    ]


def find_clashes(changed: dict[str, str]) -> list[str]:
    """Keys that two actions of one screen share once ``changed`` (keys by binding id) applies."""
    owners: dict[tuple[str, str], list[str]] = {}
    for entry in KEYS:
        for name in changed.get(entry.id, entry.keys).split(","):
            owners.setdefault((entry.where, name), []).append(entry.id)
    return [f"{written(name)} ({', '.join(ids)})" for (_, name), ids in owners.items() if len(ids) > 1]


_TYPED = frozenset({"enter", "tab", "backspace", "delete", "space", "up", "down", "left", "right", "home", "end"})
_WITH_COMPOSER = ("app", "workspace", "composer")
_TOGETHER = {"workspace": ("composer", "transcript", "plan", "question", "find")}
"""Panes of a screen: their keys and its own count at the same time."""


def key_fault(changed: dict[str, str], entry: Key, key: str, *, printable: bool) -> str:
    """Why ``entry`` cannot have ``key`` while ``changed`` (keys by binding id) applies; empty: it can.

    ``printable``: the key writes a character.
    """
    if key in BANNED:
        return f"{written(key)} does not get through: terminals or tmux keep it, or send it as another key."
    if entry.where in _WITH_COMPOSER and (printable or key in _TYPED):
        return f"{written(key)} is needed to write with."
    for other in KEYS:
        taken = changed.get(other.id, other.keys).split(",")
        if other.id != entry.id and key in taken and _meet(entry.where, other.where):
            return f"{written(key)} is “{other.name}” already ({other.id})."
    return ""


def _meet(one: str, other: str) -> bool:
    return one == other or "app" in (one, other) or other in _TOGETHER.get(one, ()) or one in _TOGETHER.get(other, ())


def shown_key(binding_id: str, *, ctrl_h: bool = True) -> str:
    """How a key is written on screen: its first key, e.g. ``Ctrl+H``; F8 where Ctrl+H cannot be told apart."""
    keys = next(k.keys for k in KEYS if k.id == binding_id).split(",")
    first = keys[1] if keys[0] == "ctrl+h" and not ctrl_h else keys[0]
    return written(first)


def written(key: str) -> str:
    """``ctrl+h`` as ``Ctrl+H``."""
    names = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "enter": "Enter", "up": "↑", "down": "↓"}
    names |= {"asterisk": "*", "slash": "/"}
    if len(key) == 1 and key.isupper():
        return f"Shift+{key}"
    return "+".join(names.get(p, p.upper() if len(p) == 1 or p[:1] == "f" else p.capitalize()) for p in key.split("+"))
