"""The receipts of a session's handoffs: what each moved and left behind, read on the machine that it left from."""

from agent.durable import read_model, write_model
from agent.events import Frozen
from agent.sanitise import clean
from agent.sessions import SessionDir
from remote.findings import Stays
from remote.host_protocol import Proof
from remote.steps import Timing

_SENT = "sent.json"


class Sent(Frozen):
    """What a handoff moved and the host found equal, kept beside the session before it is offered: whichever command
    settles the offer then tells of it. ``wire`` is bytes that went over the network, both ways."""

    files: int = 0
    size: int = 0
    wire: int = 0
    tree_digest: str = ""
    parcel_digest: str = ""
    stays: tuple[Stays, ...] = ()
    agent: str = ""
    """The agent that was to go on there, if it was another one than before."""
    timings: tuple[Timing, ...] = ()

    @property
    def seconds(self) -> float:
        """What its steps took together."""
        return sum(timing.seconds for timing in self.timings)


class Receipt(Sent):
    """What a handoff moved and left behind, and how the host proved that it continues it."""

    host: str
    epoch: int
    proof: Proof

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what could not be done as wished."""
        why = self.proof.no_start
        start = (f"{why} On {self.host}, castoff diff counts from the handoff.",) if why else ()
        agent = clean(self.proof.agent, single_line=True)
        lossy = f"{agent} goes on from a brief there: it does not have the conversation that went before."
        return (lossy, *start) if self.proof.lossy else start


def keep_sent(session: SessionDir, epoch: int, sent: Sent) -> None:
    """Make durable what was sent for ``epoch``."""
    write_model(session.move(epoch) / _SENT, sent)


def read_sent(session: SessionDir, epoch: int) -> Sent:
    """What was sent for ``epoch``; nothing is known of a handoff that did not come so far. Raises `RecordDamaged`."""
    path = session.move(epoch) / _SENT
    return read_model(path, Sent) if path.exists() else Sent()


def read_last_receipt(session: SessionDir) -> Receipt | None:
    """The receipt of the latest handoff from this machine, or ``None``. Raises `agent.errors.RecordDamaged`."""
    kept = sorted((session.path / "moves").glob("*/receipt.json"), key=lambda path: int(path.parent.name))
    return read_model(kept[-1], Receipt) if kept else None
