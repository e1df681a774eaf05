"""A timeout that blames nobody else for this process' own standstill.

Where the loop had no turn until after the deadline, on a starved node or behind a long computation, what
is waited for may have come long ago, unread: ``asyncio.timeout`` cancels it all the same.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Seconds by which the loop is late for its own deadline when it stood still, and that it then takes to
#: read what has come.
LATE_SECONDS, READ_SECONDS = 0.05, 0.1


@asynccontextmanager
async def timeout(seconds: float) -> AsyncIterator[None]:
    """As ``asyncio.timeout``; where the loop stood still at the deadline, ``READ_SECONDS`` more."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    async with asyncio.timeout(None) as limit:

        def due() -> None:
            now = loop.time()
            stood_still = now - deadline > LATE_SECONDS
            limit.reschedule(now + READ_SECONDS if stood_still else now)

        timer = loop.call_at(deadline, due)
        try:
            yield
        finally:
            timer.cancel()
