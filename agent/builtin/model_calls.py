"""Building a pydantic-ai model from its string, and saying in one sentence why a call to it failed."""

import os
from typing import cast

from pydantic_ai.exceptions import AgentRunError, ModelAPIError, ModelHTTPError, UserError
from pydantic_ai.models import Model, infer_model

from agent.builtin.errors import AUTH_REQUIRED, ModelError
from agent.builtin.model import find_fault

FAILURES = (AgentRunError, UserError)
_DETAIL_LIMIT = 300


def build_model(model: str) -> Model:
    """Return the pydantic-ai model for the string ``model``, configured by the environment; raises `ModelError`."""
    if fault := find_fault(model, os.environ):
        raise fault
    try:
        return infer_model(model)
    except ImportError as error:
        raise ModelError(
            f"A package for the model “{model}” is missing: {_first_line(error)}", code="model-package"
        ) from error
    except (UserError, ValueError) as error:
        raise ModelError(f"The model “{model}” cannot be used: {_first_line(error)}", code="model-unknown") from error


def explain(model: str, error: Exception) -> ModelError:
    """Return the `ModelError` that says what ``error``, one of `FAILURES`, means for the user."""
    if isinstance(error, ModelHTTPError):
        return _explain_status(model, error)
    if isinstance(error, ModelAPIError):
        sentence = f"The model server of “{model}” could not be reached or broke off: {_first_line(error)}"
        way_out = "Check the network and the base URL, then say “continue”."
        return ModelError(sentence, way_out, code="model-connection")
    return ModelError(
        f"The model “{model}” gave an answer that cannot be used: {_first_line(error)}", code="model-answer"
    )


def _explain_status(model: str, error: ModelHTTPError) -> ModelError:
    status = error.status_code
    detail = _detail(error.body)
    if status in (401, 403):
        sentence = f"The provider refuses the key for the model “{model}” (HTTP {status}).{detail}"
        way_out = "Check the key in the environment that castoff starts in."
        return ModelError(sentence, way_out, code="model-key", rpc_code=AUTH_REQUIRED)
    if status == 404:
        sentence = f"The provider does not know the model “{model}” (HTTP 404).{detail}"
        return ModelError(sentence, "Check the name in CASTOFF_MODEL and the base URL.", code="model-unknown")
    if status == 429:
        sentence = f"The provider of “{model}” refuses more requests for now (HTTP 429).{detail}"
        return ModelError(sentence, "Wait, or raise the limit there, then say “continue”.", code="model-rate")
    if status >= 500:
        sentence = f"The provider of “{model}” has a fault of its own (HTTP {status}).{detail}"
        return ModelError(sentence, "Try again later: say “continue”.", code="model-server")
    return ModelError(f"The provider of “{model}” rejects the request (HTTP {status}).{detail}", code="model-request")


def _detail(body: object) -> str:
    """The provider's own words out of the usual shapes of an error body, shortened; empty if it has none."""
    message = body
    for key in ("error", "message"):
        if isinstance(message, dict):
            fields = cast("dict[str, object]", message)
            message = fields.get(key, fields)
    return f" It says: {_shorten(message)}" if isinstance(message, str) and message.strip() else ""


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return _shorten(lines[0])


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    text = text if len(text) <= _DETAIL_LIMIT else text[: _DETAIL_LIMIT - 1] + "…"
    return text if text.endswith((".", "!", "?", "…")) else text + "."
