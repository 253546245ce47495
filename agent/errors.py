"""The errors of `agent`.

AgentError
|-- JournalDamaged     the journal holds something that is not an event
|-- RecordDamaged      a small record (session, lease, receipt) cannot be read
|   `-- RecordNewer    ... because a newer castoff wrote it
|-- SessionUnknown     no session, or more than one, answers to what was given
|-- NotOwner           the session is not held here at this epoch
|-- AgentFailed        the agent cannot be started, died, or refused
|   |-- LoginMissing   it has no login, or one that is not accepted any more
|   |-- AgentDied      it ended, or closed its output, before it had answered
|   `-- ResumeFailed   it cannot take its session up again, or only said that it had
|-- RunnerBusy         another runner serves the session
|-- ViewerGone         the runner, or the link to it, went away
|   `-- LinkCut        the link alone: the runner may go on
|-- CommandRefused     the runner refused a command; ``code`` says why
`-- ProfileError       a profile is unknown or not valid
"""


class AgentError(Exception):
    """Base: ``str(error)`` is a sentence for the user, ``way_out`` what they can do, ``code`` is for programs."""

    code = "agent"

    def __init__(self, sentence: str, way_out: str = "", *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.way_out = way_out
        if code is not None:
            self.code = code


class JournalDamaged(AgentError):
    """A line in the middle of the journal is not an event, or a seq is missing or repeated; ``seq`` says where."""

    code = "journal-damaged"

    def __init__(self, sentence: str, way_out: str = "", *, seq: int | None = None) -> None:
        super().__init__(sentence, way_out)
        self.seq = seq


class RecordDamaged(AgentError):
    """A record file is missing or cannot be understood."""

    code = "record-damaged"


class RecordNewer(RecordDamaged):
    """A record is of a format that only newer versions of castoff know."""

    code = "record-newer"


class SessionUnknown(AgentError):
    """No session, or more than one, answers to what was given."""

    code = "session-unknown"


class NotOwner(AgentError):
    """The session is not held here at this epoch, so nothing may be written."""

    code = "not-owner"


class AgentFailed(AgentError):
    """The agent cannot be started, died, or refused a request."""

    code = "agent-failed"


class LoginMissing(AgentFailed):
    """The agent says that it has no login, or that its model's service did not accept the one it has."""

    code = "agent-login"


class AgentDied(AgentFailed):
    """The agent ended, or closed its output, before it had answered."""


class ResumeFailed(AgentFailed):
    """The agent cannot take its own session up again, or said that it had and does not know it."""

    code = "not-resumed"


class RunnerBusy(AgentError):
    """Another runner already serves the session."""

    code = "runner-busy"


class ViewerGone(AgentError):
    """The runner, or the link to it, went away."""

    code = "viewer-gone"


class LinkCut(ViewerGone):
    """The link to the runner went away; the runner may go on."""

    code = "link-cut"


class CommandRefused(AgentError):
    """The runner refused a command."""

    code = "refused"


class ProfileError(AgentError):
    """A profile is unknown or not valid."""

    code = "profile"
