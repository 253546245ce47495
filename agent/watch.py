"""What a run that nobody looks at is watched by: from when on something counts as drift, and where to stop and ask."""

from pydantic import Field

from agent.frozen import Frozen

Steps = tuple[int, int]
"""From how many on the agent is nudged, and from how many on the run is paused; 0: never."""

POLLS = (
    r"\b(?:sleep|wait|wait-for|watch|tail|poll|ping|health|healthz|healthcheck|rollout|squeue|BashOutput|TaskOutput)\b",
    r"\bgh (?:run|pr checks)\b",
    r"\b(?:kubectl|docker|systemctl|aws|gcloud|az)\b.*\b(?:get|ps|logs|status|describe|show|inspect|is-active)\b",
    r"\bread_terminal\b",
)
"""Regular expressions of commands and tools that look for something to become ready."""
POLL_FACTOR = 10
"""How much more often such a call may be repeated."""


class Watch(Frozen):
    """The thresholds and gates of a run. Patterns are shell patterns (man 7 glob)."""

    same_call: Steps = (4, 6)
    """The same call with the same result, with no new edit in between."""
    same_error: Steps = (3, 5)
    """The same error; with a new edit in between it counts half."""
    alternation: Steps = (4, 6)
    """Rounds of the same two, three or four calls with the same results."""
    monologue: Steps = (16, 30)
    """Sentences of an agent that hardly says anything new and calls no tool."""
    no_progress: Steps = (20, 40)
    """Percent of the budget used with no new edit and no step of the plan done."""
    outside: Steps = (1, 3)
    """Files changed outside the project, or outside ``paths`` where there are any."""
    lost_tests: Steps = (3, 0)
    """Tests deleted or skipped, less those that were added."""
    silence: Steps = (10, 30)
    """Minutes without a sign of life in a turn; it is never nudged, only told."""
    alone_hours: float = 12.0
    """Hours without any human contact after which the run is paused; 0: never."""
    answer_minutes: float = Field(default=60.0, ge=0)
    """Minutes after which a question that nobody answers is denied and the run paused; 0: never."""
    polls: tuple[str, ...] = ()
    """Commands that poll, besides `POLLS`."""
    paths: tuple[str, ...] = ()
    """Where in the project edits belong; empty: anywhere in it."""
    fine: tuple[str, ...] = ()
    """What was found to be fine before: verdicts by rule and key, as ``same_call: make poll``."""
    before_steps: tuple[int, ...] = ()
    """Steps of the plan, from 1, before which the run is paused."""
    diff_lines: int = Field(default=0, ge=0)
    """Changed lines, as the agent shows them, at which it is paused, and at each multiple; 0: never."""
    touching: tuple[str, ...] = ()
    """Paths whose change pauses it."""
    commands: tuple[str, ...] = ()
    """Commands that are asked for."""
