"""Reads what gateways leave in the durable Redis for as long as the process lives, whatever befalls either."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection
from typing import NoReturn

from redis.asyncio import Redis

from trellis.rollout.events.leftovers import Leftovers
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import EventsDown, FoldStore
from trellis.telemetry.logs import get_logger

#: Seconds between two reads where there is nothing, and after a failure.
READ_SECONDS, FAILURE_SECONDS = 0.2, 5.0
#: Seconds for a connection. An answer has the store's own bound: the client's, `socket_timeout`, waits by
#: `asyncio.wait_for`, which until Python 3.12 loses a cancellation that comes as the writing ends.
CONNECT_SECONDS = 3.0
#: Seconds between two looks for what nobody counts any more.
SWEEP_SECONDS = 60.0


@contextlib.asynccontextmanager
async def open_redis(url: str) -> AsyncIterator[Redis]:
    """A client that connects when it is asked, and again when it has to."""
    redis = Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=None,
        health_check_interval=30,
    )
    try:
        yield redis
    finally:
        await redis.aclose()


async def read_events(reader: EventReader) -> NoReturn:
    """Fold whatever comes, until cancelled; a failure is told once, when it begins."""
    failing = False
    while True:
        try:
            read = await reader.step(time.time())
        except Exception as error:  # noqa: BLE001 - what it cannot read must not end the controller
            if not failing:
                unknown = None if isinstance(error, EventsDown) else error
                get_logger().warning("events are not read", why=str(error), exc_info=unknown)
            failing = True
            await asyncio.sleep(FAILURE_SECONDS)
            continue
        if failing:
            get_logger().info("events are read again")
        failing = False
        if not read:
            await asyncio.sleep(READ_SECONDS)


async def sweep_events(
    store: FoldStore, mine: Callable[[str], bool], in_use: Callable[[], Collection[str] | None]
) -> NoReturn:
    """Drop what was counted for trials and experiments that are no more, until cancelled; nothing while
    it is not known what is in use now.
    """
    leftovers = Leftovers(store, mine)
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        present = in_use()
        if present is not None:
            with contextlib.suppress(EventsDown):  # which the reader tells
                await leftovers.sweep(present, time.monotonic())
