"""What was last heard of a session from its host, kept beside it for when the host does not answer."""

import asyncio
import time

from agent.durable import read_model, write_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from agent.sessions import SessionDir
from remote.receipt import read_last_receipt
from remote.run import Known, Run

_NAME = "heard.json"


class Heard(Frozen):
    """The run as its host told of it at ``at``, Unix time of this machine."""

    at: float
    run: Run


async def keep_heard(session: SessionDir, run: Run | None) -> None:
    """Keep what a host has just said of the run, if it said anything. Raises `OSError`."""
    if run is not None:
        await asyncio.to_thread(write_model, session.path / _NAME, Heard(at=time.time(), run=run))


def read_known(session: SessionDir) -> Known | None:
    """What is known here of a session that cannot be asked for; ``None`` if that cannot be read."""
    try:
        path, receipt = session.path / _NAME, read_last_receipt(session)
        heard = read_model(path, Heard) if path.exists() else None
        left = (session.path / "lease.json").stat().st_mtime
    except (RecordDamaged, OSError):
        # What cannot be told of it stands in no way of saying that its host does not answer.
        return None
    return Known(
        left=left,
        files=receipt.files if receipt is not None else 0,
        heard=heard.at if heard is not None else 0.0,
        run=heard.run if heard is not None else None,
    )
