"""Secrets come from a prompt without echo, or from standard input; never from an argument that every process sees."""

import getpass
import sys

import click


def read_secret(prompt: str) -> str:
    """One line of text; raises `click.UsageError` when there is none."""
    value = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    value = value.strip()
    if not value:
        raise click.UsageError("Nothing was given on standard input.")
    return value
