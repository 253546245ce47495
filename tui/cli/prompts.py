"""What a user says to an agent, as the command line gets it."""

import click


def check_prompt(text: str) -> str:
    """The prompt as it is; raises `click.UsageError` when it is empty or not UTF-8."""
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    return check_text(text)


def check_text(text: str) -> str:
    """The text as it is; raises `click.UsageError` when it is not UTF-8, which no record could hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise click.UsageError("The text is not UTF-8.") from error
    return text
