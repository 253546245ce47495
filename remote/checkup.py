"""A session checked on both its sides: the records of each, and whether they agree on who holds it."""

import asyncio
from pathlib import Path

from agent.durable import read_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from agent.lease import known_lease
from agent.protocol import Lease
from agent.soundness import Finding
from remote.checking import check_session
from remote.errors import RemoteError
from remote.host_protocol import Inspect, Inspected
from remote.links import Links
from remote.receipt import Receipt
from remote.run import Unreachable

_SECONDS = 600.0


class Machine(Frozen):
    """What is wrong on one machine, ``""`` for this one."""

    host: str
    findings: tuple[Finding, ...]


class Checkup(Frozen):
    """What is wrong with a session on each machine that was asked, and the hosts that could not be."""

    session_id: str
    machines: tuple[Machine, ...]
    unreachable: tuple[Unreachable, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        return tuple(finding for machine in self.machines for finding in machine.findings)


async def check_up(path: Path, links: Links) -> Checkup:
    """Check the session in the directory ``path`` here, and on each host that it was handed off to. Changes nothing."""
    machines = [Machine(host="", findings=await asyncio.to_thread(check_session, path))]
    unreachable: list[Unreachable] = []
    for host in _hosts(path):
        try:
            client = await links.client(host)
            there = await client.ask(Inspect(run_id=path.name, thorough=True), Inspected, timeout=_SECONDS)
        except RemoteError as error:
            unreachable.append(Unreachable(host=host, reason=str(error), way_out=error.way_out))
            continue
        machines.append(Machine(host=host, findings=(*there.findings, *_compare(path, host, there.lease))))
    return Checkup(session_id=path.name, machines=tuple(machines), unreachable=tuple(unreachable))


def _hosts(path: Path) -> list[str]:
    """The hosts that may have something of the session, by the records here that can be read."""
    names: set[str] = set()
    try:
        lease = known_lease(path)
        names |= {lease.to} if lease is not None else set()
    except RecordDamaged:
        pass  # told by `check_session`; the receipts may still name the host
    for receipt in (path / "moves").glob("*/receipt.json"):
        try:
            names.add(read_model(receipt, Receipt).host)
        except RecordDamaged:
            continue
    return sorted(names - {""})


def _compare(path: Path, host: str, there: Lease | None) -> list[Finding]:
    """How the records of the two sides contradict each other."""
    try:
        here = known_lease(path)
    except RecordDamaged:
        return []
    if here is None:
        return []
    record, session = str(path / "lease.json"), path.name
    if here.state == "held" and there is not None and there.state == "held":
        if there.epoch >= here.epoch:
            sentence = f"The session is held twice: here at epoch {here.epoch}, on {host} at epoch {there.epoch}."
            way_out = "Use neither: look at what each did since, and stop the one that you don't want (castoff stop)."
            return [Finding(path=record, sentence=sentence, way_out=way_out)]
        sentence = f"{host} still holds the session at epoch {there.epoch}; here it is at {here.epoch}."
        return [Finding(path=record, sentence=sentence, way_out="castoff runs tells the host; it ends its run then.")]
    if here.state == "away" and here.to == host and (there is None or there.state in ("released", "away")):
        sentence = f"Nobody holds the session: it is away on {host} by the record here, and {host} does not have it."
        way_out = f"castoff reclaim {session} takes it back as it was handed off."
        return [Finding(path=record, sentence=sentence, way_out=way_out)]
    if here.state == "offered" and here.to == host:
        sentence = f"The handoff to {host} is not settled."
        return [Finding(path=record, sentence=sentence, way_out=f"castoff recover {session} settles it.")]
    return []
