"""What the agent is told once when its session comes home and not all that it did is in the tree there."""

from collections.abc import Sequence

from agent.sanitise import clean
from remote.steps import Clash, HeldBack

_MOST_NAMED = 12
_WHY = {
    "executable": "not accepted by the user, because tools run or obey them by themselves",
    "deletion": "deletions that the user did not accept",
    "not-chosen": "not among what the user chose",
}


def describe_return(
    host: str, clashes: Sequence[Clash], held: Sequence[HeldBack], *, branch: str = "", patch: str = ""
) -> str:
    """The environment note, in words for the agent; "" if the tree has all of its work."""
    apart = _describe_apart(branch, patch)
    if not (clashes or held or apart):
        return ""
    said = [f"Note from castoff: this session came home from {clean(host, single_line=True)}.{apart}"]
    for why, words in _WHY.items():
        if paths := [each.path for each in held if each.why == why]:
            said.append(f"Changes of yours that were not made in the working tree here ({words}): {_name(paths)}.")
    if clashes:
        paths = _name([clash.path for clash in clashes])
        said.append(f"In conflict, because both sides changed them: {paths}; the user settles that.")
    said.append("Look at the files before you rely on what they held.")
    return " ".join(said)


def _describe_apart(branch: str, patch: str) -> str:
    """What is said where the run's work was not merged."""
    where = f"on the branch {clean(branch, single_line=True)}" if branch else "in a patch file of the user's"
    if not branch and not patch:
        return ""
    return f" The working tree here is without your work there: that is {where}."


def _name(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return ", ".join(clean(path, single_line=True) for path in paths[:_MOST_NAMED]) + more
