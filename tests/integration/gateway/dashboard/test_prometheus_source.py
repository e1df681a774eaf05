"""The other source, before a real Prometheus that scrapes a real gateway and a real predictor."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from aiohttp import web

from tests.integration.gateway.processes import (
    START_SECONDS,
    Gateway,
    Process,
    post_json,
    table_of,
    wait_for,
)
from tests.integration.ports import free_port
from trellis.gateway.dashboard.figures import figures_of
from trellis.gateway.dashboard.prometheus_source import PrometheusSource
from trellis.gateway.dashboard.source import SourceDown
from trellis.gateway.dashboard.window import PREDICTIONS, REQUESTS, Window

PROMETHEUS = shutil.which("prometheus")
SERVED = ("leaf", "v1", "leaf-00001")
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: gateway
    static_configs: [{{targets: ["{gateway}"], labels: {{namespace: trellis}}}}]
  - job_name: predictors
    static_configs: [{{targets: ["{predictor}"], labels: {{namespace: trellis}}}}]
"""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Gateway]]:
    """Prometheus' address, and the gateway that it watches."""
    if PROMETHEUS is None and "TRELLIS_REQUIRE_TOOLS" not in os.environ:
        pytest.skip("needs prometheus on the PATH")
    folder = tmp_path_factory.mktemp("prometheus")
    predictor_port, port = free_port(), free_port()
    ports = [f"--http_port={predictor_port}", f"--grpc_port={free_port()}"]
    argv = [sys.executable, "-m", "trellis.serving", "models/sentiment/v1", *ports]
    predictor = Process(argv, folder / "predictor.log")
    predictor.start()
    wait_for(f"http://127.0.0.1:{predictor_port}/health", predictor)
    model, version, revision = SERVED
    arm = {
        "url": f"http://127.0.0.1:{predictor_port}",
        "model": "sentiment",
        "version": version,
        "revision": revision,
        "intervals": [[0, 1]],
    }
    gateway = Gateway(folder, table_of({model: [arm]}))
    gateway.up()
    config = folder / "prometheus.yml"
    config.write_text(
        CONFIG.format(
            gateway=f"127.0.0.1:{gateway.metrics_port}", predictor=f"127.0.0.1:{predictor_port}"
        )
    )
    watching = Process(
        [
            PROMETHEUS or "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        folder / "prometheus.log",
    )
    watching.start()
    wait_for(f"http://127.0.0.1:{port}/-/ready", watching)
    yield f"http://127.0.0.1:{port}", gateway
    watching.stop()
    assert gateway.stop() == 0
    predictor.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def until_counted(source: PrometheusSource, gateway: Gateway) -> Window:
    """Ask the gateway again and again until Prometheus tells of requests, rows and latencies."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        body = {"text": f"a lovely film {time.monotonic()}"}
        await asyncio.to_thread(post_json, f"{gateway.url}/predict/leaf", body)
        window = await source.window()
        rows = sum(window.increases[PREDICTIONS].values())
        # Gateway and predictor are read at different moments.
        if rows > 1 and window.latency and window.increases[REQUESTS] and window.traffic:
            return window
        await asyncio.sleep(0.1)
    raise AssertionError("Prometheus counted nothing")


async def test_gateways_tell_of_requests_and_predictors_of_answers(
    prometheus: tuple[str, Gateway], session: aiohttp.ClientSession
) -> None:
    url, gateway = prometheus
    window = await until_counted(PrometheusSource(session, url, "trellis"), gateway)
    assert set(window.increases[REQUESTS]) == {(*SERVED, "200")}
    assert set(window.traffic) == {SERVED}
    figures = figures_of(window)
    assert figures.total.requests > 0
    assert figures.total.errors == 0
    assert 0 < (figures.total.p95 or 0) < 60
    (answers,) = figures.answers.values()
    assert {label for label, _ in answers.labels} <= {"positive", "negative"}
    assert answers.confidence is not None
    assert sum(answers.confidence) == pytest.approx(1)


async def test_another_namespace_is_not_shown(
    prometheus: tuple[str, Gateway], session: aiohttp.ClientSession
) -> None:
    url, gateway = prometheus
    await until_counted(PrometheusSource(session, url), gateway)
    window = await PrometheusSource(session, url, 'other"} or vector(1) #').window()
    assert not any(window.increases.values())
    assert not window.traffic


async def test_without_prometheus_the_operator_is_told(session: aiohttp.ClientSession) -> None:
    source = PrometheusSource(session, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SourceDown, match="Prometheus cannot be reached"):
        await source.window()


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, b"<html>", "could not be read"),
        (200, b"[]", "could not be read"),
        (200, json.dumps({"status": "success", "data": {}}).encode(), "could not be read"),
        (
            422,
            json.dumps({"status": "error", "error": "query timed out"}).encode(),
            "answered 422: query timed out",
        ),
    ],
)
async def test_what_is_no_answer_of_prometheus_is_told_in_words(
    session: aiohttp.ClientSession, status: int, body: bytes, sentence: str
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_post("/api/v1/{route}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        with pytest.raises(SourceDown, match=sentence):
            await PrometheusSource(session, f"http://127.0.0.1:{port}").window()
    finally:
        await runner.cleanup()
