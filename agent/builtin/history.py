"""The conversation as pydantic-ai messages, kept in step with a session's stored messages, and made whole again."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from agent.builtin.errors import SessionError
from agent.builtin.prompt import system_prompt
from agent.builtin.store import Session

INTERRUPTED = (
    "This call was interrupted: the agent stopped while it ran (it was killed, or the session moved to another "
    "machine). It may have run, wholly or in part. Check its effect before you repeat it."
)
NOT_STARTED = "This call was not started: the agent was interrupted before it. Call again if it is still needed."


class History:
    """The messages of ``session``; each change goes to the session too, but `Session.save` is the caller's."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.messages: list[ModelMessage] = _load(session)

    def begin(self, prompt: str) -> None:
        """Add a prompt of the user; calls that are still open are answered first (`repair`)."""
        self.repair()
        parts: list[SystemPromptPart | UserPromptPart] = [UserPromptPart(prompt)]
        if not self.messages:
            parts.insert(0, SystemPromptPart(system_prompt(self._session.record.cwd)))
        self.append(ModelRequest(parts=parts))

    def append(self, message: ModelMessage) -> None:
        """Add a message."""
        self.messages.append(message)
        self._session.history.append(dump_message(message))

    def replace_last(self, message: ModelMessage) -> None:
        """Put ``message`` in the place of the last one."""
        self.messages[-1] = message
        self._session.history[-1] = dump_message(message)

    def repair(self) -> int:
        """Answer every tool call that has no result, so that a provider accepts the conversation; return how many.

        The call recorded as in flight is answered with `INTERRUPTED`, the ones after it with `NOT_STARTED`.
        """
        in_flight = self._session.record.in_flight
        missing = self._unanswered()
        if missing:
            running = in_flight.call_id if in_flight else None
            self._answer([interruption(call, started=call.tool_call_id == running) for call in missing])
        self._session.change(in_flight=None)
        return len(missing)

    def _unanswered(self) -> list[ToolCallPart]:
        """The calls of the last response that nothing after it answers."""
        answered = set[str]()
        for message in reversed(self.messages):
            if isinstance(message, ModelResponse):
                return [call for call in message.tool_calls if call.tool_call_id not in answered]
            answered.update(part.tool_call_id for part in message.parts if isinstance(part, ToolReturnPart))
        return []

    def _answer(self, parts: Sequence[ToolReturnPart]) -> None:
        last = self.messages[-1]
        if isinstance(last, ModelRequest):
            self.replace_last(ModelRequest(parts=[*last.parts, *parts]))
        else:
            self.append(ModelRequest(parts=list(parts)))


def interruption(call: ToolCallPart, *, started: bool) -> ToolReturnPart:
    """Return the result of a call that the agent could not see the end of."""
    text = INTERRUPTED if started else NOT_STARTED
    return ToolReturnPart(call.tool_name, text, call.tool_call_id, outcome="interrupted")


def dump_message(message: ModelMessage) -> bytes:
    """Return ``message`` as JSON."""
    return ModelMessagesTypeAdapter.dump_json([message])[1:-1]


def load_messages(documents: Iterable[bytes]) -> list[ModelMessage]:
    """Return the messages of ``documents``. Raises pydantic's `ValidationError`."""
    return ModelMessagesTypeAdapter.validate_json(b"[" + b",".join(documents) + b"]")


def _load(session: Session) -> list[ModelMessage]:
    try:
        return load_messages(session.history)
    except ValidationError as error:
        sentence = f"The conversation in {session.path} cannot be read: {error.error_count()} faults in it."
        raise SessionError(sentence, "It has been left as it is.", code="session-unreadable") from error
