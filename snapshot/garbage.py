"""Python's collector of cyclic garbage, kept from looking."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Generator[None]:
    """For the time of the block, or of a function that this decorates, no garbage is looked for in cycles.

    For hundreds of thousands of records that are made and stay: each look would go through them all.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
