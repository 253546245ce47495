"""What the agent is told when the watch finds that it drifts."""

from agent.events import Judged, Prompted

_ADVICE = {
    "same_call": "Repeating it will not change the result. Do something else, or say what you wait for.",
    "same_error": "Do not try the same again: find its cause, or go on with what does not need it.",
    "alternation": "You are going in circles. Step back, say what you know, and choose another way.",
    "monologue": "Stop and do the next step, or end your turn and say what you need.",
    "no_progress": "Do the next step of the work, or end your turn and say what you need.",
    "outside": "Undo that if the task does not ask for it, and stay where edits belong.",
    "lost_tests": "Put them back unless the task asks for their removal: a failing test is to be mended, not removed.",
}


def nudge(verdict: Judged, prompt_id: str) -> Prompted:
    """The prompt that tells the agent of a verdict; it comes before whatever waits."""
    advice = _ADVICE.get(verdict.rule, "")
    text = f"Note from castoff, which watches this run while nobody looks at it: {verdict.evidence} {advice}"
    return Prompted(prompt_id=prompt_id, text=f"{text} Then go on with the task.", source="castoff", ahead=True)
