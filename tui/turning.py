"""Taking a hunk back in a tree: only where the file is exactly as the diff has it."""

from pathlib import Path, PurePosixPath

from agent import treefiles
from tui.errors import HunkMoved
from tui.hunks import Hunk, turn

_AS_IT_WAS = "Nothing was changed. The diff is read again."


def turn_in_tree(tree: Path, hunk: Hunk, *, back: bool) -> None:
    """Take ``hunk`` back in ``tree``, or make it again. A new file without lines goes, a deleted one comes back.

    Raises `tui.errors.HunkMoved` or `agent.errors.AgentError`; nothing is changed then.
    """
    name = treefiles.relative_name("/", f"/{hunk.path}")
    try:
        text = _read(tree, name, may_lack=hunk.change == ("deleted" if back else "added"))
        turned = turn(text, hunk, back=back)
        if turned is None or "\ufffd" in text:
            raise HunkMoved(f"{hunk.path} is not any more as it is shown.", _AS_IT_WAS)
        if not turned and hunk.change == ("added" if back else "deleted"):
            treefiles.remove(tree, name)
        else:
            treefiles.write_text(tree, name, turned)
    except OSError as error:
        raise HunkMoved(f"{hunk.path} cannot be changed: {error.strerror}.", _AS_IT_WAS) from error


def _read(tree: Path, name: PurePosixPath, *, may_lack: bool) -> str:
    try:
        return treefiles.read_text(tree, name)
    except FileNotFoundError:
        if not may_lack:
            raise
        return ""
