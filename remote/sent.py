"""Manifests of earlier moves, kept beside their sessions: what a host may still have of a project."""

from pathlib import Path

from agent.paths import state_dir
from snapshot.delta import stated_digest


def find_sent(digest: str) -> Path | None:
    """The file of a manifest that says it has this digest, of any session's move."""
    files = (state_dir() / "sessions").glob("*/moves/*/manifest.json")
    return next((file for file in files if stated_digest(file) == digest), None)
