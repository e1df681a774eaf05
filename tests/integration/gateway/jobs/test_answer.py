import asyncio
import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.integration.gateway.access.doors import key_store, make_key
from tests.integration.gateway.jobs.beside_gateway import WorkerBeside
from tests.integration.gateway.jobs.workers import jobs_of
from tests.integration.gateway.processes import Answer, FakeUpstream, Gateway, ask, get, table_of
from tests.integration.redis_server import RedisServer
from trellis.gateway.jobs.document import EMBEDDED_BYTES
from trellis.gateway.jobs.keys import new_name
from trellis.gateway.jobs.queue import Answer as JobAnswer
from trellis.gateway.jobs.queue import Entry, Lease
from trellis.gateway.jobs.store import AT_ONCE_BYTES

INFER = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "data": ["a"]}]}).encode()
ADMIN_KEY = "an-admin-key-of-the-tests-long-enough"
NOBODY = "00000000-000000000000000000000000"


@contextmanager
def gateway_on(
    folder: Path, redis: RedisServer, upstream: FakeUpstream, **settings: Any
) -> Iterator[Gateway]:
    table = table_of({"sentiment": [upstream.arm(model="sentiment", intervals=[[0, 1]])]})
    running = Gateway(folder, table, redis_url=redis.url, **settings)
    running.up()
    try:
        yield running
    finally:
        assert running.stop() == 0


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    upstreams: tuple[FakeUpstream, FakeUpstream],
    redis_server: RedisServer,
) -> Iterator[Gateway]:
    """Without a worker: jobs wait until a test starts one."""
    folder = tmp_path_factory.mktemp("answer")
    with gateway_on(folder, redis_server, upstreams[0], redis_prefix="answer") as running:
        yield running


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


def submit(gateway: Gateway, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    head = {"content-type": "application/json", "prefer": "respond-async", **named}
    status, _, body = ask("POST", f"{gateway.url}/v2/models/sentiment/infer", INFER, head)
    assert status == 202, body
    job: str = json.loads(body)["id"]
    return job


def patient(gateway: Gateway, path: str) -> Answer:
    """What a caller gets who would wait for longer than the test."""
    return get(f"{gateway.url}/jobs/{path}", {"prefer": "wait=50"})


def until_waiting(gateway: Gateway, callers: int) -> None:
    """Until so many wait."""
    until = time.monotonic() + 30
    while gateway.metric("trellis_job_waiters") != callers:
        assert time.monotonic() < until
        time.sleep(0.02)


def told(answer: Answer) -> dict[str, Any]:
    assert answer[0] in {200, 202}, answer
    document: dict[str, Any] = json.loads(answer[2])
    return document


def refused(answer: Answer, status: int) -> str:
    assert answer[0] == status, answer
    document = json.loads(answer[2])
    assert list(document) == ["error"]
    sentence: str = document["error"]
    return sentence


def test_a_waiting_job_is_told_at_once_and_says_when_to_come_again(gateway: Gateway) -> None:
    job = submit(gateway)
    status, headers, body = get(f"{gateway.url}/jobs/{job}", {"x-request-id": "mine"})
    assert status == 200
    assert headers["retry-after"] == "1"
    assert headers["cache-control"] == "no-store"
    assert headers["x-request-id"] == "mine"
    document = json.loads(body)
    assert (document["state"], document["result"], document["attempts"]) == ("queued", None, 0)
    status, headers, body = get(f"{gateway.url}/jobs/{job}/result")
    assert (status, headers["retry-after"], json.loads(body)["state"]) == (202, "1", "queued")


def test_a_long_poll_ends_when_the_job_does(gateway: Gateway, tmp_path: Path) -> None:
    jobs = [submit(gateway) for _ in range(20)]
    paths = [f"{job}{'/result' if at % 2 else ''}" for at, job in enumerate(jobs)]
    with ThreadPoolExecutor(20) as pool:
        polls = [pool.submit(patient, gateway, path) for path in paths]
        until_waiting(gateway, 20)
        worker = WorkerBeside(tmp_path, gateway)
        worker.up()
        answers = [poll.result() for poll in polls]
    assert worker.stop() == 0
    assert [answer[0] for answer in answers] == [200] * 20
    assert [told(answer)["state"] for answer in answers[::2]] == ["succeeded"] * 10
    assert all("outputs" in told(answer) for answer in answers[1::2])


def test_a_long_poll_is_answered_when_its_time_is_over(gateway: Gateway) -> None:
    job = submit(gateway)
    began = time.monotonic()
    status, headers, body = get(f"{gateway.url}/jobs/{job}", {"prefer": "wait=1"})
    assert time.monotonic() - began >= 1
    assert (status, json.loads(body)["state"]) == (200, "queued")
    assert headers["preference-applied"] == "wait=1"


async def finish(server: RedisServer, job: str, body: bytes) -> None:
    """End a job as a worker does."""
    async with jobs_of(server, "answer") as jobs:
        name = job.partition("-")[2]
        lease = Lease(name, new_name())
        entry = await jobs.ask("HGET", jobs.keys.job(name), "entry")
        assert await jobs.queue.start(Entry(entry.decode(), name), lease) is not None
        headers = (("content-type", "application/json"),)
        assert await jobs.queue.finish(lease, "succeeded", JobAnswer(200, headers, body))


@pytest.mark.parametrize("length", [AT_ONCE_BYTES * 2, EMBEDDED_BYTES * 2])
def test_a_long_result_is_whole_at_its_address_and_in_the_document_up_to_a_bound(
    gateway: Gateway, redis_server: RedisServer, length: int
) -> None:
    job, body = submit(gateway), b'["%s"]' % (b"x" * length)
    with ThreadPoolExecutor(2) as pool:
        polls = [pool.submit(patient, gateway, path) for path in (f"{job}/result", job)]
        until_waiting(gateway, 2)
        asyncio.run(finish(redis_server, job, body))
        waited = [poll.result() for poll in polls]
    at_once = [get(f"{gateway.url}/jobs/{path}") for path in (f"{job}/result", job)]
    for result, document in (waited, at_once):
        assert (result[0], result[2]) == (200, body)
        embedded = json.loads(body) if len(body) <= EMBEDDED_BYTES else None
        assert (told(document)["state"], told(document)["result"]) == ("succeeded", embedded)


def test_a_cancelled_job_ends_its_long_poll_and_stays_cancelled(gateway: Gateway) -> None:
    job = submit(gateway)
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(patient, gateway, job)
        until_waiting(gateway, 1)
        first = told(ask("DELETE", f"{gateway.url}/jobs/{job}"))
        polled = told(poll.result())
    assert (first["state"], polled["state"]) == ("cancelled", "cancelled")
    assert told(ask("DELETE", f"{gateway.url}/jobs/{job}")) == first
    assert "cancelled" in refused(get(f"{gateway.url}/jobs/{job}/result"), 404)


@pytest.mark.parametrize("job", [NOBODY, "x", "%00", "..%2f..", "a" * 3000, "ä".encode().hex()])
@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "/result"), ("DELETE", "")])
def test_an_unknown_job_is_named(gateway: Gateway, job: str, method: str, tail: str) -> None:
    submit(gateway)
    sentence = refused(ask(method, f"{gateway.url}/jobs/{job}{tail}"), 404)
    assert len(sentence) < 300


def test_other_methods_are_refused(gateway: Gateway) -> None:
    job = submit(gateway)
    assert ask("PUT", f"{gateway.url}/jobs/{job}", b"{}")[0] == 405
    assert ask("DELETE", f"{gateway.url}/jobs/{job}/result")[0] == 405


def test_a_callers_leaving_ends_its_long_poll(gateway: Gateway) -> None:
    job = submit(gateway)
    with socket.create_connection(("127.0.0.1", gateway.http_port)) as caller:
        caller.sendall(
            f"GET /jobs/{job} HTTP/1.1\r\nhost: localhost\r\nprefer: wait=50\r\n\r\n".encode()
        )
        until_waiting(gateway, 1)
    until_waiting(gateway, 0)
    assert "Traceback" not in gateway.log.read_text()


def test_two_thousand_callers_wait_in_one_small_process(gateway: Gateway) -> None:
    jobs = [submit(gateway) for _ in range(20)]
    with ExitStack() as callers:
        for at in range(2000):
            caller = socket.create_connection(("127.0.0.1", gateway.http_port))
            callers.enter_context(caller)
            path = f"/jobs/{jobs[at % len(jobs)]}"
            caller.sendall(
                f"GET {path} HTTP/1.1\r\nhost: localhost\r\nprefer: wait=50\r\n\r\n".encode()
            )
        until_waiting(gateway, 2000)
        assert _resident_bytes(gateway) < 300 * 2**20
    until_waiting(gateway, 0)


def _resident_bytes(gateway: Gateway) -> int:
    pages = Path(f"/proc/{gateway.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_drain_answers_everybody_who_waits(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> None:
    with ThreadPoolExecutor(5) as pool:
        with gateway_on(tmp_path, redis_server, upstreams[0], redis_prefix="drain") as draining:
            job = submit(draining)
            polls = [pool.submit(patient, draining, job) for _ in range(5)]
            until_waiting(draining, 5)
        assert [told(poll.result())["state"] for poll in polls] == ["queued"] * 5


def test_jobs_of_an_emptied_store_are_said_to_be_lost(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], own_redis: RedisServer
) -> None:
    with gateway_on(tmp_path, own_redis, upstreams[0]) as running:
        job = submit(running)
        with Redis.from_url(own_redis.url) as redis:
            redis.flushall()
        sentence = refused(get(f"{running.url}/jobs/{job}"), 404)
        assert job in sentence
        assert "lost" in sentence
        assert submit(running) != job


def test_a_store_that_is_away_is_503_and_back_again_has_every_job(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], own_redis: RedisServer
) -> None:
    with gateway_on(tmp_path, own_redis, upstreams[0]) as running:
        job = submit(running)
        own_redis.kill()
        head = {"content-type": "application/json", "prefer": "respond-async"}
        for method, path, body in (
            ("POST", "/v2/models/sentiment/infer", INFER),
            ("GET", f"/jobs/{job}", None),
            ("GET", f"/jobs/{job}/result", None),
            ("DELETE", f"/jobs/{job}", None),
        ):
            answer = ask(method, running.url + path, body, head)
            assert "6379" not in refused(answer, 503)
            assert str(own_redis.port) not in refused(answer, 503)
            assert int(answer[1]["retry-after"]) >= 1
        assert get(f"{running.url}/health")[0] == 200
        own_redis.start()
        assert told(get(f"{running.url}/jobs/{job}"))["state"] == "queued"


async def test_a_job_is_only_its_own_keys_and_the_admins_to_see(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], redis_server: RedisServer
) -> None:
    async with key_store(redis_server, "owned") as store:
        mine, other = await make_key(store), await make_key(store)
        feedback = await make_key(store, scopes=["feedback"])
        elsewhere = await make_key(store, models=["other-*"])
    settings = {"redis_prefix": "owned", "auth": "keys", "admin_key": ADMIN_KEY}
    with gateway_on(tmp_path, redis_server, upstreams[0], **settings) as running:
        job = submit(running, x_api_key=mine, idempotency_key="k")
        url = f"{running.url}/jobs/{job}"
        assert told(get(url, {"x-api-key": mine}))["id"] == job
        assert told(get(url, {"authorization": f"Bearer {ADMIN_KEY}"}))["id"] == job
        for method in ("GET", "DELETE"):
            assert job in refused(ask(method, url, None, {"x-api-key": other}), 404)
            refused(ask(method, url), 401)
            refused(ask(method, url, None, {"x-api-key": feedback}), 403)
        assert submit(running, x_api_key=other, idempotency_key="k") != job
        head = {"prefer": "respond-async", "content-type": "application/json"}
        for key, status in ((feedback, 403), (elsewhere, 403), ("tk_wrong", 401)):
            asked = {**head, "x-api-key": key}
            refused(ask("POST", f"{running.url}/v2/models/sentiment/infer", INFER, asked), status)
        assert told(ask("DELETE", url, None, {"x-api-key": mine}))["state"] == "cancelled"
