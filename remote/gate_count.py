"""Counts the calls of models that go through a gate's doors, and what they cost, for the runner's budget."""

from collections.abc import Callable

import h11

from agent.usage_seen import SeenCall
from remote.model_answers import AnswerReader, Count, is_model_call

Counted = Callable[[SeenCall], None]
"""Takes each call of a model that was answered."""


class Counter:
    """Passes calls on to the runner that drives the agent, as soon as there is one."""

    def __init__(self) -> None:
        self._take: Counted | None = None

    def lead(self, take: Counted) -> None:
        """Give each call to ``take`` from here on."""
        self._take = take

    def count(self, call: SeenCall) -> None:
        """Pass one on."""
        if self._take is not None:
            self._take(call)


class CallWatch:
    """Follows one request through a door; tells ``counted`` of it once, if it was a call of a model."""

    def __init__(self, request: h11.Request, address: str, counted: Counted) -> None:
        """``address`` is that of the service, without which some models have no price."""
        self._asks = is_model_call(request.method, request.target.decode("ascii", "replace"))
        self._address = address
        self._counted = counted
        self._reader: AnswerReader | None = None

    def begin(self, response: h11.Response) -> None:
        """See the head of the answer. What was refused is no call: nobody is charged for it."""
        if not self._asks or not 200 <= response.status_code < 300:
            return
        kinds = [value for name, value in response.headers if name == b"content-type"]
        self._reader = AnswerReader(streamed=any(kind.lower().startswith(b"text/event-stream") for kind in kinds))

    @property
    def holds(self) -> bool:
        """Whether what was fed last has to wait for the next: the client must not have all before it is counted."""
        return self._reader is not None and not self._reader.streamed

    def feed(self, data: bytes) -> None:
        """See a part of the body."""
        if self._reader is not None:
            self._reader.feed(data)

    def end(self, *, ended: bool) -> None:
        """Count it; what was counted is not counted again."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            count = reader.finish(ended=ended)
            self._counted(SeenCall(count.input_tokens, count.output_tokens, price(count, self._address)))


def price(count: Count, address: str = "") -> float | None:
    """What a call cost in dollars, at ``address`` or wherever its model is; ``None``: unknown, which is never free."""
    if not count.whole or not count.model:
        return None
    # Here, as it brings its price list, which a run without doors never needs.
    from genai_prices import Usage, calc_price

    usage = Usage(
        input_tokens=count.input_tokens,
        output_tokens=count.output_tokens,
        cache_read_tokens=count.cached or None,
        cache_write_tokens=count.written or None,
    )
    for service in dict.fromkeys((address or None, None)):
        try:
            return float(calc_price(usage, count.model, provider_api_url=service).total_price)
        except (LookupError, ValueError):
            continue
    return None
