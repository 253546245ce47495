"""Handing one notification to one channel by Apprise, in a thread that nobody has to wait for."""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from remote.channels import Target
from remote.notification import Notification, redact_notification
from remote.push import push

_SECONDS = 20.0

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


async def deliver(target: Target, notification: Notification, *, click: str = "") -> str:
    """Send it and return "", or a sentence on why that failed; never raises but when cancelled.

    ``click`` is what a tap on it opens, where the service has that.

    A channel that answers late counts as failed although the message may arrive: hence the id in the body.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            sent = await _in_thread(lambda: _push(target, notification, click))
    except TimeoutError:
        return f"The service did not answer within {_SECONDS:g} seconds."
    except Exception as error:  # noqa: BLE001 - a plugin of a foreign library must never reach the runner
        # Its text may quote the URL, so only the kind is told.
        _log.warning("Sending to %s failed with %s.", target.label, type(error).__name__)
        return f"Sending failed with {type(error).__name__}."
    return "" if sent else "The service refused the message or cannot be reached."


def _push(target: Target, notification: Notification, click: str) -> bool:
    # The last place before it leaves: whoever wrote it, no secret goes out.
    safe = redact_notification(notification)
    return push(target.url, safe.title, safe.body, priority=safe.priority, click=click)


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run ``work`` in a daemon thread: unlike the event loop's own threads it never holds up the end of the process."""
    outcome: concurrent.futures.Future[Result] = concurrent.futures.Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised again where it is awaited
            outcome.set_exception(error)

    threading.Thread(target=run, name="notification", daemon=True).start()
    return await asyncio.wrap_future(outcome)
