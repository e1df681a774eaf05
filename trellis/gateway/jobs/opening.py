"""Makes the jobs' store from the settings, with a client of its own, and closes it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from trellis.gateway.background import Background
from trellis.gateway.jobs.keys import JobKeys
from trellis.gateway.jobs.notices import SILENCE_SECONDS
from trellis.gateway.jobs.queue import JobQueue, Rules
from trellis.gateway.jobs.store import Bounds, JobStore
from trellis.gateway.jobs.tending import Tending
from trellis.gateway.jobs.waiting import Waiting
from trellis.gateway.redis_clients import blocking_redis, durable_redis
from trellis.gateway.settings import Settings
from trellis.telemetry.metrics import GatewayMetrics


@asynccontextmanager
async def open_jobs(settings: Settings, metrics: GatewayMetrics) -> AsyncIterator[JobStore | None]:
    """The store while the context lasts; None where the settings name no durable Redis."""
    if settings.redis_url is None:
        yield None
        return
    url = settings.redis_url.get_secret_value()
    redis, listening = durable_redis(url), blocking_redis(url, SILENCE_SECONDS)
    keys = JobKeys(settings.redis_prefix)
    waiting = Waiting(listening, keys)
    bounds = Bounds(settings.job_backlog, settings.job_result_seconds)
    store = JobStore(redis, keys, bounds, waiting, metrics)
    queue = job_queue(settings, redis, metrics)
    try:
        async with Background() as background:
            background.start("waiting for jobs", waiting.run)
            background.start("tending jobs", Tending(queue, store).run)
            yield store
    finally:
        await store.settle()
        await queue.settle()
        await redis.aclose()
        await listening.aclose()


def job_queue(settings: Settings, redis: Redis, metrics: GatewayMetrics) -> JobQueue:
    """The workers' side of the store that the settings name."""
    return JobQueue(redis, JobKeys(settings.redis_prefix), rules_of(settings), metrics)


def rules_of(settings: Settings) -> Rules:
    """What workers keep to."""
    return Rules(
        settings.job_attempts,
        settings.job_result_seconds,
        settings.job_dead_seconds,
        settings.job_retry_max_seconds,
    )
