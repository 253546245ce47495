"""The receipts of a session's handoffs: what each moved and left behind, read on the machine that it left from."""

from agent.durable import read_model
from agent.sessions import SessionDir
from remote.departure import Receipt


def read_last_receipt(session: SessionDir) -> Receipt | None:
    """The receipt of the latest handoff from this machine, or ``None``. Raises `agent.errors.RecordDamaged`."""
    kept = sorted((session.path / "moves").glob("*/receipt.json"), key=lambda path: int(path.parent.name))
    return read_model(kept[-1], Receipt) if kept else None
