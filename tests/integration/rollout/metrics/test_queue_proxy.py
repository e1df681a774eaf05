"""Knative's own queue-proxy before a predictor that answers, errs, and dies over a request."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from tests.integration.gateway.processes import START_SECONDS
from tests.integration.ports import free_port
from tests.integration.rollout.api_server import program
from tests.integration.rollout.metrics.pages import lister, pod
from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count
from trellis.rollout.metrics.scrape import DirectScrape

ERRORS, LATENCY = Guardrail(metric="errors"), Guardrail(metric="latency", over="250ms")
DIRECT = "tomato.trellis.example.com"


class Predictor(BaseHTTPRequestHandler):
    """``/CODE`` answers so; ``/slow`` takes 300 ms; ``/die`` gives no answer at all."""

    def do_GET(self) -> None:
        if self.path == "/die":
            self.close_connection = True
            return
        if self.path == "/slow":
            time.sleep(0.3)
        self.send_response(200 if self.path == "/slow" else int(self.path[1:]))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


class Proxy(NamedTuple):
    port: int
    metrics_port: int

    def ask(self, path: str, host: str = DIRECT) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.request("GET", path, headers={"host": host})
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    queue = program("knative-queue", "knative")
    predictor = ThreadingHTTPServer(("127.0.0.1", 0), Predictor)
    threading.Thread(target=predictor.serve_forever, daemon=True).start()
    running = Proxy(free_port(), free_port())
    log = tmp_path_factory.mktemp("queue-proxy") / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [str(queue)],
            stdout=output,
            stderr=output,
            env={
                "CONTAINER_CONCURRENCY": "0",
                "QUEUE_SERVING_PORT": str(running.port),
                "QUEUE_SERVING_TLS_PORT": str(free_port()),
                "USER_PORT": str(predictor.server_port),
                "REVISION_TIMEOUT_SECONDS": "60",
                "SERVING_LOGGING_CONFIG": "",
                "SERVING_LOGGING_LEVEL": "",
                "SERVING_NAMESPACE": "trellis",
                "SERVING_SERVICE": "tomato-predictor",
                "SERVING_CONFIGURATION": "tomato-predictor",
                "SERVING_REVISION": "tomato-predictor-00002",
                "SERVING_POD": "tomato-predictor-00002-a",
                "SERVING_POD_IP": "127.0.0.1",
                "OBSERVABILITY_CONFIG": '{"requestMetrics":{"protocol":"prometheus",'
                f'"endpoint":":{running.metrics_port}"}}}}',
                "PATH": os.environ["PATH"],
            },
        )
    try:
        _until_it_answers(running, child, log)
        yield running
    finally:
        child.kill()
        child.wait(10)
        predictor.shutdown()
        predictor.server_close()


def _until_it_answers(proxy: Proxy, child: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert child.poll() is None, log.read_text()
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", proxy.metrics_port), 1),
            socket.create_connection(("127.0.0.1", proxy.port), 1),
        ):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


async def test_it_counts_a_death_as_an_error_and_tells_hosts_apart(proxy: Proxy) -> None:
    asked = ["/200", "/200", "/404", "/500", "/die", "/slow"]
    assert [proxy.ask(path) for path in asked] == [200, 200, 404, 500, 502, 200]
    assert proxy.ask("/500", "latest-tomato-predictor.trellis.example.com") == 500
    async with aiohttp.ClientSession() as session:
        pods = lister(pod("a", "v2"))
        source = DirectScrape(session, pods, proxy_port=proxy.metrics_port, own_port=free_port())
        readings = await source.read("tomato", ["v2"], (ERRORS, LATENCY))
    assert (readings.problems, readings.unread) == ({}, {})
    counters = readings.counters["a"]
    assert counters.counts == {"errors": Count(2, 6), LATENCY.name: Count(1, 6)}
    assert counters.requests == 7
