"""The receipts of a session's handoffs: what each moved and left behind, read on the machine that it left from."""

from agent.durable import read_model
from agent.events import Frozen
from agent.sessions import SessionDir
from remote.findings import Stays
from remote.host_protocol import Proof
from remote.steps import Timing


class Receipt(Frozen):
    """What a handoff moved, kept beside the session. ``wire`` is bytes that went over the network, both ways."""

    host: str
    epoch: int
    files: int
    size: int
    wire: int = 0
    tree_digest: str
    parcel_digest: str
    stays: tuple[Stays, ...]
    proof: Proof
    timings: tuple[Timing, ...]


def read_last_receipt(session: SessionDir) -> Receipt | None:
    """The receipt of the latest handoff from this machine, or ``None``. Raises `agent.errors.RecordDamaged`."""
    kept = sorted((session.path / "moves").glob("*/receipt.json"), key=lambda path: int(path.parent.name))
    return read_model(kept[-1], Receipt) if kept else None
