"""What a human asks a channel for: a test message, or a code to be typed back."""

import asyncio

from agent.events import Frozen
from remote.channels import Channel, ask_proof, read_targets, unknown_channel
from remote.delivery import deliver
from remote.notification import Notification


class Delivery(Frozen):
    """What became of a message on one channel; ``detail`` says why it failed."""

    channel: Channel
    ok: bool
    detail: str = ""


async def send_test(channel_id: str | None = None) -> tuple[Delivery, ...]:
    """Send a test to one channel, or to all; raises `remote.errors.SettingsError`."""
    targets = [t for t in read_targets() if channel_id in (None, t.id)]
    if channel_id is not None and not targets:
        raise unknown_channel(channel_id)
    test = Notification(id="test", title="castoff: test", body="This channel works: castoff can reach you here.")
    details = await asyncio.gather(*(deliver(target, test) for target in targets))
    return tuple(Delivery(channel=t.channel, ok=not d, detail=d) for t, d in zip(targets, details, strict=True))


async def send_code(channel_id: str, host: str) -> Delivery:
    """Send a new code over a channel, to be typed back; raises `remote.errors.SettingsError`."""
    target, proof = ask_proof(channel_id)
    body = f"The code of {host or 'your host'} is {proof.code}. Type it where castoff asks for it, within 15 minutes."
    detail = await deliver(target, Notification(id="code", title="castoff: is this you?", body=body))
    return Delivery(channel=target.channel, ok=not detail, detail=detail)
