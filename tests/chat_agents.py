"""How agents of the Chat Completions API are pointed at the scripted model: variables, and files of settings."""

import json
from collections.abc import Callable, Mapping


def _opencode(url: str) -> tuple[dict[str, str], dict[str, str]]:
    price = {"input": 1, "output": 2}
    model = {"name": "Mock", "tool_call": True, "limit": {"context": 200000, "output": 8000}, "cost": price}
    options = {"baseURL": f"{url}/v1", "apiKey": "{env:OPENAI_API_KEY}"}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "Mock", "options": options, "models": {"mock-model": model}}
    settings = {
        "share": "disabled",
        "model": "mock/mock-model",
        "small_model": "mock/mock-model",
        "provider": {"mock": provider},
    }
    variables = {"OPENAI_API_KEY": "any", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
    return variables, {".config/opencode/opencode.json": json.dumps(settings)}


def _vibe(url: str) -> tuple[dict[str, str], dict[str, str]]:
    lines = [
        'active_model = "mock"',
        "enable_telemetry = false",
        "[[providers]]",
        'name = "scripted"',
        f'api_base = "{url}/v1"',
        'api_key_env_var = "MISTRAL_API_KEY"',
        'api_style = "openai"',
        'backend = "generic"',
        "[[models]]",
        'name = "mock-model"',
        'provider = "scripted"',
        'alias = "mock"',
        "input_price = 1.0",
        "output_price = 2.0",
    ]
    return {"MISTRAL_API_KEY": "any"}, {".vibe/config.toml": "\n".join(lines) + "\n"}


CHAT_AGENTS: Mapping[str, Callable[[str], tuple[dict[str, str], dict[str, str]]]] = {
    "opencode": _opencode,
    "vibe": _vibe,
}
