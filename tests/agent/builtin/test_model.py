"""What `castoff doctor` says about the model, without importing any model library."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.builtin.model import check_model
from agent.builtin.providers import PROVIDERS, SECRET_VARIABLES


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "No model is chosen."),
        ({"CASTOFF_MODEL": "openai:gpt-5"}, "Set OPENAI_API_KEY"),
        ({"CASTOFF_MODEL": "openai:"}, "names no provider"),
        ({"CASTOFF_MODEL": "no such:gpt-5"}, "is unknown"),
        ({"CASTOFF_MODEL": "google:gemini"}, "pip install"),
    ],
)
def test_says_what_to_do(environ: dict[str, str], words: str) -> None:
    sentence = check_model(environ)
    assert sentence is not None and words in sentence


@pytest.mark.parametrize(
    "environ",
    [
        {"CASTOFF_MODEL": "openai:gpt-5", "OPENAI_API_KEY": "x"},
        {"CASTOFF_MODEL": "openai-chat:local", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"},
        {"CASTOFF_MODEL": "azure:gpt-5"},
        {"CASTOFF_MODEL": "test"},
    ],
)
def test_is_silent_when_nothing_is_wrong(environ: dict[str, str]) -> None:
    assert check_model(environ) is None


def test_imports_no_model_library() -> None:
    code = (
        "import sys; from agent.builtin.model import check_model; check_model({'CASTOFF_MODEL': 'openai:gpt-5'});"
        "print([m for m in ('pydantic_ai', 'openai', 'anthropic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_table_names_providers_that_pydantic_ai_has() -> None:
    from pydantic_ai.providers import infer_provider_class

    for name in PROVIDERS:
        try:
            infer_provider_class(name)
        except ImportError:
            continue  # its package is not installed here, so pydantic-ai knows the name


def test_no_key_that_pydantic_ai_reads_reaches_a_command() -> None:
    spec = importlib.util.find_spec("pydantic_ai")
    assert spec is not None and spec.origin is not None
    sources = [path.read_text("utf-8") for path in (Path(spec.origin).parent / "providers").glob("*.py")]
    read = {name for text in sources for name in re.findall(r"getenv\(['\"](\w+_(?:KEY|TOKEN))['\"]", text)}
    assert "OPENROUTER_API_KEY" in read
    assert read <= SECRET_VARIABLES
