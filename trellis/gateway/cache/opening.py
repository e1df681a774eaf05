"""Makes the cache from the settings and closes it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trellis.gateway.background import Background
from trellis.gateway.cache.pipe import Pipe
from trellis.gateway.cache.prediction_cache import PredictionCache
from trellis.gateway.cache.store import CacheStore
from trellis.gateway.redis_clients import cache_redis
from trellis.gateway.settings import Settings
from trellis.telemetry.metrics import GatewayMetrics

#: Seconds for which a replica that died while computing holds up the others.
LEASE_SECONDS = 2.0
#: Seconds that a connection may take to come about; no request waits for that long.
CONNECT_SECONDS = 1.0


@asynccontextmanager
async def open_cache(
    settings: Settings, metrics: GatewayMetrics
) -> AsyncIterator[PredictionCache | None]:
    """The cache while the context lasts; None where the settings name no Redis for it."""
    if settings.cache_redis_url is None:
        yield None
        return
    redis = cache_redis(settings.cache_redis_url.get_secret_value(), CONNECT_SECONDS)
    pipe = Pipe(redis, metrics, settings.cache_timeout)
    async with Background() as background:
        background.start("cache's circuit", pipe.breaker.run)
        try:
            yield PredictionCache(
                CacheStore(pipe, settings.redis_prefix, LEASE_SECONDS),
                metrics,
                seconds=settings.cache_seconds,
                limit=settings.cache_max_bytes,
                lease_seconds=LEASE_SECONDS,
            )
        finally:
            await pipe.close()
            await redis.aclose()
