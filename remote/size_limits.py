"""Above which size a handoff warns, and above which it stops: the user's own limits. Pure."""

from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from agent.events import Frozen
from remote.findings import Problem

if TYPE_CHECKING:
    from snapshot.survey import Survey

_Positive = Annotated[int, Field(gt=0, strict=True)]


class SizeLimits(Frozen):
    """``[limits]`` of the settings file: a handoff says when it is larger than ``warn_*``, and stops at ``stop_*``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warn_files: _Positive = 100_000
    warn_megabytes: _Positive = 10_000
    stop_files: _Positive | None = None
    stop_megabytes: _Positive | None = None


def check_size(seen: "Survey", limits: SizeLimits) -> tuple[Problem, ...]:
    """What ``limits`` say of a tree; empty if it is within them."""
    megabytes = seen.size / 1e6
    stops = _exceeds(seen.files, limits.stop_files) or _exceeds(megabytes, limits.stop_megabytes)
    if not stops and seen.files <= limits.warn_files and megabytes <= limits.warn_megabytes:
        return ()
    sentence = f"{seen.files:,} files of {megabytes:,.0f} MB travel"
    if stops:
        way_out = "Exclude what the run does not need in .castoff.toml, or raise stop_files or stop_megabytes."
        return (Problem(code="too-large", sentence=f"{sentence}: more than your limit.", way_out=way_out),)
    way_out = "Exclude what the run does not need in .castoff.toml."
    return (Problem(code="large", sentence=f"{sentence}: this may take long.", way_out=way_out, blocking=False),)


def _exceeds(value: float, limit: int | None) -> bool:
    return limit is not None and value > limit
