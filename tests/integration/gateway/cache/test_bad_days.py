"""The cache's Redis gone, hung, full or emptied: every request is answered, and rightly."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from tests.integration.gateway.cache.conftest import Model, Replica, Start, until
from tests.integration.redis_server import RedisServer, programs
from trellis.gateway.cache.answer import CachedAnswer


@pytest.fixture(params=programs(), ids=lambda program: program.parent.parent.name)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    running = RedisServer(tmp_path, request.param, durable=False)
    running.start()
    yield running
    running.stop()


class Echo:
    """A model whose answer says which text was asked, so that a mix-up shows."""

    def __init__(self) -> None:
        self.model = Model()

    async def right(self, replica: Replica, text: str) -> str:
        async def compute() -> CachedAnswer:
            answer = await self.model.compute()
            return answer._replace(body=json.dumps({"predictions": [text]}).encode())

        answer, outcome = await replica.ask(text, compute)
        assert answer.status == 200
        assert json.loads(answer.body) == {"predictions": [text]}
        return outcome


async def test_without_a_redis_every_request_is_computed(
    server: RedisServer, replicas: Start
) -> None:
    replica, echo = await replicas(server), Echo()
    assert await echo.right(replica, "a") == "miss"
    assert await echo.right(replica, "a") == "hit"
    server.kill()
    for _ in range(20):
        assert await echo.right(replica, "a") == "miss"
    assert not replica.breaker.closed
    server.start()
    await until(lambda: replica.breaker.closed)
    assert [await echo.right(replica, "a") for _ in range(2)] == ["miss", "hit"]


async def test_a_redis_that_was_never_there_costs_no_answer(
    tmp_path: Path, replicas: Start
) -> None:
    replica, echo = await replicas(RedisServer(tmp_path), reached=False), Echo()
    outcomes = await asyncio.gather(*(echo.right(replica, "a") for _ in range(50)))
    assert sorted(outcomes) == ["hit"] * 49 + ["miss"]  # they still share a computation
    assert not replica.breaker.closed


async def test_a_hung_redis_is_waited_for_once_and_then_left_alone(
    server: RedisServer, replicas: Start
) -> None:
    replica, echo = await replicas(server, timeout=1.0), Echo()
    await echo.right(replica, "warm")
    server.signal(signal.SIGSTOP)
    began = time.monotonic()
    await asyncio.gather(*(echo.right(replica, f"text {number}") for number in range(100)))
    for number in range(100):
        await echo.right(replica, f"later {number}")
    took = time.monotonic() - began
    server.signal(signal.SIGCONT)
    # One wait of a second; the later ones alone would be a hundred.
    assert 1 <= took < 50
    assert not replica.breaker.closed
    await until(lambda: replica.breaker.closed)
    assert [await echo.right(replica, "anew") for _ in range(2)] == ["miss", "hit"]


async def test_answers_that_come_after_all_are_nobodys(
    server: RedisServer, replicas: Start
) -> None:
    """A hung Redis answers what it was asked when it wakes: those answers meet other questions."""
    replica, echo = await replicas(server, timeout=0.05), Echo()
    texts = [f"text {number}" for number in range(40)]
    await asyncio.gather(*(echo.right(replica, text) for text in texts))
    for _ in range(10):
        server.signal(signal.SIGSTOP)
        await asyncio.gather(*(echo.right(replica, text) for text in texts))
        server.signal(signal.SIGCONT)
        await asyncio.gather(*(echo.right(replica, text) for text in reversed(texts)))
        await until(lambda: replica.breaker.closed)
        await asyncio.gather(*(echo.right(replica, text) for text in reversed(texts)))


async def test_a_full_redis_keeps_nothing_new_and_costs_no_answer(
    server: RedisServer, replicas: Start
) -> None:
    replica, echo = await replicas(server), Echo()
    await echo.right(replica, "kept")
    with Redis.from_url(server.url) as redis:
        redis.config_set("maxmemory", 1)
        with pytest.raises(OutOfMemoryError):
            redis.set("one more", "")
        assert [await echo.right(replica, "new") for _ in range(3)] == ["miss"] * 3
        assert await echo.right(replica, "kept") == "hit"
        assert replica.breaker.closed
        redis.config_set("maxmemory", 0)
    assert [await echo.right(replica, "new") for _ in range(2)] == ["miss", "hit"]


async def test_an_emptied_redis_is_filled_again(server: RedisServer, replicas: Start) -> None:
    replica, echo = await replicas(server), Echo()
    assert [await echo.right(replica, "a") for _ in range(2)] == ["miss", "hit"]
    with Redis.from_url(server.url) as redis:
        redis.flushall()
        redis.script_flush()
    assert [await echo.right(replica, "a") for _ in range(2)] == ["miss", "hit"]


async def test_a_redis_emptied_while_one_computes_takes_the_answer_all_the_same(
    server: RedisServer, replicas: Start
) -> None:
    replica, model = await replicas(server), Model()
    model.may_end.clear()
    computing = asyncio.create_task(replica.ask("a", model.compute))
    await model.begun.wait()
    with Redis.from_url(server.url) as redis:
        redis.flushall()
    model.may_end.set()
    assert (await computing)[1] == "miss"
    assert (await replica.ask("a", model.compute))[1] == "hit"


async def test_a_redis_that_wants_a_password_is_left_alone_until_it_does_not(
    server: RedisServer, replicas: Start
) -> None:
    with Redis.from_url(server.url) as redis:
        redis.config_set("requirepass", "something else")
        replica, echo = await replicas(server, reached=False), Echo()
        for _ in range(5):
            assert await echo.right(replica, "a") == "miss"
        assert not replica.breaker.closed
        redis.config_set("requirepass", "")
    await until(lambda: replica.breaker.closed)
    assert [await echo.right(replica, "a") for _ in range(2)] == ["miss", "hit"]
