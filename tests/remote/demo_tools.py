"""What the demo's tests share."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from remote.processes import end_processes
from remote.service import Service

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(coroutine)


async def end(service: Service) -> None:
    assert await end_processes((service.process,)) == ()
