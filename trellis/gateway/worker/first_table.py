"""Before a worker reads jobs: the table that it runs them by."""

import asyncio
import contextlib

from trellis.gateway.routing_table import TableHolder
from trellis.telemetry.logs import get_logger

#: Seconds that a table of another source, the file of a cold start, is held back for the right one.
PATIENCE_SECONDS = 10.0
#: Seconds between two looks.
LOOK_SECONDS = 0.1


async def first_table(
    holder: TableHolder, source: str, stop: asyncio.Event, patience: float = PATIENCE_SECONDS
) -> None:
    """Wait for the first table of ``source``, as ``TableHolder.source`` has it, or until ``stop``.

    After ``patience`` seconds any table will do: a file may lack a version that a job asks for, or
    have old weights, but while the table's server is away it is the best there is.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    while not stop.is_set() and not (holder.ready and holder.source == source):
        if holder.ready and loop.time() >= until:
            get_logger().warning("jobs are run by a table that may be old", source=holder.source)
            return
        await _a_moment(stop)


async def _a_moment(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
