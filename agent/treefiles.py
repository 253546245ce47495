"""Reading and writing files of a tree on an agent's behalf, without following a link out of it.

The runner stands outside the agent's sandbox, so a symbolic link that the agent planted must not lead our
write elsewhere: every component is opened with O_NOFOLLOW, relative to the directory before it.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Generator
from pathlib import Path, PurePosixPath

from agent.errors import AgentFailed

READ_LIMIT = 16 << 20
"""Bytes: a larger file is not read for an agent; its text must fit into a message several times over."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def read_text(tree: Path, name: PurePosixPath) -> str:
    """The text of the file ``name`` (relative) in ``tree``; raises `AgentFailed` or `OSError`."""
    with _parent(tree, name, make=False) as directory:
        _check_regular(directory, name)
        # Not following and not blocking: between the check and this it may have become something else.
        descriptor = os.open(name.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(READ_LIMIT + 1)
    if len(data) > READ_LIMIT:
        raise AgentFailed(f"{name} is larger than {READ_LIMIT >> 20} MiB.")
    return data.decode("utf-8", errors="replace")


def write_text(tree: Path, name: PurePosixPath, content: str) -> None:
    """Replace the file ``name`` (relative) in ``tree`` at once, keeping its mode; raises `AgentFailed` or `OSError`."""
    data = _encode(content, name)
    with _parent(tree, name, make=True) as directory:
        mode = None
        with contextlib.suppress(FileNotFoundError):
            mode = _check_regular(directory, name)
        temporary = f".castoff-{secrets.token_hex(6)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        # A new file gets what the umask leaves of it, as with any other program.
        descriptor = os.open(temporary, flags, 0o666 if mode is None else mode, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
            os.rename(temporary, name.name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            os.unlink(temporary, dir_fd=directory)
            raise


def remove(tree: Path, name: PurePosixPath) -> None:
    """Remove the file ``name`` (relative) from ``tree``; raises `AgentFailed` or `OSError`."""
    with _parent(tree, name, make=False) as directory:
        _check_regular(directory, name)
        os.unlink(name.name, dir_fd=directory)


def relative_name(tree: str, path: str) -> PurePosixPath:
    """``path`` (absolute, as the agent sees it) relative to ``tree``; raises `AgentFailed` when it lies outside."""
    whole = PurePosixPath(path)
    inside = whole.is_relative_to(tree) and whole != PurePosixPath(tree)
    if ".." in whole.parts or "\0" in path or not inside:
        raise AgentFailed(f"{path} does not lie in the project.")
    name = whole.relative_to(tree)
    _encode(str(name), name)
    return name


def _encode(text: str, name: PurePosixPath) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise AgentFailed(f"{str(name)!a}: half a character (a lone surrogate) cannot be written.") from error


def _check_regular(directory: int, name: PurePosixPath) -> int:
    """The mode of a regular file. A link is refused: to write through it may lead out, to replace it would harm."""
    mode = os.stat(name.name, dir_fd=directory, follow_symlinks=False).st_mode
    if not stat.S_ISREG(mode):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
        raise AgentFailed(f"{name} is {what}.")
    return mode & 0o777


@contextlib.contextmanager
def _parent(tree: Path, name: PurePosixPath, *, make: bool) -> Generator[int]:
    descriptor = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in name.parts[:-1]:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            inner = os.open(part, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)
