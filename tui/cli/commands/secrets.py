"""``castoff secrets``: which secrets of a project may travel."""

import time
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from agent.sanitise import clean
from snapshot.allowed import SHORTEST_PREFIX
from snapshot.walk import show_path
from tui.cli.edge import command_edge
from tui.cli.errors import NotHere
from tui.cli.output import Output
from tui.drawing.words import ago, count

_SHOWN_DIGITS = 12


def complete_grant(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The secrets that are allowed in the project."""
    from remote.secret_grants import list_grants
    from snapshot.errors import SnapshotError

    try:
        grants = list_grants(Path(ctx.params.get("project") or ".").absolute())
    except (SnapshotError, OSError):
        return []  # a shell's completion has no place for a sentence
    return [
        CompletionItem(
            name[:_SHOWN_DIGITS], help=clean(f"{grant.description}, {show_path(grant.path)}", single_line=True)
        )
        for name, grant in grants.items()
        if name.startswith(incomplete)
    ]


_project = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="The project's folder; by default the current directory.",
)


def _check_digits(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for digits in given:
        if len(digits) < SHORTEST_PREFIX or not set(digits.lower()) <= set("0123456789abcdef"):
            raise click.BadParameter(f"{digits!r} is no fingerprint: take the digits behind a secret that is shown.")
    return given


@click.group(
    epilog="""\b
Examples:
  castoff secrets list
  castoff secrets allow 3f9a02c41b7e
  castoff secrets forget --all
"""
)
def secrets() -> None:
    """See, add and take back which secrets of a project may travel.

    A secret is named by the first digits of its fingerprint, as a handoff shows it. Its value is kept nowhere.
    """


@secrets.command("list", epilog="\b\nExample:\n  castoff secrets list --project ~/src/shop\n")
@_project
@command_edge
def list_allowed_secrets(out: Output, project: Path) -> None:
    """List the secrets that may travel: fingerprint, kind, and the file in which each was found when it was allowed."""
    from remote.secret_grants import list_grants

    grants = list_grants(project.absolute())
    for name, grant in grants.items():
        fields = {"path": show_path(grant.path), "rule": grant.rule, "description": grant.description, "at": grant.at}
        out.record("secret", {"fingerprint": name, **fields})
    rows = [
        (name[:_SHOWN_DIGITS], grant.rule, grant.description, show_path(grant.path), ago(time.time() - grant.at))
        for name, grant in grants.items()
    ]
    if rows:
        out.table(("FINGERPRINT", "RULE", "WHAT", "FILE", "ALLOWED"), rows)
    else:
        out.say("No secret of this project may travel.")


@secrets.command(epilog="\b\nExample:\n  castoff secrets allow 3f9a02c41b7e\n")
@click.argument("digits", nargs=-1, required=True, callback=_check_digits)
@_project
@command_edge
def allow(out: Output, digits: tuple[str, ...], project: Path) -> None:
    """Let secrets travel as they are, now and later, wherever they stand in the project.

    DIGITS begin the fingerprint of one that a search of the project and of its sessions finds now.
    """
    from remote.secret_grants import grant_secrets

    found = grant_secrets(project.absolute(), digits)
    unknown = [each for each in digits if not any(hit.fingerprint.startswith(each.lower()) for hit in found)]
    for hit in found:
        out.record("secret", {"fingerprint": hit.fingerprint, "path": show_path(hit.path), "rule": hit.rule})
        out.say(f"{hit.fingerprint[:_SHOWN_DIGITS]} may travel: {hit.description}, {show_path(hit.path)}.")
    if unknown:
        raise NotHere(
            f"No secret {unknown[0]} is found here.", "castoff handoff --dry-run shows what is.", code="secret-unknown"
        )


@secrets.command(epilog="\b\nExample:\n  castoff secrets forget 3f9a02c41b7e\n")
@click.argument("digits", nargs=-1, callback=_check_digits, shell_complete=complete_grant)
@click.option("--all", "everything", is_flag=True, help="Forget all that was allowed for the project.")
@_project
@command_edge
def forget(out: Output, digits: tuple[str, ...], everything: bool, project: Path) -> None:
    """Let secrets not travel any more; what a host has already is not taken back."""
    from remote.secret_grants import withdraw_grants

    if bool(digits) == everything:
        raise click.UsageError("Name the secrets to forget by their DIGITS, or all of them by --all.")
    dropped = withdraw_grants(project.absolute(), None if everything else digits)
    unknown = [each for each in digits if not any(name.startswith(each.lower()) for name in dropped)]
    if unknown:
        raise NotHere(
            f"No secret {unknown[0]} was allowed here.", "castoff secrets list shows them.", code="secret-unknown"
        )
    out.say(f"Forgotten: {count(len(dropped), 'secret')}.")
    out.done(forgotten=list(dropped))
