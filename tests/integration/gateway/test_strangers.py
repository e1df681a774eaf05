"""What needs no key and asks predictors: the page, its pictures, the list of models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.processes import FakeUpstream, Gateway, get, table_of
from tests.integration.redis_server import RedisServer

PATHS = ("/", "/models/sentiment/examples/0", "/models")


@pytest.fixture
def limited(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> Iterator[Gateway]:
    """An open gateway that takes as many requests of an address as there are paths, and no more."""
    arm = upstreams[0].arm(model="sentiment", intervals=[[0, 1]])
    gateway = Gateway(
        tmp_path,
        table_of({"sentiment": [arm]}),
        redis_url=redis_server.url,
        redis_prefix="strangers",
        address_rate=0.001,
        address_burst=len(PATHS),
    )
    gateway.up()
    yield gateway
    assert gateway.stop() == 0


def test_each_counts_at_the_limit_of_its_address(limited: Gateway) -> None:
    first = [get(limited.url + path)[0] for path in PATHS]
    assert first == [200, 404, 200]  # the example of that model is no picture
    for path in PATHS:
        status, headers, body = get(limited.url + path)
        assert status == 429
        assert int(headers["retry-after"]) > 1
        assert headers["ratelimit-remaining"] == "0"
        assert b"requests a second" in body
    assert get(f"{limited.url}/health")[0] == 200
