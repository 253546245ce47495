"""What a model call cost, where genai-prices knows the model; unknown is never zero."""

import os

from pydantic_ai.messages import ModelResponse

CONTEXT_VARIABLE = "CASTOFF_CONTEXT_SIZE"


def price(response: ModelResponse) -> tuple[float | None, int | None]:
    """Return the cost of ``response`` in US dollars and its model's context size in tokens; ``None``: unknown."""
    size = _declared_size()
    if not response.model_name:
        return None, size
    try:
        calculation = response.cost()
    except (LookupError, ValueError):
        return None, size
    return float(calculation.total_price), size or calculation.model.context_window


def _declared_size() -> int | None:
    """The size that the user states for a model that no price list knows."""
    text = os.environ.get(CONTEXT_VARIABLE, "")
    return int(text) if text.isdecimal() and int(text) > 0 else None
