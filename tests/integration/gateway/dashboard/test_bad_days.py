"""The dashboard while what it looks at is gone: it says so, and shows the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.gateway.controller import ControllerProcess
from tests.integration.gateway.controller_server import TOKEN
from tests.integration.gateway.processes import FakeUpstream, Gateway, ask, get, post_json, table_of
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer


class Stack(NamedTuple):
    gateway: Gateway
    redis: RedisServer
    controller: ControllerProcess

    def page(self) -> str:
        status, _, body = get(f"{self.gateway.url}/dashboard")
        assert status == 200
        return body.decode()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    upstream = FakeUpstream("v1", tmp_path)
    upstream.up()
    redis, controller = RedisServer(tmp_path), ControllerProcess(tmp_path)
    redis.start()
    controller.up()
    arms = [upstream.arm(model="sentiment", intervals=[[0, 1]], role="stable")]
    gateway = Gateway(
        tmp_path,
        table_of({"leaf": {"arms": arms, "experiment": "colours", "record": True}}),
        redis_url=redis.url,
        controller_url=controller.url,
        controller_token=TOKEN,
    )
    gateway.up()
    yield Stack(gateway, redis, controller)
    assert gateway.stop() == 0
    redis.stop()
    controller.stop()
    upstream.stop()


def test_without_redis_the_figures_and_the_models_are_still_there(stack: Stack) -> None:
    assert post_json(f"{stack.gateway.url}/predict/leaf", {"text": "lovely"})[0] == 200
    stack.redis.kill()
    page = stack.page()
    jobs = page.partition('data-panel="jobs"')[2].partition("</section>")[0]
    experiments = page.partition('data-panel="experiments"')[2].partition("</section>")[0]
    for panel in (jobs, experiments):
        assert 'class="note"' in panel
        assert "<table" not in panel
    assert "/versions/v1/" in page
    assert "/dashboard/charts/traffic.svg" in page
    replay = ask("POST", f"{stack.gateway.url}/dashboard/jobs/a-b/replay", b"")
    assert replay[0] in {404, 503}
    stack.redis.start()


def test_without_its_controller_the_routing_table_is_shown_and_nothing_moves(
    stack: Stack,
) -> None:
    stack.controller.stop()
    page = stack.page()
    assert "What the routing table says is shown instead." in page
    assert "v1-1" in page
    status, _, body = ask(
        "POST", f"{stack.gateway.url}/dashboard/models/leaf/versions/v1/activate", b""
    )
    assert status == 503
    assert b"The controller does not answer" in body
    stack.controller.start()


def test_without_prometheus_only_the_figures_are_missing(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, table_of({}), prometheus_url=f"http://127.0.0.1:{free_port()}")
    gateway.up()
    status, _, body = get(f"{gateway.url}/dashboard")
    assert status == 200
    assert b"Prometheus cannot be reached" in body
    assert b"Where this gateway process runs" in body
    assert get(f"{gateway.url}/dashboard/charts/traffic.svg")[0] == 404
    assert gateway.stop() == 0


REQUESTS = (
    ("POST", "/dashboard", 405),
    ("GET", "/dashboard/sign-in", 405),
    ("POST", "/dashboard/events", 405),
    ("GET", "/dashboard/charts/none.svg", 404),
    ("GET", "/dashboard/charts/..%2f..%2fetc.svg", 404),
    ("POST", "/dashboard/models/leaf/versions/v9/activate", 404),
    ("POST", "/dashboard/models/%00/versions/%ff/rollback", 404),
    ("POST", "/dashboard/jobs/none/replay", 404),
    ("GET", "/dashboard?done=%3Cscript%3E", 200),
)


def test_bad_requests_get_their_status(stack: Stack) -> None:
    for method, path, status in REQUESTS:
        sent = b"" if method == "POST" else None
        answered, _, body = ask(method, stack.gateway.url + path, sent)
        assert answered == status, (method, path)
        assert b"<script>" not in body
        assert b"Traceback" not in body
