"""A model whose lines are written in advance, behind a real OpenAI-compatible endpoint on the loopback address."""

MODEL_NAME = "castoff-demo"
CONTEXT_SIZE = 32_000


def MODEL_ENV(port: int) -> dict[str, str]:
    """Return the environment that points the built-in agent at a demo model listening on ``port``."""
    return {
        "CASTOFF_MODEL": f"openai-chat:{MODEL_NAME}",
        "CASTOFF_CONTEXT_SIZE": str(CONTEXT_SIZE),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OPENAI_API_KEY": "demo",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
