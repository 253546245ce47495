"""A host's word on one run: who holds it by the record there, how it stands, and whether its records are whole."""

import asyncio

from agent.errors import JournalDamaged, RecordDamaged
from agent.lease import known_lease
from agent.paths import state_dir
from agent.runner_lock import is_moving
from agent.sessions import get_session
from agent.soundness import Finding
from remote import host_protocol as protocol
from remote.checking import check_session
from remote.host_look import describe_run
from remote.place import read_place


async def inspect(request: protocol.Inspect) -> protocol.Inspected:
    """Look, and change nothing; raises `RecordDamaged` if who holds the run cannot be told."""
    path = state_dir() / "sessions" / request.run_id
    if "/" in request.run_id or not path.is_dir():
        return protocol.Inspected(lease=None)
    lease = known_lease(path)
    run, findings = None, list[Finding]()
    if request.thorough:
        findings += await asyncio.to_thread(check_session, path)
    session = get_session(state_dir(), request.run_id)
    if session is None:
        return protocol.Inspected(lease=lease, findings=tuple(findings))
    try:
        place = read_place(session)
        if place is not None and lease is not None and lease.state in ("held", "offered"):
            run = await describe_run(session, place)
    except (RecordDamaged, JournalDamaged) as error:
        if not request.thorough:
            raise
        if str(error) not in [finding.sentence for finding in findings]:
            findings.append(Finding(path=str(session.path), sentence=str(error), way_out=error.way_out))
    return protocol.Inspected(lease=lease, run=run, moving=is_moving(session), findings=tuple(findings))
