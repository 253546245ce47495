"""The files in which an agent keeps a session of its own, so that they can travel with it."""

import re
from pathlib import Path

from agent.errors import AgentFailed
from agent.profiles import Profile

_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def session_files(profile: Profile, home: Path, sid: str) -> tuple[Path, ...]:
    """The agent's files of session ``sid`` that exist below ``home``, as sorted paths relative to it.

    Raises `AgentFailed` for an id that cannot be a file name's part, and for a match that is not a regular
    file below ``home`` once links are followed: the id and the files come from an agent and are not trusted.
    """
    if not _SESSION_ID.fullmatch(sid) or ".." in sid:
        raise AgentFailed(
            f"{profile.title} calls its session {sid!r}, which cannot be part of a file name.",
            "Begin a new session.",
            code="agent-session-id",
        )
    found: set[Path] = set()
    for pattern in profile.session_files:
        for match in home.glob(pattern.replace("{sid}", sid)):
            if not match.is_dir():
                found.add(_check(profile, home, match.relative_to(home)))
    return tuple(sorted(found))


def _check(profile: Profile, home: Path, name: Path) -> Path:
    real = (home / name).resolve()
    if real.is_relative_to(home.resolve()) and real.is_file():
        return name
    raise AgentFailed(
        f"{profile.title}'s session file {name} is not a regular file below {home}.",
        "Replace the link by the file itself.",
        code="agent-session-file",
    )
