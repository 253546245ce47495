"""The errors of the command line itself; those of the parts below pass through with their own codes.

CliError
|-- NotMoved       a handoff or a pull ended with the session where it was
|-- WaitEnded      what was waited for did not come
|-- NotHere        a command asks for something that this session does not have
|-- NotSound       what is kept of a session is not what was written
|-- Unsettled      a move that was cut could not be settled yet
`-- DiagnosisBad   the doctor found something that stands in the way
"""


class CliError(Exception):
    """Base: ``str(error)`` is a sentence for the user, ``way_out`` what they can do, ``code`` is for programs."""

    code = "cli"

    def __init__(self, sentence: str, way_out: str = "", *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.way_out = way_out
        if code is not None:
            self.code = code


class NotMoved(CliError):
    """A handoff or a pull ended with the session where it was; ``code`` is the step's."""

    code = "not-moved"


class WaitEnded(CliError):
    """What was waited for did not come: time ran out, or the session ended in another way."""

    code = "wait-ended"


class NotHere(CliError):
    """A command asks for something that this session does not have, as an open question."""

    code = "not-here"


class NotSound(CliError):
    """What is kept of a session is not what was written."""

    code = "not-sound"


class Unsettled(CliError):
    """A move that was cut could not be settled yet."""

    code = "unsettled"


class DiagnosisBad(CliError):
    """The doctor found something that stands in the way."""

    code = "diagnosis"


def known_errors() -> tuple[type[Exception], ...]:
    """The base classes of all folders' error trees; each has ``code`` and ``way_out``. Imported late: this runs only
    when something was raised."""
    from agent.errors import AgentError
    from remote.errors import RemoteError
    from snapshot.errors import SnapshotError

    return (AgentError, RemoteError, SnapshotError, CliError)
