"""The other source, before a real Prometheus that scrapes pages as the pod monitors of the chart do."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.integration.gateway.processes import START_SECONDS, Process, wait_for
from tests.integration.ports import free_port
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
global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}
scrape_configs:
  - job_name: queue-proxy
    static_configs:{queue_proxies}
  - job_name: predictors
    static_configs:{predictors}
"""
OWN = 'trellis_requests_total{model="tomato",version="v2",revision="tomato-predictor-00002",code="200"} 77\n'


class Watched:
    """A Prometheus and the pages that it watches, one for each of ``PODS`` from 127.0.0.1 on."""

    def __init__(self, folder: Path, pages: Pages, interval: str = "200ms") -> None:
        self.pages = pages
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = folder / "prometheus.yml"
        targets = {
            f"127.0.0.{place}": TARGET.format(
                address=f"127.0.0.{place}", port=pages.port, pod=one.name, revision=one.revision
            )
            for place, one in enumerate(PODS, 1)
        }
        own = [targets[address] for address, text in pages.text.items() if OWN in text]
        config.write_text(
            CONFIG.format(
                interval=interval,
                queue_proxies="".join(targets.values()),
                predictors="".join(own) or " []",
            )
        )
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


@asynccontextmanager
async def watching(
    folder: Path, text: Mapping[str, str], interval: str = "200ms"
) -> AsyncIterator[Watched]:
    """A Prometheus over pages of ``text`` by address."""
    if PROMETHEUS is None and "TRELLIS_REQUIRE_TOOLS" not in os.environ:
        pytest.skip("needs prometheus on the PATH")
    pages = Pages()
    await pages.up(*text)
    pages.text = dict(text)
    prometheus = Watched(folder, pages, interval)
    await asyncio.to_thread(prometheus.up)
    try:
        yield prometheus
    finally:
        await asyncio.to_thread(prometheus.down)
        await pages.down()


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """Nothing listens on the third address."""
    text = {"127.0.0.1": page_of(3, 100, slow=7) + OWN, "127.0.0.2": ""}
    async with watching(tmp_path, text) as prometheus:
        yield prometheus


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


def as_of(
    now: float, sampled: float, value: str = ""
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A Prometheus that scraped pod ``a`` once, and has a count of it or none."""

    async def answer(request: web.Request) -> web.Response:
        query = str((await request.post())["query"])
        metric = {"pod": "a", "__name__": "http_server_request_duration_seconds_count"}
        found: list[object] = []
        if query.startswith("vector("):
            found = [{"metric": {}, "value": [now, str(now)]}]
        elif '"up"' in query:
            found = [{"metric": {"pod": "a"}, "values": [[sampled, "1"]]}]
        elif value:
            found = [{"metric": metric, "value": [now, value]}]
        return web.json_response({"status": "success", "data": {"result": found}})

    return answer


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


async def test_a_shock_that_both_share_is_no_ones_harm(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """Between the two scrapes that lie far apart, both sides fail; no reading has it of one alone."""
    calm, shock = {}, {}
    for place in range(1, 4):
        calm[f"127.0.0.{place}"] = page_of(0, 1000)
        shock[f"127.0.0.{place}"] = page_of(50, 1050)
    async with watching(tmp_path, calm, interval="2s") as watched:
        source = PrometheusCounters(session, watched.url, "trellis", lister(*PODS))
        await seen(source, lambda errors: errors == {"a": 0, "b": 0, "c": 0})
        before = await moments(session, watched.url)
        # The phase of each target follows from its labels: of b and c, the one nearer to a is taken.
        near = min("bc", key=lambda name: abs(apart(before["a"], before[name])))
        canary_first = apart(before["a"], before[near]) > 0
        pair = PrometheusCounters(
            session, watched.url, "trellis", lister(*(p for p in PODS if p.name in {"a", near}))
        )
        await watched.pages.asked(f"127.0.0.{'abc'.index(near if canary_first else 'a') + 1}")
        watched.pages.text.update(shock)
        readings = await seen(pair, lambda errors: errors == {"a": 50, near: 50})
    assert {frozenset(one.values()) for one in readings} == {frozenset({0.0}), frozenset({50.0})}


def apart(one: float, other: float) -> float:
    """Seconds from one to the other, in a circle of two: from -1 to 1."""
    return (other - one + 1) % 2 - 1


async def moments(session: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """When each queue-proxy was scraped last."""
    query = {"query": 'timestamp(up{job="queue-proxy"})'}
    async with session.get(f"{url}/api/v1/query", params=query) as response:
        found = (await response.json())["data"]["result"]
    return {series["metric"]["pod"]: float(series["value"][1]) for series in found}


async def seen(
    source: PrometheusCounters, wanted: Callable[[Mapping[str, float]], bool]
) -> list[dict[str, float]]:
    """Errors by pod, reading by reading, until they are those."""
    found: list[dict[str, float]] = []
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        readings = await source.read("tomato", REVISIONS, (ERRORS,))
        errors = {pod: told.counts["errors"].events for pod, told in readings.counters.items()}
        found.append(errors)
        if wanted(errors):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found[-3:])


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

    async with answering(as_of(12345.0, 12338.0)) as url:
        source = PrometheusCounters(session, url, "trellis", lister(PODS[0]))
        readings = await source.read("tomato", REVISIONS, (ERRORS,))
    assert readings.counters["a"].sampled == pytest.approx(readings.time - 7)


@pytest.mark.parametrize("gone", [{"running": True}, {"running": False, "ready": False}])
async def test_a_pod_that_is_scraped_no_more_takes_no_one_back(
    session: aiohttp.ClientSession, gone: dict[str, bool]
) -> None:
    """A pod that does not run is no one's news; one that does is told to be silent."""
    silent = 108.0 if gone["running"] else 265.0
    scrapes = {"a": 292.0, "b": 287.0, "c": silent}
    asked = []

    async def answer(request: web.Request) -> web.Response:
        form = await request.post()
        query = str(form["query"])
        found: list[object] = []
        if query.startswith("vector("):
            found = [{"metric": {}, "value": [300, "300"]}]
        elif '"up"' in query:
            found = [
                {
                    "metric": {"pod": pod},
                    "values": [[last - 15 * n, "1"] for n in reversed(range(20))],
                }
                for pod, last in scrapes.items()
            ]
        else:
            asked.append(float(str(form["time"])))
        return web.json_response({"status": "success", "data": {"result": found}})

    pods = (*PODS[:2], pod("c", "tomato-predictor-00002", **gone))
    async with answering(answer) as url:
        source = PrometheusCounters(session, url, "trellis", lister(*pods))
        readings = await source.read("tomato", REVISIONS, (ERRORS,))
    assert asked == [292.0, 292.0]
    assert {"a", "b"} <= readings.counters.keys()
    assert ("c" in readings.unread) is gone["running"]


async def test_without_the_predictors_series_means_are_blind_and_not_nothing(
    session: aiohttp.ClientSession,
) -> None:
    """Zeros would make its whole life count with the next page that is read."""

    async with answering(as_of(12345.0, 12345.0)) as url:
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
    async with answering(as_of(12345.0, 12345.0, value)) as url:
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
