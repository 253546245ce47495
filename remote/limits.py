"""How many processes a run may have, where no control group counts them: the one plain limit that harms nobody.

Those for memory are for each process alone, and count what is only reserved: with them, sanitizers and some runtimes
do not start. Nothing of a processor or a disk can be limited so.
"""

from collections.abc import Sequence

MOST_PROCESSES = 4096
"""With threads, as the control group of a run (`remote.scope.LIMITS`) counts them."""


def bounded(argv: Sequence[str], most: int = MOST_PROCESSES) -> list[str]:
    """``argv`` so that it, and all that it starts, cannot be more than ``most`` (man 2 getrlimit, RLIMIT_NPROC).

    To be started inside: since Linux 5.14 a sandbox's own processes are counted alone there; without a user namespace
    of its own, all of the user's are. Root is never counted. A limit that is lower already stays.
    """
    # Shells differ in the letter; what the shell adds to the environment names a directory of its own.
    script = f'{{ ulimit -u {most} || ulimit -p {most}; }} 2>/dev/null; unset PWD OLDPWD; exec "$@"'
    return ["/bin/sh", "-c", script, "sh", *argv]
