"""Runs that the user has put aside: they are on their hosts as before, and not listed until something new comes."""

from collections.abc import Iterable
from pathlib import Path

from agent.durable import read_model, write_model
from agent.errors import AgentError
from agent.events import Frozen
from remote.run import Run
from tui.errors import SettingsError


class Aside(Frozen):
    """One run, and its last event when it was put aside."""

    host: str
    run_id: str
    head_seq: int


class Archive(Frozen):
    """All that is put aside."""

    aside: tuple[Aside, ...] = ()

    def holds(self, run: Run) -> bool:
        """Whether the run is put aside, and nothing has happened in it since."""
        return Aside(host=run.host, run_id=run.run_id, head_seq=run.head_seq) in self.aside


def put_aside(archive: Archive, runs: Iterable[Run]) -> Archive:
    """The archive with these runs as they are now."""
    runs = tuple(runs)
    more = (Aside(host=run.host, run_id=run.run_id, head_seq=run.head_seq) for run in runs)
    return Archive(aside=(*bring_back(archive, runs).aside, *more))


def bring_back(archive: Archive, runs: Iterable[Run]) -> Archive:
    """The archive without these runs."""
    back = {(run.host, run.run_id) for run in runs}
    return Archive(aside=tuple(each for each in archive.aside if (each.host, each.run_id) not in back))


def read_archive(path: Path) -> Archive:
    """What is put aside, nothing where there is no file; raises `tui.errors.SettingsError`."""
    if not path.exists():
        return Archive()
    try:
        return read_model(path, Archive)
    except AgentError as error:
        raise SettingsError(
            f"Which runs were put aside cannot be read ({path}): all are listed.", "Delete that file."
        ) from error


def write_archive(path: Path, archive: Archive) -> None:
    """Keep it; raises `OSError`."""
    write_model(path, archive)
