import asyncio
import dataclasses
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.gateway.jobs.workers import RULES, Jobs, job, jobs_of, until
from tests.integration.redis_server import RedisServer
from trellis.gateway.errors import Backlogged, IdempotencyConflict, JobsDown
from trellis.gateway.jobs import queue
from trellis.gateway.jobs.document import EMBEDDED_BYTES
from trellis.gateway.jobs.keys import GROUP, new_name, read_id
from trellis.gateway.jobs.queue import Answer, Entry, Lease, Work
from trellis.gateway.jobs.store import AT_ONCE_BYTES
from trellis.gateway.jobs.types import Backlog

ANSWER = Answer(200, (("content-type", "application/json"),), b'{"outputs": []}')


@dataclasses.dataclass
class Taken:
    """A job as a worker has it."""

    work: Work | None
    lease: Lease
    entry: Entry


async def read(jobs: Jobs, consumer: str = "tester") -> Entry:
    """The next entry, delivered and not begun."""
    words = ("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", 1, "STREAMS", jobs.keys.stream, ">")
    [(_, [(entry, fields)])] = await jobs.ask(*words)
    return Entry(entry.decode(), fields[b"job"].decode())


async def take(jobs: Jobs, consumer: str = "tester") -> Taken:
    entry = await read(jobs, consumer)
    lease = Lease(entry.name, new_name())
    return Taken(await jobs.queue.start(entry, lease), lease, entry)


async def test_a_job_is_kept_as_it_was_handed_in(jobs: Jobs) -> None:
    new = job("k", caller="key1", scopes=frozenset({"infer", "version"}), callback="https://x/y")
    submitted = await jobs.store.submit(new)
    assert submitted.created
    assert submitted.state == "queued"
    told = await jobs.store.get(submitted.id)
    assert told is not None
    assert (told.state, told.attempts, told.status, told.caller) == ("queued", 0, None, "key1")
    assert (told.callback, told.path, told.model) == ("https://x/y", new.path, "squares")
    taken = await take(jobs)
    assert taken.work is not None
    assert (taken.work.method, taken.work.path, taken.work.body) == ("POST", new.path, new.body)
    assert taken.work.headers == new.headers
    assert (taken.work.caller, taken.work.scopes) == ("key1", new.scopes)
    assert 590 < taken.work.left <= 600
    assert (await jobs.store.get(submitted.id)).state == "running"  # type: ignore[union-attr]  # it is there
    assert await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    done = await jobs.store.get(submitted.id)
    assert done is not None
    assert (done.state, done.status, done.headers, done.body) == ("succeeded", *ANSWER)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at


async def test_a_body_of_any_bytes_comes_back_unchanged(jobs: Jobs) -> None:
    body = bytes(range(256)) * 4096
    await jobs.store.submit(job(body=body))
    taken = await take(jobs)
    assert taken.work is not None
    assert taken.work.body == body


async def test_one_idempotency_key_is_one_job(jobs: Jobs) -> None:
    new = job(idempotency_key="once", caller="key1")
    both = await asyncio.gather(*(jobs.store.submit(new) for _ in range(20)))
    assert len({each.id for each in both}) == 1
    assert [each.created for each in both].count(True) == 1
    assert await jobs.store.backlog() == Backlog(1, 0, 0, 0)
    taken = await take(jobs)
    await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    again = await jobs.store.submit(new)
    assert (again.id, again.created, again.state) == (both[0].id, False, "succeeded")


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"another"},
        {"path": "/v2/models/squares/infer?x=1"},
        {"headers": (("content-type", "image/png"),)},
        {"headers": (*job().headers, ("x-model-version", "v2"))},
        {"headers": (*job().headers, ("inference-header-content-length", "7"))},
        {"unit": b"another"},
        {"callback": "https://x/another"},
    ],
    ids=["body", "path", "media type", "version", "binary part", "unit", "callback"],
)
async def test_an_idempotency_key_with_another_request_is_refused(
    jobs: Jobs, change: dict[str, Any]
) -> None:
    new = job(idempotency_key="once")
    await jobs.store.submit(new)
    with pytest.raises(IdempotencyConflict, match="idempotency-key"):
        await jobs.store.submit(new._replace(**change))
    assert (await jobs.store.backlog()).queued == 1


async def test_headers_that_change_with_every_try_make_no_other_request(jobs: Jobs) -> None:
    new = job(idempotency_key="once")
    first = await jobs.store.submit(new)
    headers = (*new.headers, ("x-request-id", "2"), ("traceparent", "3"), ("user-agent", "4"))
    assert (await jobs.store.submit(new._replace(headers=headers[::-1]))).id == first.id


async def test_two_callers_may_use_one_idempotency_key(jobs: Jobs) -> None:
    one = await jobs.store.submit(job(idempotency_key="once", caller="key1"))
    two = await jobs.store.submit(job(idempotency_key="once", caller="key2", body=b"another"))
    assert one.id != two.id


async def test_what_is_final_is_forgotten_in_time_with_its_idempotency_key_and_nothing_else(
    jobs: Jobs,
) -> None:
    submitted = await jobs.store.submit(job(idempotency_key="once"))
    name = read_id(submitted.id).name  # type: ignore[union-attr]  # it is an id
    [owner] = await jobs.redis.keys(jobs.keys.idempotency("*").replace("{", "[{]"))
    for key in (jobs.keys.job(name), owner):
        assert await jobs.redis.ttl(key) == -1
    taken = await take(jobs)
    await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    for key in (jobs.keys.job(name), owner):
        assert RULES.result_seconds - 60 < await jobs.redis.ttl(key) <= RULES.result_seconds
    assert not await jobs.redis.hexists(jobs.keys.job(name), "body")


@pytest.fixture
async def small(each_redis_server: RedisServer, prefix: str) -> AsyncIterator[Jobs]:
    async with jobs_of(each_redis_server, prefix, backlog=3) as opened:
        yield opened


async def test_the_backlog_is_bounded_and_opens_again(small: Jobs) -> None:
    for _ in range(3):
        await small.store.submit(job())
    with pytest.raises(Backlogged, match="3 jobs"):
        await small.store.submit(job(idempotency_key="new"))
    assert sum(await small.store.backlog()) == 3
    taken = await take(small)
    await small.queue.retry(taken.lease, 60, "not yet", None)
    with pytest.raises(Backlogged):  # a delayed job still counts
        await small.store.submit(job())
    taken = await take(small)
    await small.queue.finish(taken.lease, "succeeded", ANSWER)
    assert (await small.store.submit(job(idempotency_key="new"))).created


async def test_only_the_holder_of_the_lease_can_answer_and_only_once(jobs: Jobs) -> None:
    submitted = await jobs.store.submit(job())
    taken = await take(jobs)
    stranger = Lease(taken.lease.name, new_name())
    other = ANSWER._replace(body=b"a stranger's")
    assert not await jobs.queue.finish(stranger, "succeeded", other)
    assert await jobs.queue.retry(stranger, 0, "no", None) == "fenced"
    assert not await jobs.queue.give_back(stranger)
    assert jobs.metric("trellis_jobs_fenced_total") == 3
    assert await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    # As when the connection broke before Redis's word came: the same is told once more.
    assert await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    assert not await jobs.queue.finish(taken.lease, "failed", other, "late")
    assert not await jobs.queue.finish(stranger, "succeeded", other)
    done = await jobs.store.get(submitted.id)
    assert done is not None
    assert (done.state, done.body, done.error) == ("succeeded", ANSWER.body, None)


async def test_a_start_that_is_sent_twice_is_one_attempt(jobs: Jobs) -> None:
    await jobs.store.submit(job())
    taken = await take(jobs)
    again = await jobs.queue.start(taken.entry, taken.lease)
    assert again is not None
    assert again.attempt == 1
    assert await jobs.queue.start(taken.entry, Lease(taken.lease.name, new_name())) is None


async def test_a_failed_attempt_waits_out_its_pause_and_the_last_one_is_the_end(jobs: Jobs) -> None:
    submitted = await jobs.store.submit(job(callback="https://x/y"))
    for attempt in range(1, RULES.attempts):
        taken = await take(jobs)
        assert taken.work is not None
        assert taken.work.attempt == attempt
        assert await jobs.queue.retry(taken.lease, 0.05, f"error {attempt}", None) == "delayed"
        assert not await jobs.queue.give_back(taken.lease)
        assert await jobs.store.backlog() == Backlog(0, 1, 0, 0)
        told = await jobs.store.get(submitted.id)
        assert told is not None
        assert (told.state, told.error) == ("queued", f"error {attempt}")
        assert await jobs.redis.zcard(jobs.keys.callbacks) == 0
        assert await until(jobs.queue.move_due) == 1
    taken = await take(jobs)
    down = Answer(503, (), b'{"error": "down"}')
    assert await jobs.queue.retry(taken.lease, 0.05, "the last error", down) == "dead"
    dead = await jobs.store.get(submitted.id)
    assert dead is not None
    assert (dead.state, dead.error, dead.status, dead.body) == (
        "dead",
        "the last error",
        503,
        down.body,
    )
    assert await jobs.store.backlog() == Backlog(0, 0, 0, 1)
    assert await jobs.redis.zcard(jobs.keys.callbacks) == 1
    assert [each.id for each in await jobs.store.listed("dead", 10)] == [submitted.id]


async def test_a_dead_job_is_replayed_as_if_it_were_new(jobs: Jobs) -> None:
    submitted = await jobs.store.submit(job(idempotency_key="once", callback="https://x/y"))
    for _ in range(RULES.attempts):
        taken = await take(jobs)
        await jobs.queue.retry(taken.lease, 0, "down", None)
        await jobs.queue.move_due()
    replayed = await jobs.store.replay(submitted.id)
    assert replayed is not None
    assert (replayed.state, replayed.attempts, replayed.error) == ("queued", 0, None)
    assert await jobs.store.backlog() == Backlog(1, 0, 0, 0)
    assert await jobs.redis.zcard(jobs.keys.callbacks) == 0
    assert await jobs.redis.ttl(jobs.keys.job(read_id(submitted.id).name)) == -1  # type: ignore[union-attr]  # it is an id
    taken = await take(jobs)
    assert taken.work is not None
    assert taken.work.body == job().body
    assert await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    untouched = await jobs.store.replay(submitted.id)
    assert untouched is not None
    assert untouched.state == "succeeded"


async def test_a_job_past_its_deadline_is_buried_whatever_attempts_it_had(jobs: Jobs) -> None:
    submitted = await jobs.store.submit(job(deadline_seconds=0.001))
    await asyncio.sleep(0.01)
    taken = await take(jobs)
    assert taken.work is not None
    assert taken.work.left <= 0
    assert await jobs.queue.retry(taken.lease, 0, "too late", None)
    told = await jobs.store.get(submitted.id)
    assert told is not None
    assert (told.state, told.error) == ("dead", "too late")


@pytest.mark.parametrize("where", ["unread", "read", "running", "delayed"])
async def test_a_job_is_cancelled_wherever_it_is(jobs: Jobs, where: str) -> None:
    submitted = await jobs.store.submit(job(callback="https://x/y"))
    entry = lease = None
    if where != "unread":
        entry = await read(jobs)
        lease = Lease(entry.name, new_name())
    if where in {"running", "delayed"} and entry and lease:
        await jobs.queue.start(entry, lease)
    if where == "delayed" and lease:
        await jobs.queue.retry(lease, 0.0, "down", None)
    cancelled = await jobs.store.cancel(submitted.id)
    assert cancelled is not None
    assert cancelled.state == "cancelled"
    assert await jobs.redis.zcard(jobs.keys.callbacks) == 1
    assert await jobs.queue.move_due() == 0
    if entry is None:
        entry = await read(jobs)
        lease = Lease(entry.name, new_name())
    assert lease is not None
    assert await jobs.queue.start(entry, lease) is None
    assert not await jobs.queue.finish(lease, "succeeded", ANSWER)
    assert (await jobs.store.cancel(submitted.id)) == cancelled
    assert await jobs.store.backlog() == Backlog(0, 0, 0, 0)


async def test_a_final_job_stays_as_it_is_when_it_is_cancelled(jobs: Jobs) -> None:
    submitted = await jobs.store.submit(job())
    taken = await take(jobs)
    await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    told = await jobs.store.cancel(submitted.id)
    assert told is not None
    assert (told.state, told.body) == ("succeeded", ANSWER.body)


async def test_a_job_that_is_given_back_is_the_next_workers_and_the_attempt_does_not_count(
    jobs: Jobs,
) -> None:
    await jobs.store.submit(job())
    for _ in range(RULES.attempts + 1):
        taken = await take(jobs)
        assert taken.work is not None
        assert taken.work.attempt == 1
        assert await jobs.queue.give_back(taken.lease)


async def test_a_job_whose_start_was_not_heard_of_is_the_next_workers_at_once(jobs: Jobs) -> None:
    submitted = await jobs.store.submit(job())
    entry = await read(jobs)
    lease = Lease(entry.name, new_name())
    assert await jobs.queue.not_begun(entry, lease)
    # What Redis had not done yet, it does no more.
    assert await jobs.queue.start(entry, lease) is None
    entry = await read(jobs)
    lease = Lease(entry.name, new_name())
    assert await jobs.queue.start(entry, lease) is not None
    assert await jobs.queue.not_begun(entry, lease)
    assert jobs.metric("trellis_jobs_total", state="given_back") == 2
    taken = await take(jobs)
    assert taken.work is not None
    assert taken.work.attempt == 1
    assert not await jobs.queue.not_begun(entry, lease)
    assert await jobs.queue.finish(taken.lease, "succeeded", ANSWER)
    assert not await jobs.queue.not_begun(entry, lease)
    assert jobs.metric("trellis_jobs_fenced_total") == 0
    assert (await jobs.store.get(submitted.id)).state == "succeeded"  # type: ignore[union-attr]  # it is there
    assert await jobs.store.backlog() == Backlog(0, 0, 0, 0)


@pytest.mark.parametrize("length", [0, AT_ONCE_BYTES, AT_ONCE_BYTES + 1, EMBEDDED_BYTES + 1])
async def test_an_answer_comes_with_its_job_unless_it_is_longer_than_was_asked_for(
    jobs: Jobs, length: int
) -> None:
    submitted = await jobs.store.submit(job())
    taken = await take(jobs)
    body = b"x" * length
    assert await jobs.queue.finish(taken.lease, "succeeded", ANSWER._replace(body=body))
    for most, expected in ((EMBEDDED_BYTES, length <= EMBEDDED_BYTES), (math.inf, True)):
        told = await jobs.store.get(submitted.id, most)
        assert told is not None
        assert (told.length, told.status) == (length, 200)
        assert told.body == (body if expected else b"")
    told = await jobs.store.get(submitted.id, length - 1)
    assert told is not None
    assert (told.length, told.body) == (length, b"")


async def test_dead_jobs_that_are_kept_no_longer_are_not_counted(jobs: Jobs) -> None:
    names = []
    for _ in range(2):
        submitted = await jobs.store.submit(job(deadline_seconds=0.0))
        taken = await take(jobs)
        assert await jobs.queue.retry(taken.lease, 0, "down", None) == "dead"
        names.append(read_id(submitted.id).name)  # type: ignore[union-attr]  # it is an id
    died = float(await jobs.ask("ZSCORE", jobs.keys.dead, names[0]))
    await jobs.ask("ZADD", jobs.keys.dead, died - RULES.dead_seconds * 1000, names[0])
    assert (await jobs.store.backlog()).dead == 2
    await jobs.queue.trim()
    assert (await jobs.store.backlog()).dead == 1
    assert jobs.metric("trellis_jobs_backlog", state="dead") == 1
    assert await jobs.ask("ZRANGE", jobs.keys.dead, 0, -1) == [names[1].encode()]


async def test_a_worker_that_ended_without_a_word_leaves_the_group_with_its_last_job(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def consumers() -> set[bytes]:
        await jobs.queue.trim()
        return {each["name"] for each in await jobs.redis.xinfo_consumers(jobs.keys.stream, GROUP)}

    for _ in range(2):
        await jobs.store.submit(job())
    begun, _ = await take(jobs, "busy"), await take(jobs, "other")
    await jobs.ask("XGROUP", "CREATECONSUMER", jobs.keys.stream, GROUP, "silent")
    assert await consumers() == {b"busy", b"other", b"silent"}
    monkeypatch.setattr(queue, "SILENT_SECONDS", -1.0)
    assert await consumers() == {b"busy", b"other"}
    await jobs.queue.finish(begun.lease, "succeeded", ANSWER)
    assert await consumers() == {b"other"}


async def test_a_store_that_cannot_be_opened_says_so_and_takes_no_half_of_a_job(jobs: Jobs) -> None:
    await jobs.ask("SET", jobs.keys.stream, "no stream")
    with pytest.raises(JobsDown):
        await jobs.queue.open()
    with pytest.raises(JobsDown):
        await jobs.store.submit(job())
    assert await jobs.redis.keys(f"{jobs.keys.jobs}*") == []
    assert not await jobs.redis.exists(jobs.keys.unfinished)


async def test_a_full_redis_says_that_it_cannot_open_the_store(jobs: Jobs) -> None:
    await jobs.store.submit(job())
    await jobs.ask("XGROUP", "DESTROY", jobs.keys.stream, GROUP)
    await jobs.redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(JobsDown, match="full"):
            await jobs.queue.open()
    finally:
        await jobs.redis.config_set("maxmemory", "0")
    await jobs.queue.open()
    assert (await take(jobs)).work is not None


async def test_the_group_says_what_autoscaling_reads(jobs: Jobs) -> None:
    async def group() -> tuple[int, Any]:
        await jobs.queue.trim()
        [told] = await jobs.redis.xinfo_groups(jobs.keys.stream)
        return told["pending"], told.get("lag", "none in 6.2")

    def expected(pending: int, lag: int) -> tuple[int, int | str]:
        return pending, lag if has_lag else "none in 6.2"

    submitted = [await jobs.store.submit(job()) for _ in range(6)]
    has_lag = (await group())[1] != "none in 6.2"
    assert await group() == expected(0, 6)
    await jobs.store.cancel(submitted[1].id)
    await take(jobs)
    running = await read(jobs)
    assert await jobs.queue.start(running, Lease(running.name, new_name())) is None  # cancelled
    assert await group() == expected(1, 4)
    taken = await take(jobs)
    await jobs.queue.finish(taken.lease, "succeeded", ANSWER)  # while an older one still runs
    assert await group() == expected(1, 3)
    taken = await take(jobs)
    await jobs.queue.retry(taken.lease, 0, "down", None)
    assert await group() == expected(1, 2)
    assert await jobs.queue.move_due() == 1
    assert await group() == expected(1, 3)
    assert await jobs.store.backlog() == Backlog(3, 0, 1, 0)


async def test_the_stream_keeps_only_what_is_not_done(jobs: Jobs) -> None:
    for _ in range(5):
        await jobs.store.submit(job())
    first, second, third = [await take(jobs) for _ in range(3)]
    await jobs.queue.finish(second.lease, "succeeded", ANSWER)
    await jobs.queue.trim()
    assert await jobs.redis.xlen(jobs.keys.stream) == 5
    await jobs.queue.finish(first.lease, "succeeded", ANSWER)
    await jobs.queue.trim()
    assert await jobs.redis.xlen(jobs.keys.stream) == 3
    await jobs.queue.finish(third.lease, "succeeded", ANSWER)
    await jobs.queue.trim()
    # The last one read stays: it marks how far the group is.
    assert await jobs.redis.xlen(jobs.keys.stream) == 3
    assert await jobs.store.backlog() == Backlog(2, 0, 0, 0)


async def test_a_delayed_job_is_not_held_by_a_clock_that_went_back(jobs: Jobs) -> None:
    submitted = await jobs.store.submit(job())
    taken = await take(jobs)
    await jobs.queue.retry(taken.lease, 0.0, "down", None)
    name = read_id(submitted.id).name  # type: ignore[union-attr]  # it is an id
    due = float(await jobs.ask("ZSCORE", jobs.keys.delayed, name))
    await jobs.ask("ZADD", jobs.keys.delayed, due + 86_400_000, name)
    assert await jobs.queue.move_due() == 0
    moved = float(await jobs.ask("ZSCORE", jobs.keys.delayed, name))
    assert moved - due < (RULES.longest_pause + 60) * 1000


async def test_an_emptied_redis_is_noticed_and_takes_jobs_again(jobs: Jobs) -> None:
    before = await jobs.store.submit(job())
    assert not await jobs.store.lost(before.id)
    keys = await jobs.redis.keys(f"{jobs.keys.stream.partition(':')[0]}:*")
    await jobs.redis.delete(*keys)
    assert await jobs.store.get(before.id) is None
    assert await jobs.store.lost(before.id)
    assert jobs.metric("trellis_jobs_store_lost_total") == 1
    after = await jobs.store.submit(job())
    assert await jobs.store.lost(before.id)
    assert not await jobs.store.lost(after.id)
    assert jobs.metric("trellis_jobs_store_lost_total") == 1
    taken = await take(jobs)
    assert await jobs.queue.finish(taken.lease, "succeeded", ANSWER)


async def test_a_text_that_is_no_id_is_no_job(jobs: Jobs) -> None:
    for text in ("", "x", "../..", "0" * 33, "ü" * 33):
        assert await jobs.store.get(text) is None
        assert await jobs.store.wait(text, 1) is None
        assert await jobs.store.cancel(text) is None
        assert await jobs.store.replay(text) is None
        assert not await jobs.store.lost(text)


async def test_a_full_redis_takes_no_job_and_lets_running_ones_end(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for _ in range(4):
        await jobs.store.submit(job(body=b"x" * 100_000))
        ends.append(await take(jobs))
    waiting = await jobs.store.submit(job(body=b"x" * 100_000))
    await jobs.ask("XGROUP", "CREATECONSUMER", jobs.keys.stream, GROUP, "silent")
    monkeypatch.setattr(queue, "SILENT_SECONDS", -1.0)
    # Set too far ahead, as by a clock that went back: to be moved.
    await jobs.ask("ZADD", jobs.keys.delayed, 10**14, "nobody's")
    await jobs.redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(JobsDown, match="full"):
            await jobs.store.submit(job())
        assert await jobs.queue.finish(ends[0].lease, "succeeded", ANSWER)
        assert await jobs.queue.retry(ends[1].lease, 60, "down", None) == "delayed"
        assert await jobs.queue.give_back(ends[2].lease)
        assert await jobs.queue.move_due() == 0
        await jobs.queue.trim()
        assert await jobs.store.cancel(waiting.id) is not None
        assert (await take(jobs)).work is None  # the cancelled one
        assert (await take(jobs)).work is not None
    finally:
        await jobs.redis.config_set("maxmemory", "0")
    assert float(await jobs.ask("ZSCORE", jobs.keys.delayed, "nobody's")) < 10**14
    assert await jobs.ask("ZREM", jobs.keys.delayed, "nobody's") == 1
    assert (await jobs.store.submit(job())).created
    assert await jobs.store.backlog() == Backlog(1, 1, 2, 0)


async def test_lists_tell_the_newest_first_and_by_state(jobs: Jobs) -> None:
    ids = []
    for key in "abcd":
        ids.append((await jobs.store.submit(job(key))).id)
        await asyncio.sleep(0.002)
    taken = await take(jobs)
    await jobs.queue.finish(taken.lease, "failed", ANSWER._replace(status=400), "no good")
    await take(jobs)
    taken = await take(jobs)
    await jobs.queue.retry(taken.lease, 60, "down", None)

    async def listed(state: str | None, count: int = 10) -> list[str]:
        return [each.id for each in await jobs.store.listed(state, count)]  # type: ignore[arg-type]  # one of the states

    assert await listed(None) == ids[::-1]
    assert await listed(None, 2) == ids[:1:-1]
    assert await listed("failed") == ids[:1]
    assert await listed("running") == ids[1:2]
    assert await listed("queued") == ids[:1:-1]
    assert await listed("dead") == []
    [failed] = await jobs.store.listed("failed", 1)
    assert (failed.error, failed.body) == ("no good", b"")
