"""Wires the controller: what is watched, the passes, the webhook, and the HTTP for people."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiohttp
from redis.asyncio import Redis

from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.connection import connect
from trellis.rollout.cluster.control import ClusterControl
from trellis.rollout.errors import CannotStart
from trellis.rollout.events.following import open_redis
from trellis.rollout.http.server import ControlServer
from trellis.rollout.http.tables import TableServer
from trellis.rollout.metrics.port import MetricsSource, Pod
from trellis.rollout.metrics.prometheus import PrometheusCounters
from trellis.rollout.metrics.scrape import DirectScrape
from trellis.rollout.notifications.notifier import open_notifier
from trellis.rollout.passes import ClusterPasses, Sources
from trellis.rollout.settings import Settings
from trellis.rollout.webhook.governing import governed_by
from trellis.rollout.webhook.keeper import CertificateKeeper, FolderKeeper, SecretKeeper
from trellis.rollout.webhook.server import WebhookServer
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ControllerMetrics

CERTIFICATE_SECRET = "trellis-controller-webhook"  # noqa: S105 - the Secret's name


async def run(settings: Settings, metrics: ControllerMetrics) -> None:
    """Run until cancelled.

    Raises ``CannotStart`` where a setting or a port cannot be used, and as ``Api.call`` where the
    API server refuses the webhook's certificate.
    """
    connection = connect()
    home = settings.pod_namespace or connection.namespace
    async with (
        Api(connection, metrics) as api,
        aiohttp.ClientSession() as session,
        open_notifier(
            settings.notification_urls, settings.notification_secret, metrics
        ) as notifier,
        _redis(settings) as redis,
    ):
        served = settings.namespace or home
        tables = TableServer()
        passes = ClusterPasses(
            api,
            settings,
            served,
            tables,
            session,
            _sources(settings, session),
            notifier,
            metrics,
            redis,
            settings.scrape_interval,
        )
        cluster = passes.cluster
        control = ClusterControl(
            api, cluster, served, passes.rollouts.status, passes.experiments.status
        )
        async with (
            _http(settings, tables, control, cluster),
            _webhook(settings, api, home, cluster, metrics) as keep,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(passes.run())
            if keep is not None:
                group.create_task(keep())


def _sources(settings: Settings, session: aiohttp.ClientSession) -> Sources:
    """By namespace, each made once."""
    made: dict[str, MetricsSource] = {}

    def of(cluster: Cluster) -> Callable[[str], MetricsSource]:
        def source(namespace: str) -> MetricsSource:
            async def pods(service: str, revisions: Sequence[str]) -> Sequence[Pod]:
                return cluster.pods((namespace, service), revisions)

            if namespace not in made:
                if settings.metrics_source == "prometheus" and settings.prometheus_url is not None:
                    url = settings.prometheus_url
                    made[namespace] = PrometheusCounters(session, url, namespace, pods)
                else:
                    made[namespace] = DirectScrape(session, pods)
            return made[namespace]

        return source

    return of


@contextlib.asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[Redis | None]:
    if settings.redis_url is None:
        yield None
        return
    async with open_redis(settings.redis_url.get_secret_value()) as redis:
        yield redis


@contextlib.asynccontextmanager
async def _http(
    settings: Settings, tables: TableServer, control: ClusterControl, cluster: Cluster
) -> AsyncIterator[None]:
    token = settings.controller_token
    server = ControlServer(
        tables,
        control,
        token.get_secret_value() if token else None,
        get_logger().info,
        ready=lambda: cluster.is_listed,
    )
    try:
        await server.start(settings.host, settings.http_port)
    except OSError as error:
        raise CannotStart(
            f"http_port {settings.http_port} cannot be listened on: {error}"
        ) from None
    try:
        yield
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def _webhook(
    settings: Settings,
    api: Api,
    home: str,
    cluster: Cluster,
    metrics: ControllerMetrics,
) -> AsyncIterator[Callable[[], Any] | None]:
    """Serve it, where it is to be served; gives what keeps its certificate good."""
    if not settings.webhook:
        yield None
        return
    keeper: CertificateKeeper
    if settings.webhook_certificate == "self-made":
        host = f"{settings.webhook_service}.{home}.svc"
        configuration = settings.webhook_configuration
        keeper = SecretKeeper(api, home, CERTIFICATE_SECRET, host, configuration)
    else:
        keeper = FolderKeeper(settings.webhook_certificate)
    server = WebhookServer(keeper, governed_by(cluster), cluster.listed, metrics)
    await server.start(settings.host, settings.webhook_port)
    try:
        yield server.keep
    finally:
        await server.close()
