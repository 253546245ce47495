"""Which programs a run finds on this host: asked inside its sandbox, before it comes and when it has arrived."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent import children
from agent.arrival_check import ArrivalCheck
from agent.errors import AgentFailed
from agent.paths import state_dir
from remote.agent_env import read_env
from remote.errors import ProgramsUnknown, RemoteError
from remote.host_protocol import Accept
from remote.launch import environment_in, python_inside, wrap_in
from remote.levels import maps_paths
from remote.place import Place, SandboxLevel
from remote.tools import MOST_ASKED, Program, is_versioned

_SECONDS = 15.0
_PROGRAMS: TypeAdapter[tuple[Program, ...]] = TypeAdapter(tuple[Program, ...])


async def foresee_programs(
    names: Sequence[str], *, sandbox: SandboxLevel, tree_at: str, home_at: str
) -> tuple[Program, ...]:
    """What a run would find, in an empty tree and HOME, with versions. Raises `ProgramsUnknown`."""
    with tempfile.TemporaryDirectory(prefix="look-", dir=state_dir()) as folder:
        tree, home = Path(folder, "tree"), Path(folder, "home")
        tree.mkdir()
        home.mkdir()
        place = Place(
            host="",
            origin="",
            sandbox=sandbox,
            tree=str(tree),
            tree_at=tree_at if maps_paths(sandbox) else str(tree),
            home=str(home),
            home_at=home_at if maps_paths(sandbox) else str(home),
        )
        return await find_programs_in(place, names, versions=[name for name in names if is_versioned(name)])


async def find_programs_in(place: Place, names: Sequence[str], versions: Sequence[str] = ()) -> tuple[Program, ...]:
    """What is found at ``place`` of ``names``, the first of them if they are many. Raises `ProgramsUnknown`."""
    if not names:
        return ()
    asked = json.dumps({"names": list(names)[:MOST_ASKED], "versions": list(versions)})
    try:
        argv = wrap_in(place, [python_inside(place), "-I", "-m", "remote.probe"])
    except AgentFailed as error:
        raise ProgramsUnknown(str(error)) from error
    path = {name: value for name, value in read_env().items() if name == "PATH"}
    said = await _ask(argv, environment_in(place, path), place.tree, asked.encode())
    try:
        return _PROGRAMS.validate_json(said)
    except ValidationError as error:
        raise ProgramsUnknown("The programs of the host were told in words that make no sense.") from error


async def check_arrival(request: Accept, place: Place) -> ArrivalCheck:
    """What of the programs that the session used is here, in the run's own sandbox, tree and HOME."""
    told = ArrivalCheck(files=request.arrival.files, programs=len(request.programs), outside=request.outside)
    try:
        found = await find_programs_in(place, request.programs)
    except RemoteError as error:
        return told.model_copy(update={"unknown": str(error)})
    return told.model_copy(update={"missing": tuple(program.name for program in found if not program.path)})


async def _ask(argv: Sequence[str], env: dict[str, str], cwd: str, asked: bytes) -> bytes:
    try:
        process = await children.start(
            argv,
            env=env,
            cwd=cwd,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramsUnknown(f"The host's programs cannot be looked for: {error.strerror}.") from error
    try:
        async with asyncio.timeout(_SECONDS):
            said, complaint = await children.hear_out(process, asked)
    except TimeoutError:
        raise ProgramsUnknown(f"Looking for the host's programs took longer than {_SECONDS:.0f} seconds.") from None
    if process.returncode:
        lines = complaint.decode(errors="replace").strip().splitlines() or [f"status {process.returncode}"]
        raise ProgramsUnknown(f"The host's programs cannot be looked for: {lines[-1][:200]}.")
    return said
