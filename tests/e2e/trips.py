"""A model of a session that travels to and fro: what tree, index, conversation and journal must be after each trip.

It knows nothing of castoff's own code. Edits are chosen at random; each is done for real by a shell command or by the
test, and in the model by the few lines here.
"""

import hashlib
import os
import shlex
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

Kept = tuple[str, str]
"""A file or link: ``100644``, ``100755`` or ``120000``, and its content or target."""
_NAMES = ("a.txt", "b c.txt", "-d.txt", "e'f.txt", "ü.txt", "g\nh.txt", "[i].txt")


@dataclass
class Model:
    """The prediction. ``tree`` and ``index`` are by path; ``told`` is what the journal says of prompts and moves."""

    random: Random
    tree: dict[str, Kept] = field(default_factory=dict[str, Kept])
    index: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    told: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    epoch: int = 1

    def edit(self, side: str, count: int) -> list[str]:
        """Some edits below the folder ``side``, as shell commands; the tree changes here."""
        return [self._edit(side) for _ in range(count)]

    def _edit(self, side: str) -> str:
        mine = sorted(path for path in self.tree if path.startswith(f"{side}/"))
        kind = self.random.choice(("write", "write", "append", "delete", "link", "move"))
        if kind in ("write", "link") or not mine:
            return self._write(f"{side}/{self.random.choice(('', 'x/', 'x/y/'))}{self.random.choice(_NAMES)}", kind)
        path = self.random.choice(mine)
        if kind == "delete":
            del self.tree[path]
            return f"rm -- {_quoted(path)}"
        if kind == "move" and (target := f"{side}/moved-{self.random.randrange(5)}") != path:
            self.tree[target] = self.tree.pop(path)
            return f"mv -fT -- {_quoted(path)} {_quoted(target)}"
        if kind == "move" or self.tree[path][0] == "120000":
            return self._write(path, "write")
        mode, text = self.tree[path]
        more = f"{self.random.random()}\n"
        self.tree[path] = (mode, text + more)
        return f"printf %s {_quoted(more)} >> {_quoted(path)}"

    def _write(self, path: str, kind: str) -> str:
        text = f"{self.random.random()}\n" * self.random.choice((0, 1, 50))
        folder = _quoted(path.rpartition("/")[0])
        if kind == "link":
            target = f"nowhere-{self.random.randrange(1000)}"
            self.tree[path] = ("120000", target)
            return f"mkdir -p -- {folder}; ln -sfn -- {_quoted(target)} {_quoted(path)}"
        self.tree[path] = ("100644", text)
        return f"mkdir -p -- {folder}; rm -f -- {_quoted(path)}; printf %s {_quoted(text)} > {_quoted(path)}"

    def stage(self, side: str = "") -> list[str]:
        """Some paths below ``side`` to ``git add``; the index changes here."""
        known = [path for path in self.tree.keys() | self.index.keys() if path.startswith(side)]
        changed = sorted(path for path in known if self._staged(path) != self.index.get(path))
        chosen = [path for path in changed if self.random.random() < 0.3]
        for path in chosen:
            now = self._staged(path)
            if now is None:
                del self.index[path]
            else:
                self.index[path] = now
        return chosen

    def _staged(self, path: str) -> tuple[str, str] | None:
        if path not in self.tree:
            return None
        mode, text = self.tree[path]
        return mode, hashlib.sha1(b"blob %d\0" % len(text.encode()) + text.encode()).hexdigest()


def _quoted(path: str) -> str:
    return shlex.quote(path)


def read_tree(root: Path) -> dict[str, Kept]:
    """The tree as it is; folders count by what is in them."""
    found: dict[str, Kept] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not (Path(folder) == root and name == ".git")]
        for name in [*files, *(name for name in folders if (Path(folder) / name).is_symlink())]:
            path = Path(folder) / name
            record = path.lstat()
            if stat.S_ISLNK(record.st_mode):
                found[str(path.relative_to(root))] = ("120000", str(path.readlink()))
            else:
                mode = "100755" if record.st_mode & 0o100 else "100644"
                found[str(path.relative_to(root))] = (mode, path.read_text())
    return found


def read_index(root: Path) -> dict[str, tuple[str, str]]:
    """The index as it is: mode and id by path."""
    out = subprocess.run(["git", "ls-files", "-sz"], cwd=root, check=True, capture_output=True, text=True).stdout
    rows = [line.partition("\t") for line in out.split("\0") if line]
    assert all(head.endswith(" 0") for head, _, _ in rows)
    return {path: (head.split(" ")[0], head.split(" ")[1]) for head, _, path in rows}
