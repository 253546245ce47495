"""The host's side of what travels beside a tree: `snapshot.manifest.Companion` says what that is.

Each companion has a folder of its own, ``companions/RUN/KEY``, laid out like a tree in which it is the ``.git``.
"""

import os
from pathlib import Path

from agent import protocol as rules
from agent.durable import make_private, write_record
from remote import host_protocol as protocol
from remote.host_lease import known_lease
from remote.place import Beside, companions_path, incoming_path
from snapshot.manifest import Manifest
from snapshot.replica import remove_tree
from snapshot.verify import verify
from snapshot.walk import show_path


async def prepare_beside(request: protocol.PrepareBeside) -> protocol.RoomBeside:
    """Make the directories to send to; what an earlier stay or a mirror left there saves sending it again."""
    rules.check_room(known_lease(request.run_id), request.epoch)
    incoming, earlier = _incoming(request.run_id), companions_path(request.run_id)
    if earlier.exists() and not incoming.exists():
        make_private(incoming.parent)
        earlier.rename(incoming)
    make_private(incoming)
    wanted = {each.key: each for each in request.wanted}
    for path in incoming.iterdir():
        if path.name not in wanted:
            remove_tree(path)
    folders = {key: str(make_private(incoming / key / each.inside)) for key, each in wanted.items()}
    return protocol.RoomBeside(folders=folders)


def compare_beside(run_id: str, manifest: Manifest) -> tuple[str, ...]:
    """How the companions that arrived differ from the manifest's: sentences, none if they are equal."""
    return tuple(
        f"{show_path(companion.at)}: {each.path}: {each.what}"
        for companion in manifest.companions
        for each in verify(make_private(_incoming(run_id)) / companion.key, companion.manifest)
    )


def place_beside(run_id: str, manifest: Manifest) -> tuple[Beside, ...]:
    """Put what arrived in its place, and say where the run shall see it; may be done again when it was cut.

    Borrowed objects are not the repository's own, nor are pointers: nothing may be written there.
    """
    incoming, place = _incoming(run_id), companions_path(run_id)
    if incoming.exists():
        remove_tree(place)
        incoming.rename(place)
    found = [
        Beside(source=str(place / companion.key / companion.inside), at=at, writable=companion.inside == ".git")
        for companion in manifest.companions
        for at in (companion.at, *companion.also)
    ]
    for number, pointer in enumerate(manifest.pointers):
        file = make_private(place / "pointers") / str(number)
        write_record(file, os.fsencode(pointer.text))
        found.append(Beside(source=str(file), at=pointer.at, writable=False, needed=False))
    return tuple(found)


def _incoming(run_id: str) -> Path:
    return incoming_path(run_id) / "companions"
