"""Carrying a tree from one state to another, path by path: make room, create, delete, set directory modes.

Each path must be as it was before, or already as it shall be after; so running again after a cut finishes.
"""

import errno
import os
import stat
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from snapshot.errors import PlacingFailed, TreeChanged
from snapshot.manifest import Entry
from snapshot.place import (
    NOT_THERE,
    READ,
    Source,
    at,
    kept_name,
    look,
    open_root,
    part_name,
    remove,
    same,
    state,
    write_part,
)

_AGAIN = "Compare that path with the run, put it back or move it away, then pull again."


class Step(NamedTuple):
    """A path, what must be there before, and what shall be there after; None is nothing."""

    path: str
    before: Entry | None
    after: Entry | None

    @property
    def retyped(self) -> bool:
        """Whether one kind of thing takes the place of another."""
        return self.before is not None and self.after is not None and self.before.type != self.after.type


def change_tree(
    tree: Path,
    steps: Sequence[Step],
    source: Source,
    *,
    keep: Path | None = None,
    begin: Callable[[], None] | None = None,
) -> None:
    """Carry out ``steps`` in ``tree``. What is replaced or deleted is first copied to ``keep/files``.

    ``begin`` is called when everything is as expected and nothing is touched yet. Raises `TreeChanged` before that if
    a path is neither as before nor as after; in the middle `TreeChanged`, `PlacingFailed` or the source's own error,
    and the rest is left as it is.
    """
    try:
        with open_root(tree) as root:
            transition = _Transition(root, steps, source, keep)
            transition.check()
            if begin is not None:
                begin()
            transition.run()
    except OSError as error:
        raise _failed(".", error) from error


class _Transition:
    def __init__(self, root: int, steps: Sequence[Step], source: Source, keep: Path | None) -> None:
        self._root = root
        self._steps = [(number, step) for number, step in enumerate(steps)]
        self._source = source
        self._keep = keep
        self._cleared = {s.path for s in steps if s.retyped and s.before is not None and s.before.type == "dir"}

    def check(self) -> None:
        """Raise `TreeChanged` naming every path that is neither as before nor as after."""
        wrong = [step.path for number, step in self._steps if not self._is_expected(number, step)]
        wrong += self._strangers()
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise TreeChanged(f"{wrong[0]!r}{more} changed here since the session left.", wrong, _AGAIN)

    def run(self) -> None:
        """Do it all, and make it durable, also what a run before did that was cut."""
        for _, step in self._steps:
            self._sweep(step.path)
        ordered = sorted(self._steps, key=lambda item: item[1].path)
        for number, step in reversed(ordered):
            if step.retyped or (step.after is None and self._is_below_cleared(step.path)):
                self._remove(number, step)
        for number, step in ordered:
            if step.after is not None:
                self._create(number, step, step.after)
        for number, step in reversed(ordered):
            if step.after is None:
                self._remove(number, step)
        for _, step in reversed(ordered):
            if step.after is not None and step.after.type == "dir":
                self._set_directory_mode(step.path, step.after.mode)
        for folder in sorted({step.path.rpartition("/")[0] for _, step in self._steps}):
            self._sync(folder)

    def _is_expected(self, number: int, step: Step) -> bool:
        here = self._look(step.path)
        if same(here, step.before) or same(here, step.after):
            return True
        if here is None:
            # Cut between making room and creating: only if the original is safe.
            return step.retyped and (self._keep is None or self._is_kept(number, step))
        # Modes of directories come last, so a cut may leave one in between.
        return here.type == "dir" and "dir" in {e.type for e in (step.before, step.after) if e is not None}

    def _strangers(self) -> list[str]:
        """Names in directories that must give way which did not leave with the session, so must not be lost."""
        known = {step.path for _, step in self._steps if step.before is not None}
        rests = {f"{step.path.rpartition('/')[0]}/{part_name(step.path)}" for _, step in self._steps}
        found: list[str] = []
        for path in sorted(known):
            if path in self._cleared or self._is_below_cleared(path):
                with self._directory(path) as handle:
                    names = _names(handle)
                found += [inside for name in names if (inside := f"{path}/{name}") not in known | rests]
        return found

    def _is_below_cleared(self, path: str) -> bool:
        parts = path.split("/")
        return any("/".join(parts[:end]) in self._cleared for end in range(1, len(parts)))

    def _look(self, path: str) -> Entry | None:
        try:
            with at(self._root, path) as (where, name):
                return look(where, name, path)
        except OSError as error:
            if error.errno in NOT_THERE:
                return None
            raise _failed(path, error) from error

    @contextmanager
    def _directory(self, path: str) -> Generator[int | None]:
        try:
            with at(self._root, f"{path}/.") as (handle, _):
                yield handle
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise _failed(path, error) from error
            yield None

    def _sweep(self, path: str) -> None:
        """Remove the half-written file that a cut may have left beside ``path``."""
        try:
            with at(self._root, path) as (where, _):
                remove(where, part_name(path))
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise _failed(path, error) from error

    def _create(self, number: int, step: Step, after: Entry) -> None:
        try:
            with at(self._root, step.path) as (where, name):
                seen = state(where, name)
                here = look(where, name, step.path)
                if same(here, after) or (here is not None and here.type == after.type == "dir"):
                    return
                if not (same(here, step.before) or (here is None and step.retyped)):
                    raise _changed(step.path)
                self._keep_original(number, step, where, name, here)
                if after.type == "dir":
                    # Writable until everything is in it; its own mode comes last.
                    os.mkdir(name, 0o700, dir_fd=where)
                elif here is not None and here.type == "file" and here.digest == after.digest:
                    _set_mode(where, name, after.mode)
                else:
                    self._put(number, step, after, where, name, seen)
        except OSError as error:
            raise _failed(step.path, error) from error

    def _put(self, number: int, step: Step, after: Entry, where: int, name: str, seen: tuple[int, ...] | None) -> None:
        part = part_name(step.path)
        if after.type == "symlink":
            os.symlink(after.target, part, dir_fd=where)
        else:
            with self._source.opened(number, step.path) as handle:
                mtime_ns = os.fstat(handle).st_mtime_ns if self._source.numbered else after.mtime_ns
                write_part(where, part, handle, after, mtime_ns=mtime_ns, wrong=self._source.damaged(step.path))
        try:
            if state(where, name) != seen:
                raise _changed(step.path)
            os.rename(part, name, src_dir_fd=where, dst_dir_fd=where)
        except BaseException:  # re-raised: what was not placed is not left behind
            remove(where, part)
            raise

    def _remove(self, number: int, step: Step) -> None:
        try:
            with at(self._root, step.path) as (where, name):
                seen = state(where, name)
                here = look(where, name, step.path)
                if here is None or (step.after is not None and same(here, step.after)):
                    return
                if here.type == "dir":
                    self._remove_directory(where, name, step)
                    return
                if not same(here, step.before):
                    raise _changed(step.path)
                self._keep_original(number, step, where, name, here)
                if state(where, name) != seen:
                    raise _changed(step.path)
                os.unlink(name, dir_fd=where)
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise _failed(step.path, error) from error

    def _remove_directory(self, where: int, name: str, step: Step) -> None:
        if step.before is None or step.before.type != "dir":
            return
        try:
            os.rmdir(name, dir_fd=where)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            # What git ignores never left, so it stays, and its directory with it.
            if step.after is not None:
                raise _changed(step.path) from error

    def _keep_original(self, number: int, step: Step, where: int, name: str, here: Entry | None) -> None:
        if self._keep is None or here is None or here.type == "dir" or self._is_kept(number, step):
            return
        with open_root(self._keep) as keep, at(keep, kept_name(number)) as (folder, kept):
            part = part_name(kept)
            if here.type == "symlink":
                remove(folder, part)
                os.symlink(here.target, part, dir_fd=folder)
            else:
                handle = os.open(name, READ, dir_fd=where)
                try:
                    mtime_ns = os.fstat(handle).st_mtime_ns
                    private = here.model_copy(update={"mode": 0o600})
                    write_part(folder, part, handle, private, mtime_ns=mtime_ns, wrong=_changed(step.path))
                finally:
                    os.close(handle)
            os.rename(part, kept, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def _is_kept(self, number: int, step: Step) -> bool:
        if self._keep is None or step.before is None:
            return False
        if step.before.type == "dir":
            return True
        with open_root(self._keep) as keep, at(keep, kept_name(number)) as (folder, name):
            kept = look(folder, name, step.path)
        return kept is not None and (kept.type, kept.digest) == (step.before.type, step.before.digest)

    def _set_directory_mode(self, path: str, mode: int) -> None:
        try:
            with at(self._root, path) as (where, name):
                record = os.stat(name, dir_fd=where, follow_symlinks=False)
                if stat.S_IMODE(record.st_mode) != mode:
                    _set_mode(where, name, mode)
        except OSError as error:
            raise _failed(path, error) from error

    def _sync(self, folder: str) -> None:
        try:
            with at(self._root, f"{folder}/." if folder else ".") as (handle, _):
                os.fsync(handle)
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise _failed(folder or ".", error) from error


def _set_mode(where: int, name: str, mode: int) -> None:
    handle = os.open(name, READ, dir_fd=where)
    try:
        os.fchmod(handle, mode)
        os.fsync(handle)
    finally:
        os.close(handle)


def _names(handle: int | None) -> list[str]:
    if handle is None:
        return []
    with os.scandir(handle) as listing:
        return sorted(item.name for item in listing)


def _changed(path: str) -> TreeChanged:
    return TreeChanged(f"{path!r} changed here while the run was brought home.", (path,), _AGAIN)


def _failed(path: str, error: OSError) -> PlacingFailed:
    return PlacingFailed(
        f"{path!r} could not be written here: {error.strerror}.", "Make room or permission, then run it again."
    )
