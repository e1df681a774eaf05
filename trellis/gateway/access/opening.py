"""Makes the doorkeeper from the settings, with a client of its own, and closes it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from trellis.gateway.access.admission import Access
from trellis.gateway.access.link import MOST_CALLS
from trellis.gateway.background import Background
from trellis.gateway.redis_clients import durable_redis
from trellis.gateway.settings import Settings
from trellis.telemetry.metrics import GatewayMetrics


@asynccontextmanager
async def open_access(
    settings: Settings, metrics: GatewayMetrics, session: aiohttp.ClientSession
) -> AsyncIterator[Access]:
    """The doorkeeper while the context lasts: a flood of jobs takes no connection of its."""
    redis = None
    if settings.redis_url is not None:
        redis = durable_redis(settings.redis_url.get_secret_value(), max_connections=MOST_CALLS)
    access = Access(settings, metrics, session, redis)
    try:
        async with Background() as background:
            background.start("access", access.run)
            yield access
    finally:
        await access.close()
        if redis is not None:
            await redis.aclose()
