"""Planted bugs: each is one that a hurried change might bring, and that the model must find."""

from collections.abc import Callable
from typing import Any, NamedTuple

from agent import protocol
from agent.protocol import Lease
from tests.remote.model import disk, machines

Rules = dict[str, Callable[..., Any]]
"""Functions of `agent.protocol`, replaced by name."""


class Bug(NamedTuple):
    """Where it is planted; ``copied``: it shows with two copies of the origin."""

    faults: machines.Faults = machines.Faults()
    disk_faults: disk.Faults = disk.Faults()
    rules: Rules | None = None
    copied: bool = False


def _accept_any(lease: Lease | None, epoch: int) -> Lease:
    return lease if lease is not None and lease.state == "held" else Lease(epoch=epoch)


def _leave_without_promise(lease: Lease, there: int) -> Lease:
    return lease.model_copy(update={"given": lease.given + 2 if lease.given else lease.epoch + 2})


def _take_home_what_was_left(lease: Lease, epoch: int) -> Lease:
    return lease if protocol.may_run(lease, epoch) else Lease(epoch=epoch) if lease.state == "away" else _stale()


def _check_nothing(lease: Lease | None, epoch: int) -> None:
    return


def _give_at_any(lease: Lease, there: int) -> int:
    return there or lease.epoch


def _stale() -> Lease:
    raise protocol.NotOwner("stale")


def _give_to_anybody(lease: Lease | None, epoch: int, to: str) -> Lease:
    held = protocol.check_pack(lease)
    return Lease(epoch=epoch, state="offered", to=to) if held.epoch <= epoch else _stale()


def _reclaim_low(lease: Lease) -> Lease:
    return Lease(epoch=lease.epoch + 1 if lease.state == "offered" else lease.epoch, to=lease.to)


def _withdraw_only_says_so(lease: Lease | None, epoch: int) -> Lease:
    return lease if lease is not None else Lease(epoch=epoch - 1, state="released")


def _regain_any(lease: Lease | None, epoch: int, to: str) -> Lease:
    return Lease(epoch=epoch)


def _file_away_only_what_was_offered(lease: Lease | None, epoch: int) -> Lease:
    if lease is not None and lease.state == "held":
        return lease
    return Lease(epoch=max(epoch, lease.epoch if lease is not None else 0), state="away", to="home")


BUGS = {
    "no fsync before the rename": Bug(disk_faults=disk.Faults(no_fsync=True)),
    "renamed before the fsync": Bug(disk_faults=disk.Faults(early_rename=True)),
    "no fsync of the directory": Bug(disk_faults=disk.Faults(no_directory_fsync=True)),
    "no fsync of the journal": Bug(disk_faults=disk.Faults(no_append_fsync=True)),
    "acted on before it is on disk": Bug(machines.Faults(acts_before_sync=True)),
    "sent before it is on disk": Bug(machines.Faults(packs_what_is_not_synced=True)),
    "a seen record is trusted to be on disk": Bug(machines.Faults(trusts_what_it_sees=True)),
    "offered and kept": Bug(machines.Faults(keeps_what_it_offers=True)),
    "offered before it is given up on disk": Bug(machines.Faults(offers_before_writing=True)),
    "released without a record": Bug(machines.Faults(releases_without_record=True)),
    "accepted twice": Bug(machines.Faults(accepts_twice=True)),
    "what arrives is appended": Bug(machines.Faults(appends_what_arrives=True)),
    "a runner that never looks": Bug(machines.Faults(runner_never_looks=True)),
    "taken back after a time-out": Bug(machines.Faults(takes_back_after_a_timeout=True)),
    "given although it may have gone on": Bug(machines.Faults(gives_what_is_not_quiet=True)),
    "an answer to an earlier question is read": Bug(machines.Faults(reads_late_answers=True)),
    "the epoch of an offer is not compared": Bug(rules={"accept": _accept_any, "check_room": _check_nothing}),
    "taken home at an epoch left to the host": Bug(
        rules={
            "leave_there": _leave_without_promise,
            "take_home": _take_home_what_was_left,
            "epoch_to_give": _give_at_any,
        }
    ),
    "the epoch of a regain is not compared": Bug(rules={"regain": _regain_any}),
    "given up to anybody": Bug(rules={"give": _give_to_anybody}, copied=True),
    "a reclaim that does not fence": Bug(rules={"reclaim": _reclaim_low}),
    "a reclaim that the host does not heed": Bug(rules={"file_away": _file_away_only_what_was_offered}),
    "a withdrawal that binds nobody": Bug(rules={"withdraw": _withdraw_only_says_so}),
}
