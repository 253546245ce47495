"""What runs under an agent and would end with it: its child processes, and who serves a port from the project.

Names and ports only: the arguments of a process may hold anything.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from agent.events import Frozen


class Child(Frozen):
    """A process by its name; ``ports`` are those that it listens on, ``own`` whether it descends from the agent."""

    name: str
    pid: int
    ports: tuple[int, ...] = ()
    own: bool = True


def list_children(runner: int | None, tree: Path) -> tuple[Child, ...]:
    """The processes that the agent of the runner with this number has started, and others of this user that serve a
    port with ``tree`` as their working directory. The agent itself is not one of them."""
    found = {child.pid: child for child in _descendants(runner)} if runner is not None else {}
    for process in psutil.process_iter():
        if process.pid not in found and process.pid != os.getpid() and _works_in(process, tree):
            child = _describe(process, own=False)
            if child is not None and child.ports:
                found[process.pid] = child
    return tuple(sorted(found.values(), key=lambda child: (not child.ports, child.name, child.pid)))


def _descendants(runner: int) -> Iterator[Child]:
    try:
        agents = psutil.Process(runner).children()
    except psutil.NoSuchProcess:
        return
    for agent in agents:
        try:
            below = agent.children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        for process in below:
            if (child := _describe(process, own=True)) is not None:
                yield child


def _works_in(process: psutil.Process, tree: Path) -> bool:
    try:
        return process.uids().real == os.getuid() and Path(process.cwd()).is_relative_to(tree)
    except psutil.Error:
        return False


def _describe(process: psutil.Process, *, own: bool) -> Child | None:
    """The process, or ``None`` if it has ended meanwhile."""
    try:
        name = process.name()
        connections = process.net_connections("inet")
    except psutil.AccessDenied:
        return Child(name=process.name(), pid=process.pid, own=own)
    except psutil.Error:
        return None
    ports = {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN and one.laddr}
    return Child(name=name, pid=process.pid, ports=tuple(sorted(ports)), own=own)
