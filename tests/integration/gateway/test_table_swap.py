"""Tables that change under load: every answer is by one of them, whole."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.gateway.processes import FakeUpstream, Gateway, table_of
from tests.integration.redis_server import RedisServer

CALLERS = 8
SWAPS = 12
#: Where v2's part of the line begins in the one table and in the other.
BEGINS = (0.8, 0.2)
V2 = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["so glad"]}]}


def table(upstreams: tuple[FakeUpstream, FakeUpstream], number: int) -> dict[str, Any]:
    one, two = upstreams
    begins = BEGINS[number % 2]
    arms = [
        one.arm(model="sentiment", fingerprint="sha256:v1", intervals=[[0, begins]], role="stable"),
        two.arm(model="sentiment", fingerprint="sha256:v2", intervals=[[begins, 1]], role="canary"),
    ]
    return table_of({"sentiment": arms}, version=number)


def versions_of(unit: str) -> set[str]:
    """What the unit may be answered by, with either table."""
    digest = blake2b(unit.encode(), key=b"salt of sentiment").digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    return {"v2" if point >= begins else "v1" for begins in BEGINS}


@pytest.fixture
def gateway(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> Iterator[Gateway]:
    running = Gateway(
        tmp_path,
        table(upstreams, 0),
        cache_redis_url=redis_server.url,
        redis_prefix="swap",
        cache_timeout=2,
    )
    running.up()
    yield running
    assert running.stop() == 0


async def test_no_request_is_answered_by_a_version_that_no_table_gave_it(
    gateway: Gateway, upstreams: tuple[FakeUpstream, FakeUpstream]
) -> None:
    stop = asyncio.Event()
    served: Counter[str] = Counter()

    async def caller(session: aiohttp.ClientSession, draw: random.Random) -> None:
        url = f"{gateway.url}/v2/models/sentiment/infer"
        while not stop.is_set():
            unit = f"user {draw.randrange(40)}"
            asked = draw.choice((None, None, "v1", "v2"))
            headers = {"x-unit-id": unit, **({"x-model-version": asked} if asked else {})}
            async with session.post(url, json=V2, headers=headers) as response:
                assert response.status == 200, await response.text()
                version = (await response.json())["model_version"]
                cache = response.headers["x-cache"]
            if asked is None:
                assert version in versions_of(unit), unit
            else:
                assert version == asked == response.headers["x-model-version"]
            served[version] += 1
            served[cache] += 1

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(caller(session, random.Random(number)))
        for number in range(1, SWAPS + 1):
            gateway.write_table(table(upstreams, number))
            async with asyncio.timeout(20):
                while (  # noqa: ASYNC110 - the gateway has no event for a test
                    await asyncio.to_thread(gateway.metric, "trellis_routing_table_version")
                ) != number:
                    await asyncio.sleep(0.02)
        stop.set()
    assert min(served["v1"], served["v2"]) > 50
    assert served["hit"] > 50
