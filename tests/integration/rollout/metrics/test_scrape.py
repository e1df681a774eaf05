"""Pages read over real sockets: whole, refused, slow, too large."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.integration.ports import free_port
from tests.integration.rollout.metrics.pages import Pages, lister, page_of, pod
from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count
from trellis.rollout.metrics import page, scrape
from trellis.rollout.metrics.port import Pod, Readings
from trellis.rollout.metrics.scrape import DirectScrape

ERRORS, LATENCY = Guardrail(metric="errors"), Guardrail(metric="latency", over="250ms")
MEAN, RESTARTS = Guardrail(metric="meanLatency"), Guardrail(metric="restarts")
RAILS = (ERRORS, LATENCY, RESTARTS)
ONE, TWO = "127.0.0.1", "127.0.0.2"


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    serving = Pages()
    await serving.up(ONE, TWO)
    yield serving
    await serving.down()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def read(
    session: aiohttp.ClientSession, *pods: Pod, rails: Any = RAILS, **ports: int
) -> Readings:
    source = DirectScrape(session, lister(*pods), **{"own_port": free_port(), **ports})
    return await source.read("tomato", ["v1", "v2"], rails)


async def test_every_pod_is_read_at_its_own_address(
    pages: Pages, session: aiohttp.ClientSession
) -> None:
    pages.text = {ONE: page_of(3, 100, slow=7), TWO: page_of(0, 40)}
    both = pod("a", "v2", address=ONE), pod("b", "v1", address=TWO)
    readings = await read(session, *both, pod("other", "v0"), proxy_port=pages.port)
    assert readings.pods == tuple(sorted(readings.pods, key=lambda p: p.revision))
    assert readings.counters["a"].counts == {"errors": Count(3, 100), LATENCY.name: Count(7, 100)}
    assert readings.counters["b"].counts["errors"] == Count(0, 40)
    assert (readings.problems, readings.unread) == ({}, {})


async def test_a_refused_port_says_what_to_set_unless_the_pod_begins_or_ends(
    session: aiohttp.ClientSession,
) -> None:
    port = free_port()
    readings = await read(session, pod("a", "v2"), proxy_port=port)
    assert set(readings.problems) == {"errors", LATENCY.name}
    assert "request-metrics-protocol: prometheus in ConfigMap" in readings.problems["errors"]
    beginning = pod("b", "v2", ready=False)
    ending = pod("c", "v2", terminating=True)
    waiting = pod("d", "v2", running=False, ready=False)
    homeless = pod("e", "v2", address=None)
    readings = await read(session, beginning, ending, waiting, homeless, proxy_port=port)
    assert not readings.problems
    assert set(readings.unread) == {"b"}
    assert len(readings.pods) == 4


async def test_slow_and_boundless_pages_are_given_up(
    pages: Pages, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.text = {ONE: page_of(0, 1) + "# filler\n" * 1000}
    monkeypatch.setattr(scrape, "PAGE_BYTES", 4096)
    readings = await read(session, pod("a", "v2"), proxy_port=pages.port)
    assert "queue-proxy's metrics of pod a: more than" in readings.unread["a"]
    monkeypatch.setattr(page, "PAGE_SECONDS", 0.05)
    pages.seconds = 30
    readings = await read(session, pod("a", "v2"), proxy_port=pages.port)
    assert "no answer within 0.05 s" in readings.unread["a"]


async def test_a_page_that_is_none_is_unread(pages: Pages, session: aiohttp.ClientSession) -> None:
    pages.text = {ONE: 'http_server_request_duration_seconds_count{x="1"} many\n'}
    readings = await read(session, pod("a", "v2"), proxy_port=pages.port)
    assert "could not convert string to float" in readings.unread["a"]
    assert not readings.counters


async def test_without_a_queue_proxy_the_predictor_is_asked(
    pages: Pages, session: aiohttp.ClientSession
) -> None:
    pages.text = {
        ONE: 'trellis_requests_total{revision="v2",code="200"} 8\n'
        'trellis_requests_total{revision="v2",code="503"} 2\n'
    }
    readings = await read(session, pod("a", "v2", proxied=False), own_port=pages.port)
    assert readings.counters["a"].counts["errors"] == Count(2, 10)


async def test_means_come_of_the_predictor_unless_tags_were_mixed_in(
    pages: Pages, session: aiohttp.ClientSession
) -> None:
    duration = "trellis_request_duration_seconds"
    own = (
        f'{duration}_count{{revision="v2"}} 4\n{duration}_sum{{revision="v2"}} 2\n'
        f'{duration}_squares_total{{revision="v2"}} 1.5\n'
        'trellis_requests_total{revision="v2",code="200"} 4\n'
    )
    rails = (ERRORS, MEAN)
    ports = {"proxy_port": pages.port, "own_port": pages.port}
    pages.text = {ONE: page_of(0, 4) + own}
    readings = await read(session, pod("a", "v2"), rails=rails, **ports)
    assert readings.counters["a"].moments == {"meanLatency": (4, 2, 1.5)}
    assert readings.counters["a"].witness == 4
    pages.text = {ONE: page_of(0, 4, host="latest-tomato-predictor.trellis") + own}
    readings = await read(session, pod("a", "v2"), rails=rails, **ports)
    assert "meanLatency" in readings.problems
    assert readings.counters["a"].moments == {}


async def test_without_the_predictors_page_means_are_blind_and_the_rest_goes_on(
    pages: Pages, session: aiohttp.ClientSession
) -> None:
    pages.text = {ONE: page_of(3, 10)}
    readings = await read(session, pod("a", "v2"), rails=(ERRORS, MEAN), proxy_port=pages.port)
    assert readings.counters["a"].counts == {"errors": Count(3, 10)}
    assert readings.counters["a"].moments == {}
    assert readings.problems == {"meanLatency": "the predictor of pod a does not listen"}
    ending = pod("a", "v2", terminating=True)
    readings = await read(session, ending, rails=(ERRORS, MEAN), proxy_port=pages.port)
    assert not readings.problems


async def test_a_page_with_a_value_that_is_none_is_unread(
    pages: Pages, session: aiohttp.ClientSession
) -> None:
    pages.text = {ONE: page_of(0, 4).replace(" 4\n", " NaN\n")}
    readings = await read(session, pod("a", "v2"), proxy_port=pages.port)
    assert "stands at nan" in readings.unread["a"]
    assert not readings.counters
