"""Makes the sender of callbacks from the settings and runs it beside a worker's jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from trellis.gateway.background import Background
from trellis.gateway.jobs.callback import CallbackSender
from trellis.gateway.jobs.callback_queue import CallbackQueue
from trellis.gateway.jobs.callback_targets import CallbackTargets
from trellis.gateway.jobs.keys import JobKeys
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.settings import Settings
from trellis.telemetry.metrics import GatewayMetrics
from trellis.web.signing import WebhookSigner


@asynccontextmanager
async def open_callbacks(
    settings: Settings,
    redis: Redis,
    store: JobStore,
    targets: CallbackTargets,
    metrics: GatewayMetrics,
) -> AsyncIterator[None]:
    """Send callbacks while the context lasts; none where no secret signs them."""
    if settings.callback_secret is None:
        yield
        return
    queue = CallbackQueue(redis, JobKeys(settings.redis_prefix))
    sender = CallbackSender(
        queue,
        store,
        WebhookSigner(settings.callback_secret.get_secret_value()),
        *targets,
        metrics,
        attempts=settings.callback_attempts,
    )
    try:
        async with Background() as background:
            background.start("callbacks", sender.run)
            yield
    finally:
        await queue.settle()
