"""A gateway with all that experiments need: two versions, a Redis, a controller."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.integration.gateway.controller import ControllerProcess
from tests.integration.gateway.controller_server import TOKEN
from tests.integration.gateway.processes import (
    FakeUpstream,
    Gateway,
    ask,
    get,
    post_json,
    table_of,
)
from tests.integration.redis_server import RedisServer

ADMIN_KEY = "an-admin-key-of-the-tests-long-enough"

Told = tuple[int, Any]


class Stand(NamedTuple):
    """What runs."""

    gateway: Gateway
    redis: RedisServer
    controller: ControllerProcess
    prefix: str

    def predict(self, unit: str, request_id: str, model: str = "leaf", **headers: str) -> int:
        given = {"x-unit-id": unit, "x-request-id": request_id, **headers}
        url = f"{self.gateway.url}/v2/models/{model}/infer"
        return post_json(url, {"inputs": []}, given)[0]

    def feedback(self, document: Any, headers: dict[str, str] | None = None) -> Told:
        status, _, body = post_json(f"{self.gateway.url}/feedback", document, headers)
        return status, json.loads(body)

    def read(self, path: str, headers: dict[str, str] | None = None) -> Told:
        status, _, body = get(self.gateway.url + path, headers)
        return status, json.loads(body)

    def metric(self, name: str) -> float:
        """One sample, ``name`` with its labels as the page has them; 0 before the first."""
        page = get(self.gateway.metrics_url)[2].decode()
        found = [line for line in page.splitlines() if line.startswith(f"{name} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    def post(self, path: str, headers: dict[str, str] | None = None) -> Told:
        status, _, body = ask("POST", self.gateway.url + path, b"", headers)
        return status, json.loads(body)


def make_key(stand: Stand, *flags: str) -> str:
    """A key as a person makes one."""
    command = ["keys", "create", "--redis_url", stand.redis.url, "--redis_prefix", stand.prefix]
    child = subprocess.run(
        [sys.executable, "-m", "trellis.cli", *command, *flags],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return next(word for word in child.stdout.split() if word.startswith("tk_"))


def recorded_table(one: FakeUpstream, two: FakeUpstream) -> dict[str, Any]:
    """``leaf`` is halved between v1 and v2 in the experiment ``colours``; ``squares`` is not recorded."""
    halves = [
        one.arm(model="leaf", intervals=[[0, 0.5]], role="stable"),
        two.arm(model="leaf", intervals=[[0.5, 1]], role="arm"),
    ]
    leaf = {"arms": halves, "experiment": "colours", "record": True, "attributionWindow": 3600}
    return table_of({"leaf": leaf, "squares": [one.arm(intervals=[[0, 1]])]})


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    folder = tmp_path_factory.mktemp("upstreams")
    pair = FakeUpstream("v1", folder), FakeUpstream("v2", folder)
    for upstream in pair:
        upstream.up()
    yield pair
    for upstream in pair:
        upstream.stop()


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControllerProcess]:
    process = ControllerProcess(tmp_path_factory.mktemp("controller"))
    process.up()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def stand(
    both: tuple[FakeUpstream, FakeUpstream],
    controller: ControllerProcess,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stand]:
    """Open mode: everybody is an operator."""
    yield from _stand("open", {}, both, controller, redis_server, tmp_path_factory)


@pytest.fixture(scope="module")
def closed(
    both: tuple[FakeUpstream, FakeUpstream],
    controller: ControllerProcess,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stand]:
    """Keys are asked for."""
    settings = {"auth": "keys", "admin_key": ADMIN_KEY}
    yield from _stand("closed", settings, both, controller, redis_server, tmp_path_factory)


def _stand(
    prefix: str,
    settings: dict[str, Any],
    both: tuple[FakeUpstream, FakeUpstream],
    controller: ControllerProcess,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stand]:
    folder: Path = tmp_path_factory.mktemp(f"gateway-{prefix}")
    gateway = Gateway(
        folder,
        recorded_table(*both),
        redis_url=redis_server.url,
        redis_prefix=prefix,
        controller_url=controller.url,
        controller_token=TOKEN,
        **settings,
    )
    gateway.up()
    yield Stand(gateway, redis_server, controller, prefix)
    assert gateway.stop() == 0
