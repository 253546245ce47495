"""What must be done to an agent's own files of a session before it can take it up again, where an agent needs that."""

import re
from pathlib import Path

from agent.durable import write_record
from agent.errors import AgentFailed
from agent.profiles import Profile
from agent.session_files import session_files

_NAME = re.compile(r"session-(\d{4}-\d\d-\d\d)T\d\d-\d\d-(.+\.jsonl)")
_RESET = b'{"$set":{"messages":'
_TURN = b'"type":"gemini"'


def settle_session(profile: Profile, home: Path, sid: str, session: str) -> None:
    """Settle the files below ``home`` of the agent's session ``sid``, ours called ``session``.

    Does nothing the second time. The agent must not run. Raises `AgentFailed`.
    """
    if profile.quirk == "gemini-recordings":
        try:
            _settle_recordings(profile, home, sid, session)
        except OSError as error:
            sentence = f"{profile.title}'s files of the session cannot be settled: {error}."
            raise AgentFailed(sentence, "Mend what it says, and go on.", code="agent-session-file") from error


def _settle_recordings(profile: Profile, home: Path, sid: str, session: str) -> None:
    """Leave one recording of the session, with an early name and all its turns.

    Gemini 0.61 writes a recording without a turn whenever it loads a session, named by the current minute, and then
    cannot load it where another has that name, nor the next time where it still lies there (gemini-cli issues 28693 and
    28775). The turns themselves go on in the first one. When it ends in the middle of a turn, it writes at the end of
    that one that there were none; it would then remove the file as an empty one.
    """
    turns: list[Path] = []
    for name in session_files(profile, home, sid, session):
        if _TURN in (home / name).read_bytes():
            turns.append(home / name)
        else:
            (home / name).unlink()
    if len(turns) > 1:
        names = " and ".join(str(path) for path in turns)
        sentence = f"{profile.title} has the session in more than one recording: {names}."
        raise AgentFailed(sentence, "Move all but the newest of them away.", code="agent-session-file")
    for path in turns:
        _drop_resets(path)
        if found := _NAME.fullmatch(path.name):
            path.rename(path.with_name(f"session-{found[1]}T00-00-{found[2]}"))


def _drop_resets(path: Path) -> None:
    """Take out of a recording the lines that say, behind its first turn, that no turn was made."""
    lines, kept, begun = path.read_bytes().splitlines(keepends=True), list[bytes](), False
    for line in lines:
        begun = begun or _TURN in line
        if not (begun and line.startswith(_RESET) and _TURN not in line):
            kept.append(line)
    if kept != lines:
        write_record(path, b"".join(kept))
