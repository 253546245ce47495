"""Handing one notification to one channel by Apprise, in a thread that nobody has to wait for."""

import asyncio
import logging

from remote.channels import Target
from remote.in_thread import in_thread
from remote.notification import NOTHING, Extra, Notification, redact_notification, redact_text
from remote.push import push

_SECONDS = 20.0

_log = logging.getLogger(__name__)


async def deliver(target: Target, notification: Notification, *, click: str = "", extra: Extra = NOTHING) -> str:
    """Send it and return "", or a sentence on why that failed; never raises but when cancelled.

    ``click`` is what a tap on it opens, where the service has that; ``extra`` what it can be answered by.

    A channel that answers late counts as failed although the message may arrive: hence the id in the body.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            sent = await in_thread(lambda: _push(target, notification, click, extra))
    except TimeoutError:
        return f"The service did not answer within {_SECONDS:g} seconds."
    except Exception as error:  # noqa: BLE001 - a plugin of a foreign library must never reach the runner
        # Its text may quote the URL, so only the kind is told.
        _log.warning("Sending to %s failed with %s.", target.label, type(error).__name__)
        return f"Sending failed with {type(error).__name__}."
    return "" if sent else "The service refused the message or cannot be reached."


def _push(target: Target, notification: Notification, click: str, extra: Extra) -> bool:
    # The last place before it leaves: whoever wrote it, no secret goes out.
    safe = redact_notification(notification)
    body = "\n".join(filter(None, (safe.body, redact_text(extra.shown), extra.lines)))
    return push(target.url, safe.title, body, priority=safe.priority, click=click, actions=extra.actions)
