"""The sandbox of a run: bubblewrap, with the tree and HOME at the laptop's absolute paths.

Level ``open``: own mounts, processes and capabilities, network shared. Level ``full``: no network and no further
namespaces as well. Level ``reduced``: Landlock, at the host's own paths (`remote.reduced`). Level ``none``: no sandbox,
said plainly (`remote.levels`).
Inside exist only the system (read-only), the run's tree and HOME, castoff's runtime, and what ``binds`` adds.
Pure: builds argument lists and environments, starts nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from agent.events import Frozen
from remote.errors import SandboxUnavailable
from remote.levels import Level, maps_paths
from remote.reduced import keep_to, temporary
from snapshot.walk import show_path

RUNTIME_AT = PurePosixPath("/run/castoff/runtime")
"""Where castoff's runtime appears inside."""
GATE_AT = PurePosixPath("/run/castoff/gate")
"""Where the socket of the gate appears inside."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix")
_NAME_SERVICE = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager/resolv.conf", "/run/nscd")
_CLOSED = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix", "/proc", "/sys", "/dev")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Bind(Frozen):
    """Something more to be seen inside: ``source`` of the host at the path ``at`` (the same if ``None``).

    What is beside the tree and not ``needed`` is left out where it cannot be shown.
    """

    source: Path
    at: PurePosixPath | None = None
    writable: bool = False
    needed: bool = True


def wrap(
    argv: Sequence[str],
    *,
    level: Level,
    tree: Path,
    tree_at: str,
    home: Path,
    home_at: str,
    runtime: Path,
    base_prefix: Path | None = None,
    binds: Sequence[Bind] = (),
    beside: Sequence[Bind] = (),
) -> list[str]:
    """The argument list that runs ``argv`` in the sandbox; with level ``none`` it is ``argv`` itself.

    ``tree`` and ``home`` on this machine appear inside at ``tree_at`` and ``home_at``, the laptop's absolute paths.
    ``runtime`` is castoff's runtime, ``base_prefix`` the prefix of the Python that it builds on. ``beside`` are
    directories of the run that appear at paths of the laptop as well; they may lie around the tree, or in HOME.
    Start it with exactly ``environment(...)`` as its environment: argument lists can be seen by every user of the
    machine, so no variable is set by argument. With level ``none`` or ``reduced`` start it in ``tree``.
    Raises `SandboxUnavailable` for paths that cannot be shown inside.
    """
    if level == "none":
        return list(argv)
    if level == "reduced":
        shown = [*binds, *beside]
        readable = [*([base_prefix] if base_prefix else []), runtime, *(each.source for each in shown)]
        return keep_to(argv, readable, [tree, home, *(each.source for each in shown if each.writable)])
    tree_inside, home_inside = _check_paths(tree_at, home_at)
    given = [*binds, *([Bind(source=base_prefix)] if base_prefix and not base_prefix.is_relative_to("/usr") else [])]
    shown = _choose_beside(beside, tree_inside, home_inside, [_inside(each) for each in given])
    # What lies in another comes after it, or it would be covered.
    own = sorted([*shown, Bind(source=tree, at=tree_inside, writable=True)], key=lambda each: len(_inside(each).parts))
    return [
        "bwrap",
        *_system([home_inside, *map(_inside, own)]),
        *("--bind", str(home), str(home_inside)),
        *_read_only(base_prefix),
        *(word for bind in (*binds, *own) for word in _bind(bind)),
        *("--ro-bind", str(runtime), str(RUNTIME_AT)),
        *_apart(level),
        *("--chdir", str(tree_inside), "--", *argv),
    ]


def environment(given: Mapping[str, str], *, level: Level, home: Path, home_at: str, runtime: Path) -> dict[str, str]:
    """The whole environment to start a wrapped command with: the few variables every program needs, and ``given``.

    Nothing is taken from this process. With level ``none`` or ``reduced`` HOME is ``home`` itself.
    """
    own = home_at if maps_paths(level) else str(home)
    at = RUNTIME_AT if maps_paths(level) else runtime
    basic = {"HOME": own, "PATH": _PATH, "LANG": "C.UTF-8", "TERM": "xterm-256color", "CASTOFF_RUNTIME": str(at)}
    if level == "reduced":
        basic |= {"TMPDIR": str(temporary(home))}
    if maps_paths(level):
        basic |= {"USER": PurePosixPath(home_at).name, "LOGNAME": PurePosixPath(home_at).name}
    return {**basic, **given}


def probe_command(level: Level = "open") -> list[str]:
    """A command that succeeds only if a sandbox of ``level`` can be built here."""
    if level == "reduced":
        return keep_to(["true"], [], [])
    return [
        *("bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *_apart(level),
        *("--", "true"),
    ]


def _apart(level: Level) -> list[str]:
    """What keeps its processes apart from the host's."""
    # Without a further user namespace, much of the kernel is out of reach; an agent's own bubblewrap cannot start then.
    own = ["--unshare-user", "--disable-userns", "--unshare-net"] if level == "full" else ["--unshare-user-try"]
    return [
        *(*own, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--hostname", "castoff", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    ]


def _system(places: Sequence[PurePosixPath]) -> list[str]:
    """The system's own directories, read-only, and fresh private ones. What one of ``places`` lies under is left out:
    no mount point can be made in a read-only directory."""
    shown = [path for path in _SYSTEM if not any(place.is_relative_to(path) for place in places)]
    words = [word for path in shown for word in ("--ro-bind-try", path, path)]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var"]
    words += ["--dir", "/var/tmp", "--dir", "/run/castoff"]
    return words + [word for path in _NAME_SERVICE for word in ("--ro-bind-try", path, path)]


def _read_only(prefix: Path | None) -> list[str]:
    if prefix is None or prefix.is_relative_to("/usr"):
        return []
    return ["--ro-bind", str(prefix), str(prefix)]


def _bind(bind: Bind) -> list[str]:
    return ["--bind" if bind.writable else "--ro-bind", str(bind.source), str(_inside(bind))]


def _inside(bind: Bind) -> PurePosixPath:
    return bind.at or PurePosixPath(bind.source)


def _check_paths(tree_at: str, home_at: str) -> tuple[PurePosixPath, PurePosixPath]:
    tree, home = _check_path("project", tree_at), _check_path("home directory", home_at)
    if home.is_relative_to(tree):
        what = "is" if home == tree else "contains"
        raise SandboxUnavailable(
            f"The project {tree} {what} your home directory, and a run's home directory is its own.",
            "Work in a directory below your home directory.",
        )
    if tree.is_relative_to(RUNTIME_AT.parent) or RUNTIME_AT.is_relative_to(tree) or RUNTIME_AT.is_relative_to(home):
        raise SandboxUnavailable(f"The path {tree} is in the way of {RUNTIME_AT.parent}.", "Move the project.")
    return tree, home


def _choose_beside(
    beside: Sequence[Bind], tree: PurePosixPath, home: PurePosixPath, given: Sequence[PurePosixPath]
) -> list[Bind]:
    """All that is needed, and what else nothing is in the way of. Raises `SandboxUnavailable`."""
    system = [*given, *map(PurePosixPath, (*_SYSTEM, *_CLOSED))]
    for bind in beside:
        if bind.needed:
            _check_beside(_inside(bind), tree, home, given)
    return [bind for bind in beside if bind.needed or not _in_the_way(_inside(bind), tree, home, system)]


def _check_beside(
    path: PurePosixPath, tree: PurePosixPath, home: PurePosixPath, given: Sequence[PurePosixPath]
) -> None:
    """Whether a directory beside the tree can be shown at ``path``, where ``given`` are the host's own."""
    _check_path("repository", str(path))
    if way := _in_the_way(path, tree, home, given):
        raise SandboxUnavailable(
            f"The repository needs {show_path(str(path))}, which cannot be shown on a host: it is in the way of {way}.",
            "Open a clone of its own (git clone).",
        )


def _in_the_way(path: PurePosixPath, tree: PurePosixPath, home: PurePosixPath, given: Sequence[PurePosixPath]) -> str:
    if home.is_relative_to(path):
        return "your home directory"
    if path.is_relative_to(tree):
        return "the project"
    if _overlap(path, RUNTIME_AT.parent):
        return str(RUNTIME_AT.parent)
    return next((f"{each}, which the host shows there" for each in given if _overlap(path, each)), "")


def _overlap(one: PurePosixPath, two: PurePosixPath) -> bool:
    return one.is_relative_to(two) or two.is_relative_to(one)


def _check_path(what: str, text: str) -> PurePosixPath:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or str(path) in ("/", "//"):
        raise SandboxUnavailable(f"The {what}'s path {text!r} cannot be shown on a host.", "Move the project.")
    for closed in _CLOSED:
        if path.is_relative_to(closed):
            raise SandboxUnavailable(
                f"The {what}'s path {show_path(text)} lies under {closed}, which belongs to the system on the host.",
                "Move the project to your home directory, or use the sandbox level none.",
            )
    return path
