from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.integration.gateway.browsing import chromium
from tests.integration.gateway.controller import ControllerProcess
from tests.integration.gateway.controller_server import TOKEN
from tests.integration.gateway.processes import FakeUpstream, Gateway, table_of
from tests.integration.redis_server import RedisServer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real one, for tests of pages (``browsing.needs_chromium``)."""
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def upstreams(folder: Path) -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    """Two versions, v1 and v2."""
    both = FakeUpstream("v1", folder), FakeUpstream("v2", folder)
    for upstream in both:
        upstream.up()
    yield both
    for upstream in both:
        upstream.stop()


@pytest.fixture(scope="module")
def gateway(folder: Path, upstreams: tuple[FakeUpstream, FakeUpstream]) -> Iterator[Gateway]:
    """80 % of units to v1 and 20 % to v2, and models of each kind on v1."""
    running = Gateway(folder, _kinds(*upstreams), **_SETTINGS)
    running.up()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def whole_gateway(
    upstreams: tuple[FakeUpstream, FakeUpstream],
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    """As ``gateway``, with a durable Redis and a controller, so that every route is there."""
    folder = tmp_path_factory.mktemp("whole-gateway")
    controller = ControllerProcess(folder)
    controller.up()
    running = Gateway(
        folder,
        _kinds(*upstreams),
        redis_url=redis_server.url,
        redis_prefix="whole",
        controller_url=controller.url,
        controller_token=TOKEN,
        **_SETTINGS,
    )
    running.up()
    yield running
    assert running.stop() == 0
    controller.stop()


_SETTINGS: dict[str, Any] = {
    "default_model": "sentiment",
    "max_body_bytes": 1_000_000,
    "request_timeout": 3,
    "connect_wait": 1,
}


def _kinds(one: FakeUpstream, two: FakeUpstream) -> dict[str, Any]:
    everybody = [[0, 1]]
    kinds = {
        name: [one.arm(model=name, intervals=everybody)]
        for name in ("sentiment", "leaf", "rows", "squares", "asleep")
    }
    split = [
        one.arm(model="sentiment", intervals=[[0, 0.8]], role="stable"),
        two.arm(model="sentiment", intervals=[[0.8, 1]], role="canary"),
    ]
    named = {"host": "prev-tagged.example:80", "revision": "tagged-00001"}
    renamed = [two.arm(model="sentiment", intervals=everybody, **named)]
    return table_of({**kinds, "split": split, "renamed": renamed})
