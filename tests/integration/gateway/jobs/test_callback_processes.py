import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.jobs.beside_gateway import WorkerBeside
from tests.integration.gateway.jobs.sink import SECRET, Sink
from tests.integration.gateway.processes import FakeUpstream, Gateway, ask, table_of
from tests.integration.redis_server import RedisServer

INFER = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "data": ["a"]}]}).encode()


@pytest.fixture
def gateway(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> Iterator[Gateway]:
    table = table_of({"sentiment": [upstreams[0].arm(model="sentiment", intervals=[[0, 1]])]})
    running = Gateway(
        tmp_path,
        table,
        redis_url=redis_server.url,
        redis_prefix="callbacks",
        callback_secret=SECRET,
        callback_allow="127.0.0.1",
        callback_ports="*",
    )
    running.up()
    yield running
    assert running.stop() == 0


def test_every_accepted_callback_arrives_though_a_worker_is_killed(
    gateway: Gateway, tmp_path: Path
) -> None:
    worker, other = WorkerBeside(tmp_path, gateway), WorkerBeside(tmp_path, gateway)
    sink = Sink(500)
    worker.up()
    accepted = []
    for _ in range(10):
        head = {"prefer": "respond-async", "x-callback-url": sink.url}
        head["content-type"] = "application/json"
        status, _, body = ask("POST", f"{gateway.url}/v2/models/sentiment/infer", INFER, head)
        assert status == 202
        accepted.append(json.loads(body)["id"])
    sink.saw(lambda calls: {call.event["subject"] for call in calls} == set(accepted))
    worker.stop(signal.SIGKILL)
    sink.answer(200)
    before = len(sink.calls)
    other.up()
    try:
        calls = sink.saw(
            lambda calls: {call.event["subject"] for call in calls[before:]} == set(accepted)
        )
    finally:
        assert other.stop() == 0
        sink.close()
    assert all(call.is_signed() for call in calls)
    assert {call.event["data"]["state"] for call in calls} == {"succeeded"}
    ids = {call.event["subject"]: call.headers["webhook-id"] for call in calls}
    assert {call.headers["webhook-id"] for call in calls} == set(ids.values())
