"""Random trees for property tests, as plain data and on disk."""

import os
import shutil
from pathlib import Path

from hypothesis import strategies as st

NAME = st.text(alphabet="ab*?[]\\ \n-#;+!.é'\"\udce9\udcff", min_size=1, max_size=5).filter(
    lambda name: name not in {".", ".."} and not name.startswith(".castoff")
)
SAFE_NAME = st.sampled_from(["a", "b", "c", "d*", "e f", "-g", "h\ni", "[j]", "k\udce9"])
Node = bytes | str | None
"""A file's content, a link's target, or None for a directory."""
Shape = dict[str, tuple[Node, int]]


@st.composite
def shapes(draw: st.DrawFn, names: st.SearchStrategy[str] = SAFE_NAME, *, most: int = 12) -> Shape:
    """A tree: path to (node, permission bits); every parent is a directory."""
    shape: Shape = {}
    folders = [""]
    for _ in range(draw(st.integers(0, most))):
        path = draw(st.sampled_from(folders)) + draw(names)
        if path in shape:
            continue
        kind = draw(st.sampled_from(["file", "file", "dir", "link"]))
        if kind == "dir":
            shape[path] = (None, draw(st.sampled_from([0o755, 0o700])))
            folders.append(path + "/")
        elif kind == "file":
            mode = draw(st.sampled_from([0o644, 0o755, 0o600]))
            shape[path] = (draw(st.binary(max_size=3)), mode)
        else:
            shape[path] = (draw(st.sampled_from(["a", "b", "c"])), 0o777)
    return shape


def build(folder: Path, shape: Shape) -> None:
    """Make the tree; ``folder`` must be missing or empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, (path, (node, mode)) in enumerate(shape.items()):
        place = f"{folder}/{path}"
        if node is None:
            Path(place).mkdir()
        elif isinstance(node, str):
            Path(place).symlink_to(node)
        else:
            Path(place).write_bytes(node)
            Path(place).chmod(mode)
            os.utime(place, ns=(10**18 + number, 10**18 + number))
    for path, (node, mode) in shape.items():
        if node is None:
            (folder / path).chmod(mode)
