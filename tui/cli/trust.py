"""First contact: is this the host's key? Asked of a person, or settled by what they gave on the command line."""

from collections.abc import Callable
from typing import ParamSpec

import click

from remote.connection import Trust
from remote.errors import HostKeyUnknown
from remote.hostkeys import HostKeyQuestion
from tui.cli.driving import can_ask, confirm
from tui.cli.output import Output

Params = ParamSpec("Params")


def trust_options(function: Callable[Params, None]) -> Callable[Params, None]:
    """Add ``--fingerprint`` and ``--trust-on-first-use``."""
    first_use = click.option(
        "--trust-on-first-use", "first_use", is_flag=True, help="Trust whatever key the host shows, unchecked."
    )
    fingerprint = click.option(
        "--fingerprint", metavar="SHA256:...", help="The host key's fingerprint, as ssh-keygen -l prints it there."
    )
    return fingerprint(first_use(function))


def make_trust(out: Output, fingerprint: str | None = None, *, first_use: bool = False) -> Trust:
    """The answer to a host-key question: the given fingerprint decides, else ``first_use``, else a person is asked.

    Without a person the answer raises `HostKeyUnknown` and says how to give it.
    """

    async def trust(question: HostKeyQuestion) -> bool:
        out.record("host-key", question)
        if fingerprint is not None:
            return _same(question, fingerprint)
        if first_use:
            out.say(f"Trusting {question.host} at first use: {question.algorithm} {question.fingerprint}")
            return True
        if out.as_json or not can_ask():
            raise HostKeyUnknown(
                f"The key of {question.host} is not known yet: {question.algorithm} {question.fingerprint}.",
                f"Compare it with the host's own (ssh-keygen -l), then castoff host add or check with "
                f"--fingerprint {question.fingerprint}, or go unchecked there with --trust-on-first-use.",
                fingerprint=question.fingerprint,
            )
        out.say(f"First contact with {question.host}, port {question.port}. It shows this {question.algorithm} key:")
        out.say(f"  {question.fingerprint}", "bold")
        return await confirm("Is it the host's own?")

    return trust


def _same(question: HostKeyQuestion, fingerprint: str) -> bool:
    if question.fingerprint == fingerprint or question.fingerprint == f"SHA256:{fingerprint}":
        return True
    raise HostKeyUnknown(
        f"{question.host} shows {question.fingerprint}, not {fingerprint}: it was not trusted.",
        f"Check the fingerprint on the host itself: ssh-keygen -l -f /etc/ssh/ssh_host_{_kind(question)}_key.pub",
        fingerprint=question.fingerprint,
    )


def _kind(question: HostKeyQuestion) -> str:
    """The kind of key as sshd's own files are called: ed25519, ecdsa, rsa."""
    return question.algorithm.removeprefix("ssh-").split("-")[0]
