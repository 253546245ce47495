"""The prompts that wait for the agent, as the journal has them: one comes, one is taken back."""

import secrets

from agent.errors import CommandRefused
from agent.events import Prompted, TakenBack
from agent.recorder import Recorder


def new_prompt_id() -> str:
    """The name of a new prompt."""
    return f"p{secrets.token_hex(6)}"


def queue_prompt(recorder: Recorder, text: str) -> None:
    """Let a user's prompt wait for the agent; on disk when this returns. Raises `CommandRefused`."""
    if not text.strip():
        raise CommandRefused("An empty prompt says nothing.", code="empty")
    recorder.record(Prompted(prompt_id=new_prompt_id(), text=text))
    recorder.sync()


def take_back_prompt(recorder: Recorder, prompt_id: str) -> None:
    """Take a user's prompt back that waits still; on disk when this returns. Raises `CommandRefused`."""
    if not any(prompt.prompt_id == prompt_id and prompt.source == "user" for prompt in recorder.state.queue):
        raise CommandRefused("That prompt does not wait any more: the agent has it.", code="not-queued")
    recorder.record(TakenBack(prompt_id=prompt_id))
    recorder.sync()
