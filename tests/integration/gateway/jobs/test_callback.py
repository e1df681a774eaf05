import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from structlog.testing import capture_logs

from tests.integration.gateway.access.doors import until
from tests.integration.gateway.jobs.sink import SECRET, Sink
from tests.integration.redis_server import RedisServer
from trellis.gateway.jobs import callback
from trellis.gateway.jobs.callback import CallbackSender
from trellis.gateway.jobs.callback_queue import CallbackQueue
from trellis.gateway.jobs.keys import JobKeys, read_id
from trellis.gateway.jobs.opening import job_queue, open_jobs
from trellis.gateway.jobs.queue import Answer, Entry, JobQueue, Lease
from trellis.gateway.jobs.safe_address import AddressRules, HostLookup
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.jobs.types import NewJob
from trellis.gateway.redis_clients import durable_redis
from trellis.gateway.settings import Settings
from trellis.telemetry.metrics import GatewayMetrics
from trellis.web.pauses import Pauses
from trellis.web.signing import WebhookSigner

ANSWER = Answer(200, (("content-type", "application/json"),), b'{"outputs":[4.0]}')
QUICK = Pauses(0.02, 0.1)


@dataclass
class Bench:
    """A store with jobs to finish, and what senders need."""

    redis: Redis
    keys: JobKeys
    store: JobStore
    queue: JobQueue
    metrics: GatewayMetrics
    registry: CollectorRegistry

    async def finished_job(self, url: str) -> str:
        """A job that has just succeeded, whose callback is due; returns its id."""
        job = NewJob("POST", "/v2/models/m/infer", (), b"{}", "m", 60.0, callback=url)
        submitted = await self.store.submit(job)
        await self.finish(submitted.id, "succeeded")
        return submitted.id

    async def finish(self, job: str, how: str) -> None:
        name = _name(job)
        lease = Lease(name, uuid.uuid4().hex)
        entry = await self.redis.hget(self.keys.job(name), "entry")
        assert isinstance(entry, bytes)
        assert await self.queue.start(Entry(entry.decode(), name), lease) is not None
        if how == "succeeded":
            assert await self.queue.finish(lease, "succeeded", ANSWER)
        else:
            told = await self.queue.retry(lease, 0.0, "the model's predictor is down", None)
            assert told == "dead"

    def sender(
        self, attempts: int = 5, allow: str = "127.0.0.0/8", pauses: Pauses = QUICK
    ) -> CallbackSender:
        return CallbackSender(
            CallbackQueue(self.redis, self.keys),
            self.store,
            WebhookSigner(SECRET),
            AddressRules(allow, "*"),
            HostLookup(),
            self.metrics,
            attempts=attempts,
            pauses=pauses,
        )

    @asynccontextmanager
    async def sending(self, sender: CallbackSender) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(sender.run())
        yield task
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await sender._queue.settle()

    async def settled(self) -> None:
        """Until nothing is owed any more."""
        await until(self._nothing_owed)
        assert not await self.redis.exists(self.keys.callback_attempts)

    def outcomes(self, outcome: str) -> float:
        labels = {"outcome": outcome}
        return self.registry.get_sample_value("trellis_callbacks_total", labels) or 0.0

    async def counted(self, outcome: str, times: float) -> None:
        async def counted() -> bool:
            return self.outcomes(outcome) >= times

        await until(counted)

    async def _nothing_owed(self) -> bool:
        return not await self.redis.zcard(self.keys.callbacks)


def _name(job: str) -> str:
    known = read_id(job)
    assert known is not None
    return known.name


@asynccontextmanager
async def bench_on(server: RedisServer) -> AsyncIterator[Bench]:
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry)
    settings = Settings(
        _env_file=None,
        routing_table_file=Path("table.json"),
        redis_url=server.url,
        redis_prefix=f"test-{uuid.uuid4().hex[:12]}",
        job_attempts=1,
    )
    redis = durable_redis(server.url)
    async with open_jobs(settings, metrics) as store:
        assert store is not None
        keys = JobKeys(settings.redis_prefix)
        queue = job_queue(settings, redis, metrics)
        yield Bench(redis, keys, store, queue, metrics, registry)
        await queue.settle()
    await redis.aclose()


@pytest_asyncio.fixture
async def bench(each_redis_server: RedisServer) -> AsyncIterator[Bench]:
    async with bench_on(each_redis_server) as opened:
        yield opened


@pytest.fixture
def sink() -> Iterator[Sink]:
    opened = Sink()
    yield opened
    opened.close()


async def test_the_end_of_a_job_arrives_once_as_a_signed_cloud_event(
    bench: Bench, sink: Sink
) -> None:
    job = await bench.finished_job(sink.url)
    async with bench.sending(bench.sender()):
        await bench.settled()
    (call,) = sink.calls
    assert call.path == "/hook"
    assert call.is_signed()
    assert call.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    event = call.event
    assert call.headers["webhook-id"] == event["id"]
    assert event["id"].startswith(f"{job}-")
    data = event.pop("data")
    assert {name: event[name] for name in event if name not in {"id", "time"}} == {
        "specversion": "1.0",
        "type": "dev.trellis.job.finished",
        "source": "/jobs",
        "subject": job,
        "datacontenttype": "application/json",
    }
    assert (data["id"], data["state"], data["result"]) == (job, "succeeded", {"outputs": [4.0]})
    assert event["time"] == data["finished_at"]
    assert bench.outcomes("delivered") == 1


async def test_jobs_that_die_or_are_cancelled_are_told_too(bench: Bench, sink: Sink) -> None:
    new = NewJob("POST", "/v2/models/m/infer", (), b"{}", "m", 60.0, callback=sink.url)
    dead, cancelled = (await bench.store.submit(new)).id, (await bench.store.submit(new)).id
    await bench.finish(dead, "dead")
    await bench.store.cancel(cancelled)
    async with bench.sending(bench.sender()):
        await bench.settled()
    told = {call.event["subject"]: call.event["data"]["state"] for call in sink.calls}
    assert told == {dead: "dead", cancelled: "cancelled"}


async def test_a_failing_receiver_is_tried_again_with_the_same_id(bench: Bench, sink: Sink) -> None:
    elsewhere = Sink()
    sink._location = elsewhere.url
    sink.answer(500, 302, 429, 200)
    await bench.finished_job(sink.url)
    async with bench.sending(bench.sender()):
        await bench.settled()
    elsewhere.close()
    assert len(sink.calls) == 4
    assert len({call.headers["webhook-id"] for call in sink.calls}) == 1
    assert all(call.is_signed() for call in sink.calls)
    assert elsewhere.calls == []
    assert (bench.outcomes("failed"), bench.outcomes("delivered")) == (3, 1)


async def test_a_receiver_that_is_gone_is_left_alone(bench: Bench, sink: Sink) -> None:
    sink.answer(410)
    await bench.finished_job(sink.url)
    async with bench.sending(bench.sender()):
        await bench.settled()
    assert len(sink.calls) == 1
    assert bench.outcomes("gone") == 1


async def test_a_callback_is_given_up_after_so_many_attempts(bench: Bench, sink: Sink) -> None:
    sink.answer(503)
    await bench.finished_job(sink.url)
    async with bench.sending(bench.sender(attempts=3)):
        await bench.settled()
    assert len(sink.calls) == 3
    assert (bench.outcomes("failed"), bench.outcomes("given_up")) == (2, 1)


async def test_nobody_listening_counts_as_an_attempt(bench: Bench, sink: Sink) -> None:
    sink.close()
    await bench.finished_job(sink.url)
    async with bench.sending(bench.sender(attempts=2)):
        await bench.settled()
    assert bench.outcomes("given_up") == 1


async def test_a_receiver_that_hangs_is_not_waited_for(
    bench: Bench, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "ATTEMPT_SECONDS", 0.2)
    sink.answer(0, 200)
    await bench.finished_job(sink.url)
    async with bench.sending(bench.sender()):
        await bench.settled()
    assert len(sink.calls) == 2
    assert bench.outcomes("delivered") == 1


async def test_an_address_inside_is_refused_again_when_it_is_called(
    bench: Bench, sink: Sink
) -> None:
    await bench.finished_job(sink.url)
    async with bench.sending(bench.sender(attempts=2, allow="")):
        await bench.settled()
    assert sink.calls == []
    assert bench.outcomes("given_up") == 1


async def test_what_a_dead_sender_had_begun_another_one_finishes(
    bench: Bench, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "CLAIM_SECONDS", 0.3)
    sink.answer(0, 200)
    await bench.finished_job(sink.url)
    async with bench.sending(bench.sender()):
        await asyncio.to_thread(sink.called)
    async with bench.sending(bench.sender()):
        await bench.settled()
    first, second = sink.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert bench.outcomes("delivered") == 1


async def test_two_senders_share_the_work_without_repeating_it(bench: Bench, sink: Sink) -> None:
    jobs = {await bench.finished_job(sink.url) for _ in range(200)}
    async with bench.sending(bench.sender()), bench.sending(bench.sender()):
        await bench.settled()
    told = [call.event["subject"] for call in sink.calls]
    assert len(told) == 200
    assert set(told) == jobs


async def test_a_host_that_hangs_does_not_hold_up_the_others(bench: Bench, sink: Sink) -> None:
    hanging = Sink(0)
    for _ in range(100):
        await bench.finished_job(hanging.url.replace("127.0.0.1", "127.0.0.2"))
    await bench.finished_job(sink.url)
    slow = hanging.url
    async with bench.sending(bench.sender()):
        for _ in range(100):
            await bench.finished_job(slow)
        await bench.finished_job(f"http://localhost:{sink.port}/hook")
        await bench.counted("delivered", 1)
    hanging.close()


async def test_a_job_that_was_replayed_meanwhile_is_told_as_it_ends_then(
    bench: Bench, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.answer(0)
    new = NewJob("POST", "/v2/models/m/infer", (), b"{}", "m", 60.0, callback=sink.url)
    job = (await bench.store.submit(new)).id
    await bench.finish(job, "dead")
    monkeypatch.setattr(callback, "ATTEMPT_SECONDS", 1.0)
    async with bench.sending(bench.sender()):
        await asyncio.to_thread(sink.called)
        assert await bench.redis.zscore(bench.keys.callbacks, _name(job))
        await bench.store.replay(job)
        sink.answer(200)
        await bench.finish(job, "succeeded")
        calls = await asyncio.to_thread(sink.called, 2)
        await bench.settled()
    assert [call.event["data"]["state"] for call in calls] == ["dead", "succeeded"]
    assert calls[0].headers["webhook-id"] != calls[1].headers["webhook-id"]
    assert len(sink.calls) == 2


async def test_a_job_whose_time_is_over_is_no_longer_told(bench: Bench, sink: Sink) -> None:
    job = await bench.finished_job(sink.url)
    await bench.redis.delete(bench.keys.job(_name(job)))
    with capture_logs() as log:
        async with bench.sending(bench.sender()):
            await bench.settled()
    assert sink.calls == []
    assert bench.outcomes("expired") == 1
    assert job in {line.get("job") for line in log}


async def test_a_full_redis_lets_callbacks_be_sent_and_settled(bench: Bench, sink: Sink) -> None:
    sink.answer(503, 200)
    await bench.finished_job(sink.url)
    await bench.redis.config_set("maxmemory", "1")
    try:
        async with bench.sending(bench.sender()):
            await bench.settled()
    finally:
        await bench.redis.config_set("maxmemory", "0")
    assert len(sink.calls) == 2
    assert (bench.outcomes("failed"), bench.outcomes("delivered")) == (1, 1)


async def test_a_full_redis_lets_a_callback_be_moved_that_a_clock_set_too_far_ahead(
    bench: Bench,
) -> None:
    await bench.redis.zadd(bench.keys.callbacks, {"ahead": 10**14})
    await bench.redis.config_set("maxmemory", "1")
    try:
        claims, wait = await CallbackQueue(bench.redis, bench.keys).claim(1, 25.0, 3600.0)
    finally:
        await bench.redis.config_set("maxmemory", "0")
    assert claims == []
    assert wait is not None
    assert wait <= 3600


async def test_a_large_result_is_at_its_own_address(
    bench: Bench, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "EMBEDDED_BYTES", len(ANSWER.body) - 1)
    job = await bench.finished_job(sink.url)
    async with bench.sending(bench.sender()):
        await bench.settled()
    data = sink.calls[0].event["data"]
    assert (data["result"], data["result_location"]) == (None, f"/jobs/{job}/result")


async def test_a_replayed_job_has_all_its_attempts_before_it(bench: Bench, sink: Sink) -> None:
    sink.answer(503, 503, 410)
    new = NewJob("POST", "/v2/models/m/infer", (), b"{}", "m", 60.0, callback=sink.url)
    job = (await bench.store.submit(new)).id
    await bench.finish(job, "dead")
    async with bench.sending(bench.sender(pauses=Pauses(600.0, 600.0))):
        await bench.counted("failed", 1)
    assert await bench.redis.hget(bench.keys.callback_attempts, _name(job)) == b"1"
    await bench.store.replay(job)
    assert not await bench.redis.exists(bench.keys.callback_attempts)
    await bench.finish(job, "succeeded")
    async with bench.sending(bench.sender(attempts=2)):
        await bench.settled()
    assert len(sink.calls) == 3
    assert (bench.outcomes("given_up"), bench.outcomes("gone")) == (0, 1)


async def test_a_fault_of_our_own_is_not_repeated_for_good(bench: Bench, sink: Sink) -> None:
    job = await bench.finished_job(sink.url)
    # What no job can have: reading it fails in a way that nobody has thought of.
    await bench.redis.hset(bench.keys.job(_name(job)), "created", "never")
    async with bench.sending(bench.sender(attempts=3)):
        await bench.settled()
    assert sink.calls == []
    assert (bench.outcomes("failed"), bench.outcomes("given_up")) == (2, 1)


async def test_a_callback_is_not_held_by_a_clock_that_went_back(bench: Bench, sink: Sink) -> None:
    job = await bench.finished_job(sink.url)
    day_ahead = (await bench.redis.time())[0] * 1000 + 86_400_000
    await bench.redis.zadd(bench.keys.callbacks, {_name(job): day_ahead})
    queue = CallbackQueue(bench.redis, bench.keys)
    claims, wait = await queue.claim(10, 1.0, 5.0)
    assert claims == []
    assert wait is not None
    assert 0 < wait <= 5.0
    await queue.claim(10, 1.0, 1.0)

    async def due() -> bool:
        return bool((await queue.claim(10, 1.0, 1.0))[0])

    await until(due)
    async with bench.sending(bench.sender()):
        await bench.settled()
    assert len(sink.calls) == 1
    await queue.settle()


async def test_callbacks_outlive_the_death_of_their_redis(
    tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "CLAIM_SECONDS", 0.5)
    server = RedisServer(tmp_path)
    server.start()
    sink.answer(500)
    async with bench_on(server) as bench:
        job = await bench.finished_job(sink.url)
        async with bench.sending(bench.sender(attempts=1000)):
            await asyncio.to_thread(sink.called, 2)
            await asyncio.to_thread(server.kill)
            sink.answer(200)
            await asyncio.to_thread(server.start)
            calls = await asyncio.to_thread(sink.called, len(sink.calls) + 1)
            await bench.settled()
    server.stop()
    assert {orjson.loads(call.body)["subject"] for call in calls} == {job}
