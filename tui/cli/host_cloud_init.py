"""``castoff host cloud-init``: user data for a machine that is yet to be made."""

from pathlib import Path

import click

from tui.cli.edge import command_edge
from tui.cli.output import Output


@click.command(
    "cloud-init",
    epilog="""\b
Examples:
  castoff host cloud-init > user-data.yaml
  castoff host cloud-init --user runs --key ~/.ssh/vm.pub --package nodejs --package npm
""",
)
@click.option("--user", default="castoff", show_default=True, help="The account that runs will live in.")
@click.option(
    "--key", "keys", type=click.Path(), multiple=True, help="A public key's file. By default those in ~/.ssh."
)
@click.option("--package", "packages", multiple=True, help="Something more to install, by apt's name.")
@click.option("--port", type=click.IntRange(1, 65535), default=22, show_default=True, help="Where its sshd listens.")
@command_edge
def cloud_init(out: Output, user: str, keys: tuple[str, ...], packages: tuple[str, ...], port: int) -> None:
    """Print user data with which a cloud makes a machine that is ready to be a host.

    Give it to the cloud when you make the machine, from an image of Debian 12, Ubuntu 24.04 or later: packages, an
    account without root, linger, what bubblewrap needs, swap, a firewall, security updates. No secret is in it.
    """
    from remote.cloud_init import find_public_keys, read_public_key, write_user_data

    lines = [read_public_key(Path(key).expanduser()) for key in keys] or find_public_keys(Path.home())
    text = write_user_data(user, lines, packages, port)
    out.say(text.rstrip())
    out.record("user-data", {"text": text})
