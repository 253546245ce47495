"""The base of a run's diffs, and the diffs, on its host.

Git may execute what the repository's configuration says. The repository is the agent's by now, so git runs
inside the run's sandbox only.
"""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from agent import children
from agent.durable import make_private, write_record
from agent.sessions import SessionDir
from remote.errors import RemoteError
from remote.launch import environment_in, python_inside, wrap_in
from remote.levels import maps_paths
from remote.place import Place, base_store
from remote.sandbox import Bind
from remote.start import START_PACK, Since, drop_start, read_start, read_why
from snapshot.base import record_base
from snapshot.commits import LEFT, what_left
from snapshot.manifest import Manifest, read_manifest
from snapshot.selection import EVERYTHING
from snapshot.start import PACK, take_start

_STORE_AT = PurePosixPath("/run/castoff/base")
_SECONDS = 300.0


async def record_run_base(session: SessionDir, place: Place, manifest: Manifest) -> None:
    """Keep the tree as it arrived, so that what the run changes can be told; raises `GitFailed`, `RemoteError`."""
    store = make_private(base_store(session.path))
    sandboxed = bool(manifest.inner or manifest.companions or manifest.selection != EVERYTHING)
    if sandboxed:
        words = ["base", "--tree", place.tree_at, "--store", _inside(place, store), _choice(manifest)]
        base = (await _run(place, words, store)).decode()
    else:
        # What arrived is still the user's own, and nothing of its configuration is used: no sandbox is needed yet.
        base = await asyncio.to_thread(record_base, Path(place.tree), store)
    write_record(session.path / "base.id", base.encode() + b"\n")
    await _take_start(session, place, store, sandboxed=sandboxed)


async def _take_start(session: SessionDir, place: Place, store: Path, *, sandboxed: bool) -> None:
    """Take what came of the tree that the session began with; without it diffs count from the handoff only."""
    tree_id, pack = read_start(session), session.path / START_PACK
    if not tree_id:
        return
    if pack.exists():
        pack.replace(store / PACK)
    if sandboxed:
        words = ["start", "--tree", place.tree_at, "--store", _inside(place, store), "--base", tree_id]
        whole = bool(await _run(place, words, store))
    else:
        whole = await asyncio.to_thread(take_start, Path(place.tree), store, tree_id)
    if not whole:
        drop_start(session)


async def read_run_diff(session: SessionDir, place: Place, since: Since = "handoff") -> object:
    """The run's diff as JSON (`snapshot.diff.Diff`); raises `RemoteError`."""
    store = base_store(session.path)
    base = (session.path / "base.id").read_text().strip() if since == "handoff" else read_start(session)
    if not base:
        sentence = read_why(session) or "What the session began with is not known on the host."
        raise RemoteError(sentence, "castoff diff --since handoff shows what the run changed.", code="no-start")
    left = await asyncio.to_thread(read_manifest, session.path / "manifest.json")
    words = ["diff", "--tree", place.tree_at, "--store", _inside(place, store), "--base", base, _choice(left)]
    printed = await _run(place, words, store)
    try:
        return json.loads(printed)
    except ValueError as error:
        raise RemoteError("Looking at the run's tree gave something that is no diff.") from error


async def list_run_paths(place: Place, left: Manifest) -> tuple[str, ...]:
    """The paths of the run's tree that travel, as what ``left`` did; raises `RemoteError`."""
    printed = await _run(place, ["list", "--tree", place.tree_at, _choice(left)], None)
    return tuple(name.decode("utf-8", "surrogateescape") for name in printed.split(b"\0") if name)


async def bundle_commits(session: SessionDir, place: Place, base: Manifest) -> Path | None:
    """A folder with bundles of the commits that the run made since ``base`` left; ``None`` if there is no repository.

    Raises `RemoteError`.
    """
    left = what_left(base)
    if not left:
        return None
    out = session.path / "bundle"
    shutil.rmtree(out, ignore_errors=True)
    make_private(out)
    write_record(out / "left.json", LEFT.dump_json(left))
    inside = _inside(place, out)
    await _run(place, ["bundle", "--tree", place.tree_at, "--out", inside, "--left", f"{inside}/left.json"], out)
    return out


def _choice(manifest: Manifest) -> str:
    return f"--selection={manifest.selection.model_dump_json()}"


def _inside(place: Place, store: Path) -> str:
    return str(_STORE_AT if maps_paths(place.sandbox) else store)


async def _run(place: Place, words: Sequence[str], store: Path | None) -> bytes:
    """Run ``python -m snapshot WORDS`` in the run's sandbox and return its output."""
    binds = [Bind(source=store, at=_STORE_AT, writable=True)] if store else []
    process = await children.start(
        wrap_in(place, [python_inside(place), "-I", "-m", "snapshot", *words], binds),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment_in(place, {}),
        cwd=place.tree,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, errors = await children.hear_out(process)
    except TimeoutError as error:
        raise RemoteError(f"Looking at the run's tree took more than {_SECONDS:.0f} seconds.") from error
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines()
        said = lines[-1].rstrip(".") if lines else process.returncode
        raise RemoteError(f"Looking at the run's tree failed: {said}.")
    return out
