"""What a gateway process and a worker share, made once from the settings.

Whoever adds a part adds a field, the line that makes it, and where it has ``run()`` a line that
starts it. Parts are given what they need, never all of this, so that none imports this module;
routes and wiring do.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import aiohttp
from prometheus_client import REGISTRY, CollectorRegistry
from redis.asyncio import Redis

from trellis.gateway.access.admission import Access
from trellis.gateway.access.opening import open_access
from trellis.gateway.background import Background
from trellis.gateway.cache.opening import open_cache
from trellis.gateway.cache.prediction_cache import PredictionCache
from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.ejection import Rules
from trellis.gateway.events.attribution import attribution_window
from trellis.gateway.events.exposure_log import ExposureLog
from trellis.gateway.events.store import EventStore
from trellis.gateway.gate import Gate
from trellis.gateway.healths import Healths
from trellis.gateway.jobs.callback_targets import CallbackTargets, open_callback_targets
from trellis.gateway.jobs.long_polls import LongPolls
from trellis.gateway.jobs.opening import open_jobs
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.metering import Meters
from trellis.gateway.redis_clients import durable_redis
from trellis.gateway.routing_table import TableHolder, follow
from trellis.gateway.settings import Settings
from trellis.gateway.units import CookieSigner
from trellis.gateway.upstream import Upstream, new_session
from trellis.telemetry.metrics import GatewayMetrics


@dataclass(frozen=True)
class Parts:
    """One process's parts. ``redis`` is the durable one; it, ``events`` and ``cache`` are None where not set."""

    settings: Settings
    metrics: GatewayMetrics
    meters: Meters
    holder: TableHolder
    gate: Gate
    signer: CookieSigner
    session: aiohttp.ClientSession
    upstream: Upstream
    redis: Redis | None
    events: EventStore | None
    exposures: ExposureLog
    controller: ControllerClient
    cache: PredictionCache | None
    jobs: JobStore | None
    callback_targets: CallbackTargets
    access: Access
    polls: LongPolls


@asynccontextmanager
async def open_parts(
    settings: Settings, registry: CollectorRegistry = REGISTRY
) -> AsyncIterator[Parts]:
    """Make the parts and run what runs beside the requests, until the context ends.

    At the end the background tasks are cancelled and waited for, and then connections closed: a
    task that holds events still writes them.
    """
    metrics = GatewayMetrics(registry)
    meters = Meters(metrics)
    healths = Healths(metrics, Rules(settings.eject_after, settings.eject_seconds))
    holder = TableHolder(metrics, meters, healths, settings.default_model)
    secret = settings.controller_token
    token = None if secret is None else secret.get_secret_value()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(new_session())
        redis = None
        if settings.redis_url is not None:
            redis = durable_redis(settings.redis_url.get_secret_value())
            stack.push_async_callback(redis.aclose)
        cache = await stack.enter_async_context(open_cache(settings, metrics))
        access = await stack.enter_async_context(open_access(settings, metrics, session))
        jobs = await stack.enter_async_context(open_jobs(settings, metrics))
        callback_targets = await stack.enter_async_context(open_callback_targets(settings))
        upstream = Upstream(session, settings.connect_wait)
        background = await stack.enter_async_context(Background())
        background.start(
            "routing table",
            partial(
                follow,
                settings.routing_table_url,
                token,
                settings.routing_table_file,
                session,
                holder,
            ),
        )
        background.start("probes", partial(healths.probe, upstream))
        events = None
        if redis is not None:
            events = EventStore(
                redis,
                settings.redis_prefix,
                settings.events_max_bytes,
                settings.events_index_bytes,
            )
        exposures = ExposureLog(
            events, partial(attribution_window, holder), metrics, settings.events_buffer
        )
        background.start("exposures", exposures.run)
        yield Parts(
            settings=settings,
            metrics=metrics,
            meters=meters,
            holder=holder,
            gate=Gate(settings.max_inflight_requests, settings.max_inflight_bytes),
            signer=CookieSigner(settings.cookie_secret.get_secret_value()),
            session=session,
            upstream=upstream,
            redis=redis,
            events=events,
            exposures=exposures,
            controller=ControllerClient(settings.controller_url, token, session),
            cache=cache,
            jobs=jobs,
            callback_targets=callback_targets,
            access=access,
            polls=LongPolls(metrics),
        )
