"""One GET of little data from a server that the user named, without following it anywhere else."""

import http.client
import urllib.request
from collections.abc import Mapping
from typing import Any

from remote.errors import RepliesFailed

_SECONDS = 10.0
_MOST_BYTES = 256 << 10


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """A redirect would take the credentials elsewhere: it is an error."""
        return


def fetch(url: str, headers: Mapping[str, str]) -> bytes:
    """What is there, 256 KiB at most; raises `RepliesFailed`, which names no URL."""
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(urllib.request.Request(url, headers=dict(headers)), timeout=_SECONDS) as answer:
            data: bytes = answer.read(_MOST_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise RepliesFailed(f"Answers could not be fetched ({type(error).__name__}).") from None
    if len(data) > _MOST_BYTES:
        raise RepliesFailed("Far too much came where answers come.")
    return data
