"""Waiting for a condition rather than for a time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: Far beyond what anything here takes, for a busy machine.
PATIENCE = 40.0


async def until(condition: Callable[[], T | bool | None], what: str = "") -> T:
    """What the condition gives, as soon as it is true.

    It is asked in a thread: what it asks may need this loop for its answer.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = await asyncio.to_thread(condition)
        if found:
            return found  # type: ignore[return-value] # True is only there where T is bool
        await asyncio.sleep(0.02)
    raise AssertionError(what or "it did not come true")


@contextlib.asynccontextmanager
async def running(endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """What runs until it is cancelled, for the length of the block."""
    task = asyncio.create_task(endless)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
