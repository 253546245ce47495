"""The files in which an agent keeps a session of its own, so that they can travel with it."""

import re
from collections.abc import Iterable
from pathlib import Path

from agent.errors import AgentFailed
from agent.profiles import Profile

_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def session_files(profile: Profile, home: Path, sid: str, session: str) -> tuple[Path, ...]:
    """The agent's files of its session ``sid``, ours called ``session``, that exist below ``home``: sorted, relative.

    Raises `AgentFailed` for an id that cannot be a file name's part, and for a match that is not a regular
    file below ``home`` once links are followed: the id and the files come from an agent and are not trusted.
    """
    if not _SESSION_ID.fullmatch(sid) or ".." in sid:
        raise AgentFailed(
            f"{profile.title} calls its session {sid!r}, which cannot be part of a file name.",
            "Begin a new session.",
            code="agent-session-id",
        )
    ours = {"{sid}": sid, "{sid8}": sid[:8], "{session}": session}
    globs = (re.sub(r"\{\w+\}", lambda word: ours[word[0]], each) for each in profile.session_files)
    return _find(profile, home, globs)


def needed_files(profile: Profile, home: Path) -> tuple[Path, ...]:
    """What the agent's records need beside them below ``home``, as `session_files`; raises `AgentFailed`."""
    return _find(profile, home, profile.needed_files)


def _find(profile: Profile, home: Path, globs: Iterable[str]) -> tuple[Path, ...]:
    matches = (match for pattern in globs for match in home.glob(pattern) if not match.is_dir())
    return tuple(sorted({_check(profile, home, match.relative_to(home)) for match in matches}))


def _check(profile: Profile, home: Path, name: Path) -> Path:
    real = (home / name).resolve()
    if real.is_relative_to(home.resolve()) and real.is_file():
        return name
    raise AgentFailed(
        f"{profile.title}'s session file {name} is not a regular file below {home}.",
        "Replace the link by the file itself.",
        code="agent-session-file",
    )
