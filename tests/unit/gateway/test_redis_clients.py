"""A cancellation that a client of Redis loses is heeded nevertheless."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from trellis.contracts.events import AuditEntry
from trellis.gateway.events.store import EventStore
from trellis.gateway.redis_clients import heeding

LINE = AuditEntry(
    time=0, actor="a", action="activate", subject="s", request_id="r", status=200, outcome="done"
)


class Losing(Redis):
    """Answers each command as the client does: within ``asyncio.wait_for``."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def execute_command(self, *_words: Any, **_options: Any) -> Any:
        return await asyncio.wait_for(self.answer, 60)


async def ended_in_the_moment_of_the_answer(task: asyncio.Task[Any], redis: Losing) -> bool:
    await asyncio.sleep(0)
    redis.answer.set_result(b"written")
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


async def test_a_lost_cancellation_is_found() -> None:
    redis = Losing()

    async def write() -> None:
        with heeding():
            await redis.ping()

    assert await ended_in_the_moment_of_the_answer(asyncio.create_task(write()), redis)


async def test_one_that_is_lost_in_a_failure_is_found() -> None:
    redis = Losing()

    async def write() -> None:
        with heeding():
            await redis.ping()

    writing = asyncio.create_task(write())
    await asyncio.sleep(0)
    redis.answer.set_exception(ConnectionResetError())
    writing.cancel()
    await asyncio.wait({writing})
    assert writing.cancelled()


async def test_a_failure_by_itself_is_no_cancellation() -> None:
    with pytest.raises(ConnectionResetError), heeding():
        raise ConnectionResetError


async def test_the_store_of_events_heeds_it() -> None:
    redis = Losing()
    store = EventStore(redis, "t", 1, 1)
    writing = asyncio.create_task(store.add_audit(LINE))
    assert await ended_in_the_moment_of_the_answer(writing, redis)


async def test_what_a_task_does_after_it_was_cancelled_is_done() -> None:
    done = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            with heeding():
                await asyncio.sleep(0)
            done.set()

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert done.is_set()
