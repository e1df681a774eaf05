import asyncio
import signal
from typing import Any

import pytest

from tests.integration.gateway.jobs.workers import Jobs
from tests.integration.redis_server import RedisServer
from trellis.gateway.errors import JobsDown
from trellis.gateway.jobs.pipe import BATCH, NO_ANSWER, Pipe
from trellis.gateway.jobs.scripts import script

ECHO = script("return {KEYS[1], ARGV[1]}")
FAULTY = script("return redis.call('INCR', ARGV[1])")


@pytest.fixture
def pipe(jobs: Jobs) -> Pipe:
    return Pipe(jobs.redis, jobs.keys.all)


async def calls(jobs: Jobs) -> int:
    told = await jobs.redis.info("commandstats")
    return int(told.get("cmdstat_script|load", told.get("cmdstat_script", {"calls": 0}))["calls"])


async def test_every_caller_gets_its_own_answer_however_many_ask_at_once(
    jobs: Jobs, pipe: Pipe
) -> None:
    count = 3 * BATCH + 7
    answers = await asyncio.gather(*(pipe.run(ECHO, number) for number in range(count)))
    assert answers == [[jobs.keys.epoch.encode(), b"%d" % number] for number in range(count)]


@pytest.fixture
def batches(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Of each batch the lengths of its commands' longest words, as they are sent."""
    sent: list[list[int]] = []
    make = jobs.redis.pipeline

    def pipeline(*arguments: Any, **options: Any) -> Any:
        made = make(*arguments, **options)
        queue = made.execute_command
        lengths: list[int] = []
        sent.append(lengths)

        def execute_command(*words: Any) -> Any:
            lengths.append(max(len(word) for word in words if isinstance(word, bytes)))
            return queue(*words)

        monkeypatch.setattr(made, "execute_command", execute_command)
        return made

    monkeypatch.setattr(jobs.redis, "pipeline", pipeline)
    return sent


async def test_a_batch_is_bounded_in_bytes_too(
    pipe: Pipe, batches: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis.gateway.jobs.pipe.BATCH_BYTES", 10_000)
    lengths = [100, 4000, 4000, 4000, 50_000, 100, 100]
    answers = await asyncio.gather(*(pipe.ask("ECHO", bytes(length)) for length in lengths))
    assert [len(answer) for answer in answers] == lengths
    assert batches == [[100, 4000, 4000], [4000], [50_000], [100, 100]]


async def test_a_batch_is_bounded_in_what_it_expects_too(
    pipe: Pipe, batches: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await pipe.run(ECHO, b"known")
    batches.clear()
    monkeypatch.setattr("trellis.gateway.jobs.pipe.BATCH_BYTES", 10_000)
    asked = (pipe.run(ECHO, b"word", expected=expected) for expected in (4000, 4000, 4000, 50_000))
    answers = await asyncio.gather(*asked)
    assert [answer[1] for answer in answers] == [b"word"] * 4
    assert batches == [[4, 4], [4], [4]]


async def test_what_a_hung_redis_cannot_be_sent_in_time_is_given_up_together(
    jobs: Jobs,
    pipe: Pipe,
    batches: list[list[int]],
    each_redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs.redis.connection_pool.connection_kwargs["socket_timeout"] = 0.3
    monkeypatch.setattr("trellis.gateway.jobs.pipe.BATCH", 1)
    monkeypatch.setattr("trellis.gateway.jobs.pipe.WAIT_SECONDS", 0.2)
    await pipe.ask("ECHO", b"a connection")
    batches.clear()
    each_redis_server.signal(signal.SIGSTOP)
    try:
        asked = (pipe.ask("ECHO", b"word") for _ in range(50))
        answers = await asyncio.gather(*asked, return_exceptions=True)
    finally:
        each_redis_server.signal(signal.SIGCONT)
    assert {str(answer) for answer in answers} == {str(JobsDown(NO_ANSWER))}
    assert len(batches) == 1
    assert await pipe.ask("ECHO", b"well again") == b"well again"


async def test_what_nobody_waits_for_is_not_sent(pipe: Pipe, batches: list[list[int]]) -> None:
    leaving = asyncio.create_task(pipe.ask("ECHO", b"leaving"))
    staying = asyncio.create_task(pipe.ask("ECHO", b"a word"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == b"a word"
    assert batches == [[len(b"a word")]]


async def test_a_redis_that_forgot_the_scripts_is_given_them_again(jobs: Jobs, pipe: Pipe) -> None:
    await pipe.run(ECHO, 1)
    await jobs.redis.script_flush()
    loaded = await calls(jobs)
    answers = await asyncio.gather(
        *(pipe.run(ECHO, number) for number in range(20)), pipe.ask("PING")
    )
    assert [answer[1] for answer in answers[:20]] == [b"%d" % number for number in range(20)]
    assert await calls(jobs) - loaded <= 2
    assert await pipe.run(ECHO, "again") == [jobs.keys.epoch.encode(), b"again"]


async def test_one_callers_fault_is_nobody_elses(jobs: Jobs, pipe: Pipe) -> None:
    key = f"{jobs.keys.jobs}text"
    await jobs.ask("SET", key, "no number")
    answers = await asyncio.gather(
        pipe.run(ECHO, 1), pipe.run(FAULTY, key), pipe.run(ECHO, 2), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [list, JobsDown, list]


async def test_who_asked_and_left_holds_up_nobody(pipe: Pipe) -> None:
    leaving = asyncio.create_task(pipe.run(ECHO, "leaving"))
    staying = asyncio.create_task(pipe.run(ECHO, "staying"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying)[1] == b"staying"
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_a_redis_that_was_killed_and_is_back_costs_no_call(
    pipe: Pipe, each_redis_server: RedisServer
) -> None:
    await pipe.run(ECHO, 1)
    each_redis_server.kill()
    with pytest.raises(JobsDown):
        await pipe.run(ECHO, 2)
    each_redis_server.start()
    assert (await pipe.run(ECHO, 3))[1] == b"3"
    each_redis_server.kill()
    each_redis_server.start()
    # Nobody has noticed yet that the pool's connections are dead.
    assert (await pipe.run(ECHO, 4))[1] == b"4"
