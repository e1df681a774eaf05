"""The local source before real pages of metrics, over real sockets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from tests.integration.ports import free_port
from trellis.gateway.dashboard.local_source import LocalSource
from trellis.gateway.dashboard.window import JOBS, PREDICTIONS, REQUESTS
from trellis.gateway.metering import Meters
from trellis.telemetry.metrics import GatewayMetrics, ServingMetrics

LEAF = ("leaf", "v1", "leaf-1")


class Pages:
    """An HTTP server whose paths answer what they are told to; ``fails`` breaks all."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}
        self.fails = False
        self.port = free_port()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    async def answer(self, request: web.Request) -> web.Response:
        if self.fails:
            raise web.HTTPInternalServerError(text="trellis_predictions_total 99")
        return web.Response(body=self.texts[request.path.strip("/")])


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    served = Pages()
    app = web.Application()
    app.router.add_get("/{name}", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", served.port).start()
    yield served
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def urls(*given: str) -> Callable[[], Awaitable[list[str]]]:
    async def pages_now() -> list[str]:
        return list(given)

    return pages_now


def answered(count: int, label: str = "healthy") -> bytes:
    """The page of a predictor after ``count`` rows of one label."""
    registry = CollectorRegistry()
    metrics = ServingMetrics(registry)
    metrics.predictions.labels(*LEAF, label).inc(count)
    metrics.requests.labels(*LEAF, "200", "rest").inc(count)
    return generate_latest(registry)


async def test_the_first_look_tells_all_since_the_process_began(
    session: aiohttp.ClientSession, pages: Pages
) -> None:
    registry = CollectorRegistry()
    meter = Meters(GatewayMetrics(registry)).of(*LEAF)
    source = LocalSource(session, urls(pages.url("leaf")), registry=registry)
    pages.texts["leaf"] = answered(40)
    for code in (200, 200, 503):
        meter.started()
        meter.finished(code, 0.02)
    window = await source.window()
    assert window.seconds > 0
    # The predictor's own count of requests is left alone: it would count them twice.
    assert window.increases[REQUESTS] == {(*LEAF, "200"): 2.0, (*LEAF, "503"): 1.0}
    assert window.increases[PREDICTIONS] == {(*LEAF, "healthy"): 40.0}
    assert window.predictors
    (point,) = window.traffic[LEAF]
    assert point.value == pytest.approx(3 / window.seconds, rel=1e-6)
    (latency,) = window.latency[LEAF]
    assert 0.018 <= latency.value <= 0.025


async def test_a_predictor_that_starts_anew_loses_nothing_and_adds_nothing_twice(
    session: aiohttp.ClientSession, pages: Pages
) -> None:
    registry = CollectorRegistry()
    source = LocalSource(session, urls(pages.url("leaf")), registry=registry)
    for count, total in ((40, 40.0), (50, 50.0), (5, 55.0), (6, 56.0)):
        pages.texts["leaf"] = answered(count)
        window = await source.window()
        assert window.increases[PREDICTIONS] == {(*LEAF, "healthy"): total}


async def test_a_page_that_fails_for_once_is_as_it_was(
    session: aiohttp.ClientSession, pages: Pages
) -> None:
    registry = CollectorRegistry()
    gone = f"http://127.0.0.1:{free_port()}/metrics"
    source = LocalSource(
        session, urls(pages.url("leaf"), pages.url("garbage"), gone), registry=registry
    )
    pages.texts |= {"leaf": answered(40), "garbage": b"\xff no { metrics"}
    await source.window()
    pages.fails = True
    assert (await source.window()).increases[PREDICTIONS] == {(*LEAF, "healthy"): 40.0}
    pages.fails = False
    pages.texts["leaf"] = answered(45)
    assert (await source.window()).increases[PREDICTIONS] == {(*LEAF, "healthy"): 45.0}


async def test_workers_count_as_gateways_do(session: aiohttp.ClientSession, pages: Pages) -> None:
    own, theirs = CollectorRegistry(), CollectorRegistry()
    GatewayMetrics(own).jobs.labels("accepted").inc(3)
    worker = GatewayMetrics(theirs)
    worker.jobs.labels("succeeded").inc(2)
    worker.requests.labels(*LEAF, "200", "rest").inc(2)
    pages.texts["worker"] = generate_latest(theirs)
    source = LocalSource(session, urls(), (pages.url("worker"),), own)
    window = await source.window()
    assert window.increases[JOBS] == {("accepted",): 3.0, ("succeeded",): 2.0}
    assert window.increases[REQUESTS] == {(*LEAF, "200"): 2.0}
    assert not window.predictors


async def test_the_window_moves_on_and_what_is_kept_is_bounded(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now, time=lambda: now)
    monkeypatch.setattr("trellis.gateway.dashboard.local_source.time", clock)
    registry = CollectorRegistry()
    requests = GatewayMetrics(registry).requests.labels(*LEAF, "200", "rest")
    source = LocalSource(session, urls(), registry=registry)
    for _ in range(1000):
        now += 3.0
        requests.inc(6)
        window = await source.window()
    assert window.seconds == pytest.approx(300, abs=3)
    assert window.increases[REQUESTS] == {(*LEAF, "200"): pytest.approx(600, abs=6)}
    assert len(window.traffic[LEAF]) <= 101
    assert {point.value for point in window.traffic[LEAF]} == {2.0}
    assert len(source._readings) <= 102
