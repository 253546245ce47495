"""One prompt turn: ask the model, relay what it says, run what it calls, until it is done."""

import asyncio
import dataclasses
from dataclasses import dataclass

from acp import helpers
from acp.interfaces import Client
from acp.schema import StopReason
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from agent.builtin import updates
from agent.builtin.calls import Call
from agent.builtin.history import History
from agent.builtin.model_calls import FAILURES, explain
from agent.builtin.pricing import price
from agent.builtin.record import Totals
from agent.builtin.store import Session
from agent.builtin.tools.registry import TOOLS

REQUEST_LIMIT = 200
"""Model calls in one turn at most."""


@dataclass
class Turn:
    """A running turn of ``session``; ``limit`` is how many model calls it may make."""

    session: Session
    history: History
    model: Model
    client: Client
    limit: int = REQUEST_LIMIT

    async def run(self) -> StopReason:
        """Work on the prompt that the history ends with and return why the turn ended.

        Raises `ModelError`, and `OSError` if the session cannot be saved; cancelling leaves all consistent.
        """
        for _ in range(self.limit):
            response = await self._ask()
            empty = all(isinstance(part, TextPart) and not part.content for part in response.parts)
            if not empty:  # providers refuse a conversation with an empty answer in it
                self.history.append(response)
            await self._count(response)
            if response.finish_reason == "content_filter":
                return "refusal"
            if not response.tool_calls:
                if empty:
                    await self._say("The model answered nothing.")
                return "max_tokens" if response.finish_reason == "length" else "end_turn"
            await self._perform(response.tool_calls)
        return "max_turn_requests"

    async def _ask(self) -> ModelResponse:
        """Make one model call and relay it as it streams; what had come is kept when it is cut short."""
        parameters = ModelRequestParameters(function_tools=_definitions())
        request = model_request_stream(self.model, self.history.messages, model_request_parameters=parameters)
        try:
            async with request as stream:
                finished = False
                try:
                    async for event in stream:
                        await self._relay(event)
                    finished = True
                finally:
                    if not finished:
                        self._keep_partial(stream.get())
            return stream.get()
        except FAILURES as error:
            raise explain(self.session.record.model, error) from error

    def _keep_partial(self, response: ModelResponse) -> None:
        """Keep the text of an answer that was cut short. Its tool calls may lack arguments and never ran: dropped."""
        texts = [part for part in response.parts if isinstance(part, TextPart) and part.content]
        if texts:
            self.history.append(dataclasses.replace(response, parts=texts, state="interrupted"))
            self.session.save()

    async def _perform(self, calls: list[ToolCallPart]) -> None:
        """Run the calls one after the other; each result is on disk before the next call begins."""
        results: list[ToolReturnPart] = []
        for index, part in enumerate(calls):
            call = Call(self.session, self.client, part)
            try:
                result = await call.perform()
            except asyncio.CancelledError:
                rest = [Call(self.session, self.client, later).cancelled() for later in calls[index + 1 :]]
                self._keep_results([*results, call.cancelled(), *rest], first=index == 0)
                raise
            results.append(result)
            self._keep_results(results, first=index == 0)

    def _keep_results(self, results: list[ToolReturnPart], *, first: bool) -> None:
        message = ModelRequest(parts=list(results))
        if first:
            self.history.append(message)
        else:
            self.history.replace_last(message)
        self.session.change(in_flight=None)
        self.session.save()

    async def _relay(self, event: ModelResponseStreamEvent) -> None:
        """Send on a piece of text or thought."""
        match event:
            case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                await self._say(text)
            case (
                PartStartEvent(part=ThinkingPart(content=text))
                | PartDeltaEvent(delta=ThinkingPartDelta(content_delta=text))
            ):
                if text:
                    update = helpers.update_agent_thought_text(text)
                    await self.client.session_update(session_id=self.session.record.session_id, update=update)
            case _:
                pass

    async def _say(self, text: str) -> None:
        if text:
            update = helpers.update_agent_message_text(text)
            await self.client.session_update(session_id=self.session.record.session_id, update=update)

    async def _count(self, response: ModelResponse) -> None:
        """Add the call to the session's totals, put the answer on disk, and report the new totals."""
        self.session.change(totals=add(self.session.record.totals, response))
        self.session.save()
        update = updates.usage_update(self.session.record.totals)
        await self.client.session_update(session_id=self.session.record.session_id, update=update)


def add(totals: Totals, response: ModelResponse) -> Totals:
    """Return ``totals`` with one more model call in it; an unknown price makes the whole cost unknown."""
    usage = response.usage
    cost, size = price(response)
    cost_usd = None if totals.cost_usd is None or cost is None else totals.cost_usd + cost
    return Totals(
        calls=totals.calls + 1,
        input_tokens=totals.input_tokens + usage.input_tokens,
        output_tokens=totals.output_tokens + usage.output_tokens,
        cache_read_tokens=totals.cache_read_tokens + usage.cache_read_tokens,
        cache_write_tokens=totals.cache_write_tokens + usage.cache_write_tokens,
        cost_usd=cost_usd,
        context_used=usage.input_tokens + usage.output_tokens or totals.context_used,
        context_size=size or totals.context_size,
    )


def _definitions() -> list[ToolDefinition]:
    return [
        ToolDefinition(
            name=tool.name, description=tool.description, parameters_json_schema=tool.arguments.model_json_schema()
        )
        for tool in TOOLS.values()
    ]
