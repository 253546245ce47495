"""Errors of the built-in agent.

BuiltinError                code "builtin"
├── ModelError              code "model-*": the model cannot be used, or failed
├── SessionError            code "session-*": a session cannot be opened, made or used
└── ToolFailure             code "tool": a tool could not do its work; the sentence is for the model
"""

from acp import RequestError

AUTH_REQUIRED = -32000
INTERNAL_ERROR = -32603
INVALID_PARAMS = -32602
NOT_FOUND = -32002


class BuiltinError(Exception):
    """Base: ``code`` for machines, ``str(error)`` a sentence for the user, ``way_out`` what to do about it."""

    code = "builtin"
    rpc_code = INTERNAL_ERROR

    def __init__(
        self, sentence: str, way_out: str = "", *, code: str | None = None, rpc_code: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.way_out = way_out
        self.code = code or self.code
        self.rpc_code = rpc_code or self.rpc_code

    @property
    def text(self) -> str:
        """Return the sentence and the way out as one piece of text."""
        return f"{self} {self.way_out}".strip()


class ModelError(BuiltinError):
    """The model cannot be used or failed."""

    code = "model"


class SessionError(BuiltinError):
    """A session is unknown, unreadable or not as asked."""

    code = "session"
    rpc_code = INVALID_PARAMS


class ToolFailure(BuiltinError):
    """A tool could not do its work; the model reads the sentence and goes on."""

    code = "tool"


def to_request_error(error: BuiltinError) -> RequestError:
    """Return the ACP error for ``error``: its whole text for the user, and ``{"code", "wayOut"}`` as data."""
    return RequestError(error.rpc_code, error.text, {"code": error.code, "wayOut": error.way_out})
