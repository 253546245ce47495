"""What each model provider needs from the environment, as far as it can be told without importing anything."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Provider:
    """A provider's Python ``package`` and the variables of its ``keys``, of which any one is enough.

    ``keyless`` names variables that make a key unnecessary, e.g. a base URL of a server on this machine.
    """

    package: str
    keys: tuple[str, ...] = ()
    keyless: tuple[str, ...] = ()


_OPENAI = Provider("openai", ("OPENAI_API_KEY",), ("OPENAI_BASE_URL",))

# Variable names as pydantic-ai's providers read them; a provider that is not listed is left to pydantic-ai to judge.
PROVIDERS: dict[str, Provider] = {
    "openai": _OPENAI,
    "openai-chat": _OPENAI,
    "openai-responses": _OPENAI,
    "anthropic": Provider("anthropic", ("ANTHROPIC_API_KEY",)),
    "google": Provider("google.genai", ("GOOGLE_API_KEY", "GEMINI_API_KEY")),
    "groq": Provider("groq", ("GROQ_API_KEY",)),
    "mistral": Provider("mistralai", ("MISTRAL_API_KEY",)),
    "cohere": Provider("cohere", ("CO_API_KEY",)),
    "huggingface": Provider("huggingface_hub", ("HF_TOKEN",)),
    "alibaba": Provider("openai", ("ALIBABA_API_KEY", "DASHSCOPE_API_KEY")),
    "cerebras": Provider("openai", ("CEREBRAS_API_KEY",)),
    "deepseek": Provider("openai", ("DEEPSEEK_API_KEY",)),
    "fireworks": Provider("openai", ("FIREWORKS_API_KEY",)),
    "moonshotai": Provider("openai", ("MOONSHOTAI_API_KEY",)),
    "nebius": Provider("openai", ("NEBIUS_API_KEY",)),
    "openrouter": Provider("openai", ("OPENROUTER_API_KEY",)),
    "ovhcloud": Provider("openai", ("OVHCLOUD_API_KEY",)),
    "sambanova": Provider("openai", ("SAMBANOVA_API_KEY",)),
    "together": Provider("openai", ("TOGETHER_API_KEY",)),
    "vercel": Provider("openai", ("VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN")),
    "xai": Provider("xai_sdk", ("XAI_API_KEY",)),
    "zai": Provider("openai", ("ZAI_API_KEY",)),
    "ollama": Provider("openai", ("OLLAMA_BASE_URL",)),
    "vllm": Provider("openai", ("VLLM_BASE_URL",)),
}

# Never handed to a command that the model runs: its output is recorded.
SECRET_VARIABLES = frozenset(
    name for provider in PROVIDERS.values() for name in provider.keys if not name.endswith("_BASE_URL")
) | {
    "ANTHROPIC_AUTH_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AZURE_OPENAI_API_KEY",
    "AZURE_VOICELIVE_API_KEY",
    "COPILOT_GITHUB_TOKEN",
    "CRUSOE_API_KEY",
    "ELEVENLABS_API_KEY",
    "GITHUB_API_KEY",
    "GITHUB_COPILOT_API_KEY",
    "GITHUB_COPILOT_API_TOKEN",
    "HEROKU_INFERENCE_KEY",
    "META_API_KEY",
    "OLLAMA_API_KEY",
    "PAIG_API_KEY",
    "PYDANTIC_AI_GATEWAY_API_KEY",
    "SNOWFLAKE_TOKEN",
    "SYSTEM_ONE_API_KEY",
    "TYPESAFE_API_KEY",
    "VLLM_API_KEY",
    "VOYAGE_API_KEY",
}
