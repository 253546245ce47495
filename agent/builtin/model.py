"""Which model the agent asks, and one clear sentence when it cannot."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from agent.builtin.errors import AUTH_REQUIRED, ModelError
from agent.builtin.providers import PROVIDERS, Provider

MODEL_VARIABLE = "CASTOFF_MODEL"
_EXAMPLE = "for example CASTOFF_MODEL=openai:gpt-5, or CASTOFF_MODEL=openai-chat:NAME with OPENAI_BASE_URL"


def check_model(environ: Mapping[str, str]) -> str | None:
    """Return why the model that ``environ`` names cannot work, with a way out, or ``None`` if nothing is wrong with it.

    Looks at names only: no model library is imported and nothing is sent. A key that the provider refuses is seen
    only when it is used.
    """
    fault = find_fault(environ.get(MODEL_VARIABLE, ""), environ)
    return fault.text if fault else None


def find_fault(model: str, environ: Mapping[str, str]) -> ModelError | None:
    """Return why the pydantic-ai model string ``model`` cannot work with ``environ``, or ``None``."""
    if not model.strip():
        return ModelError("No model is chosen.", f"Set CASTOFF_MODEL, {_EXAMPLE}.", code="model-missing")
    if importlib.util.find_spec("pydantic_ai") is None:
        return ModelError("The package pydantic-ai-slim is missing.", "Install castoff again.", code="model-library")
    name, separator, rest = model.partition(":")
    if model == "test":
        return None
    if not separator or not rest:
        way_out = f"Write it as provider:name, {_EXAMPLE}."
        return ModelError(f"The model “{model}” names no provider.", way_out, code="model-unknown")
    provider = PROVIDERS.get(name)
    if provider is None:
        return None if _is_known(name) else unknown_provider(name)
    return _find_missing(name, provider, environ)


def unknown_provider(name: str) -> ModelError:
    """Return the error for a provider that pydantic-ai does not have."""
    known = ", ".join(sorted(PROVIDERS))
    return ModelError(f"The model provider “{name}” is unknown.", f"Known ones: {known}.", code="model-unknown")


def _is_known(name: str) -> bool:
    """Whether pydantic-ai has a module for the provider ``name``, without importing it."""
    spec = importlib.util.find_spec("pydantic_ai")
    if name.startswith("gateway/"):
        return True
    if spec is None or spec.origin is None or not name.replace("-", "_").isidentifier():
        return False
    return (Path(spec.origin).parent / "providers" / f"{name.replace('-', '_')}.py").exists()


def _find_missing(name: str, provider: Provider, environ: Mapping[str, str]) -> ModelError | None:
    if not _is_installed(provider.package):
        sentence = f"The Python package “{provider.package}” that the provider “{name}” needs is missing."
        way_out = f'Install it: pip install "pydantic-ai-slim[{name}]".'
        return ModelError(sentence, way_out, code="model-package")
    if any(environ.get(variable) for variable in (*provider.keys, *provider.keyless)):
        return None
    wanted = " or ".join(provider.keys)
    return ModelError(
        f"The provider “{name}” has no key.",
        f"Set {wanted} in the environment that castoff starts in.",
        code="model-key",
        rpc_code=AUTH_REQUIRED,
    )


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is missing
        return False
