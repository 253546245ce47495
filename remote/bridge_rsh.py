"""What local rsync starts as its remote shell: joins rsync's pipes to a channel of the open SSH connection.

    python -I -S bridge_rsh.py SOCKET [-l USER] HOST COMMAND...

Standard library only and nothing of ours: it is started for each transfer and must start fast. It sends COMMAND over
the Unix socket (`remote.bridge` listens there), then pumps both ways until the remote command's exit status arrives.

To the holder: four bytes of length, the words separated by NUL, then rsync's bytes as they come, then end of file.
From it: frames of a type byte and four bytes of length: ``O`` output, ``X`` the exit status as four bytes, signed.
"""

import os
import socket
import struct
import sys
import threading

CHUNK = 256 * 1024
HEADER = struct.Struct(">cI")
STATUS = struct.Struct(">i")
BROKEN = 255


def words_after_host(arguments: list[str]) -> list[str]:
    """The remote command: what follows the options and the host."""
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        del rest[: 2 if rest[0] == "-l" else 1]
    return rest[1:]


def feed(link: socket.socket) -> None:
    """rsync's bytes to the holder. A thread of its own: if one direction stalls, the other must not."""
    try:
        while data := os.read(0, CHUNK):
            link.sendall(data)
        link.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other direction knows how it ended


def receive(link: socket.socket, size: int) -> bytes:
    """Exactly ``size`` bytes; raises `EOFError` when the holder is gone."""
    data = bytearray()
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def write_all(data: bytes) -> None:
    """All bytes to rsync."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def deliver(link: socket.socket) -> int:
    """The command's output to rsync, until its exit status comes; that status."""
    while True:
        kind, size = HEADER.unpack(receive(link, HEADER.size))
        if kind == b"X":
            (status,) = STATUS.unpack(receive(link, size))
            return status if status >= 0 else 128 - status
        while size:
            piece = receive(link, min(size, CHUNK))
            write_all(piece)
            size -= len(piece)


def main(arguments: list[str]) -> int:
    """Connect, send the command, pump; returns the exit status."""
    # rsync gives its child a non-blocking standard output: a full pipe would look like an error.
    os.set_blocking(0, True)
    os.set_blocking(1, True)
    words = b"\0".join(os.fsencode(word) for word in words_after_host(arguments[1:]))
    link = socket.socket(socket.AF_UNIX)
    link.connect(arguments[0])
    link.sendall(struct.pack(">I", len(words)) + words)
    threading.Thread(target=feed, args=(link,), daemon=True).start()
    return deliver(link)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except (OSError, EOFError) as error:
        os.write(2, f"castoff: the connection to the host ended: {error}\n".encode())
        code = BROKEN
    # rsync closes our input only after we are gone, so the feeding thread may still be waiting for it.
    os._exit(code)
