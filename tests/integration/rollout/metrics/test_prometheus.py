"""The other source, before a real Prometheus that scrapes pages as the pod monitors of the chart do."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.integration.gateway.processes import START_SECONDS, Process, free_port, wait_for
from tests.integration.rollout.metrics.pages import Pages, lister, page_of, pod
from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count
from trellis.rollout.metrics.port import Readings
from trellis.rollout.metrics.prometheus import PrometheusCounters

PROMETHEUS = shutil.which("prometheus")
ERRORS, LATENCY = Guardrail(metric="errors"), Guardrail(metric="latency", over="250ms")
MEAN = Guardrail(metric="meanLatency")
RAILS = (ERRORS, LATENCY)
PODS = (
    pod("a", "tomato-predictor-00002"),
    pod("b", "tomato-predictor-00001"),
    pod("c", "tomato-predictor-00001"),
)
REVISIONS = ["tomato-predictor-00002", "tomato-predictor-00001"]
TARGET = """
      - targets: ["{address}:{port}"]
        labels: {{namespace: trellis, pod: {pod}, knative_revision: {revision}}}"""
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: queue-proxy
    static_configs:{queue_proxies}
  - job_name: predictors
    static_configs:{predictors}
"""
OWN = 'trellis_requests_total{model="tomato",version="v2",revision="tomato-predictor-00002",code="200"} 77\n'


class Watched:
    """A Prometheus and the pages that it watches."""

    def __init__(self, folder: Path, pages: Pages) -> None:
        self.pages = pages
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = folder / "prometheus.yml"
        places = zip(PODS, ("127.0.0.1", "127.0.0.2", "127.0.0.3"), strict=True)
        targets = [
            TARGET.format(address=address, port=pages.port, pod=one.name, revision=one.revision)
            for one, address in places
        ]
        config.write_text(CONFIG.format(queue_proxies="".join(targets), predictors=targets[0]))
        self._process = Process(
            [
                PROMETHEUS or "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            folder / "prometheus.log",
        )

    def up(self) -> None:
        self._process.start()
        wait_for(f"{self.url}/-/ready", self._process)

    def down(self) -> None:
        self._process.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    if PROMETHEUS is None and "TRELLIS_REQUIRE_TOOLS" not in os.environ:
        pytest.skip("needs prometheus on the PATH")
    pages = Pages()
    await pages.up("127.0.0.1", "127.0.0.2")  # nothing listens on the third
    pages.text = {"127.0.0.1": page_of(3, 100, slow=7) + OWN, "127.0.0.2": ""}
    prometheus = Watched(tmp_path, pages)
    await asyncio.to_thread(prometheus.up)
    yield prometheus
    await asyncio.to_thread(prometheus.down)
    await pages.down()


@asynccontextmanager
async def answering(
    answer: Callable[[web.Request], Awaitable[web.Response]],
) -> AsyncIterator[str]:
    """The address of what answers as Prometheus would."""
    app = web.Application()
    app.router.add_post("/api/v1/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def until(source: PrometheusCounters, total: float) -> Readings:
    """The first readings in which pod ``a`` has so many requests, by both that count them."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        readings = await source.read("tomato", REVISIONS, RAILS)
        if {"a", "b"} <= readings.counters.keys():
            told = readings.counters["a"]
            if (told.requests, told.witness) == (total, 77):
                return readings
        await asyncio.sleep(0.05)
    raise AssertionError(readings)


async def test_each_pod_is_told_with_the_time_of_its_sample(
    watched: Watched, session: aiohttp.ClientSession
) -> None:
    source = PrometheusCounters(session, watched.url, "trellis", lister(*PODS))
    readings = await until(source, 100)
    counters = readings.counters["a"]
    assert counters.counts == {"errors": Count(3, 100), LATENCY.name: Count(7, 100)}
    assert counters.sampled is not None
    assert 0 <= readings.time - counters.sampled < 60
    assert readings.counters["b"].counts["errors"] == Count(0, 0)  # scraped, and never asked
    assert set(readings.unread) == {"c"}
    assert "request-metrics-protocol: prometheus" in readings.unread["c"]
    watched.pages.text["127.0.0.1"] = page_of(4, 300) + OWN
    assert (await until(source, 300)).counters["a"].counts["errors"] == Count(4, 300)


async def test_another_namespace_of_the_same_names_is_not_counted(
    watched: Watched, session: aiohttp.ClientSession
) -> None:
    await until(PrometheusCounters(session, watched.url, "trellis", lister(*PODS)), 100)
    source = PrometheusCounters(session, watched.url, 'x"} or vector(1) #', lister(*PODS))
    readings = await source.read("tomato", REVISIONS, RAILS)
    assert not readings.counters
    assert not readings.problems


async def test_without_an_answer_every_guardrail_says_so(session: aiohttp.ClientSession) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    readings = await PrometheusCounters(session, url, "trellis", lister(*PODS)).read(
        "tomato", REVISIONS, RAILS
    )
    assert set(readings.problems) == {"errors", LATENCY.name}
    assert f"Prometheus at {url} tells nothing" in readings.problems["errors"]


async def test_a_prometheus_of_another_clock_is_not_stale(session: aiohttp.ClientSession) -> None:
    """It says how old its numbers are; when that was is its own affair."""

    async def answer(request: web.Request) -> web.Response:
        query = str((await request.post())["query"])
        value = "7" if query.startswith("time()") else "1" if '"up"' in query else ""
        series = [{"metric": {"pod": "a"}, "value": [12345.0, value]}] if value else []
        return web.json_response({"status": "success", "data": {"result": series}})

    async with answering(answer) as url:
        source = PrometheusCounters(session, url, "trellis", lister(PODS[0]))
        readings = await source.read("tomato", REVISIONS, (ERRORS,))
    assert readings.counters["a"].sampled == pytest.approx(readings.time - 7)


async def test_without_the_predictors_series_means_are_blind_and_not_nothing(
    session: aiohttp.ClientSession,
) -> None:
    """Zeros would make its whole life count with the next page that is read."""

    async def answer(request: web.Request) -> web.Response:
        value = "1" if '"up"' in str((await request.post())["query"]) else ""
        series = [{"metric": {"pod": "a"}, "value": [12345.0, value]}] if value else []
        return web.json_response({"status": "success", "data": {"result": series}})

    async with answering(answer) as url:
        source = PrometheusCounters(session, url, "trellis", lister(PODS[0]))
        readings = await source.read("tomato", REVISIONS, (ERRORS, MEAN))
    assert readings.counters["a"].moments == {}
    assert readings.problems == {
        "meanLatency": "Prometheus has no series of pod a (job predictors)"
    }


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf"])
async def test_a_count_that_is_none_is_no_answer(
    session: aiohttp.ClientSession, value: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        up = '"up"' in str((await request.post())["query"])
        metric = {"pod": "a", "__name__": "http_server_request_duration_seconds_count"}
        series = [{"metric": metric, "value": [12345.0, "1" if up else value]}]
        return web.json_response({"status": "success", "data": {"result": series}})

    async with answering(answer) as url:
        source = PrometheusCounters(session, url, "trellis", lister(PODS[0]))
        readings = await source.read("tomato", REVISIONS, (ERRORS,))
    assert "could not be read" in readings.problems["errors"]
    assert not readings.counters


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"<html>", "could not be read"),
        (200, b"[]", "could not be read"),
        (422, b'{"status": "error", "error": "query timed out"}', "422: query timed out"),
    ],
)
async def test_what_is_no_answer_of_prometheus_is_told(
    session: aiohttp.ClientSession, status: int, body: bytes, why: str
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    async with answering(answer) as url:
        source = PrometheusCounters(session, url, "trellis", lister(*PODS))
        readings = await source.read("tomato", REVISIONS, RAILS)
    assert why in readings.problems["errors"]
