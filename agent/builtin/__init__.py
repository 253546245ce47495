"""castoff's own coding agent: speaks ACP on stdio, asks any model that pydantic-ai knows."""

NAME = "castoff-builtin"
