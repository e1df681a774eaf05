"""Token buckets of several replicas in one real Redis, against a model of what they may let through."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest
import pytest_asyncio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from tests.integration.gateway.access.doors import client
from tests.integration.redis_server import RedisServer
from trellis.gateway.access.bucket import Rate
from trellis.gateway.access.leases import Leases
from trellis.gateway.access.limiter import Limiter
from trellis.gateway.access.link import MOST_CALLS, Link
from trellis.gateway.errors import LimitExceeded
from trellis.gateway.redis_clients import durable_redis
from trellis.telemetry.metrics import GatewayMetrics

#: One token an hour: what a test takes does not come back while it runs.
HOUR = 1 / 3600


@pytest_asyncio.fixture
async def redis(each_redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with client(each_redis_server) as opened:
        yield opened


@pytest_asyncio.fixture
async def replicas(each_redis_server: RedisServer, prefix: str) -> AsyncIterator[list[Limiter]]:
    async with AsyncExitStack() as stack:
        yield [
            replica(await stack.enter_async_context(client(each_redis_server)), prefix)
            for _ in range(3)
        ]


def replica(redis: Redis, prefix: str) -> Limiter:
    return Limiter(Leases(redis, prefix), Link(redis, GatewayMetrics(CollectorRegistry())))


async def admitted(limiter: Limiter, rate: Rate, times: int, name: str = "one") -> int:
    """How many of ``times`` requests at once are let through."""

    async def ask() -> bool:
        try:
            await limiter.take(name, rate)
        except LimitExceeded:
            return False
        return True

    return sum(await asyncio.gather(*(ask() for _ in range(times))))


async def test_all_replicas_together_let_exactly_the_burst_through(replicas: list[Limiter]) -> None:
    rate = Rate(HOUR, 50)
    let_through = [await admitted(limiter, rate, 40) for limiter in replicas]
    assert let_through == [40, 10, 0]


async def test_replicas_at_once_let_no_more_than_the_burst_through(replicas: list[Limiter]) -> None:
    rate = Rate(HOUR, 100)
    let_through = await asyncio.gather(*(admitted(limiter, rate, 100) for limiter in replicas))
    assert sum(let_through) == 100


async def test_buckets_do_not_share(replicas: list[Limiter]) -> None:
    rate = Rate(HOUR, 5)
    assert await admitted(replicas[0], rate, 9, "one") == 5
    assert await admitted(replicas[0], rate, 9, "two") == 5


async def test_a_refusal_says_when_and_what_remains(replicas: list[Limiter]) -> None:
    rate = Rate(0.01, 5)
    headers = await replicas[0].take("one", rate)
    assert (b"ratelimit-limit", b"5") in headers
    assert (b"ratelimit-remaining", b"4") in headers
    await admitted(replicas[0], rate, 4)
    with pytest.raises(LimitExceeded, match=r"0\.01 requests a second, 5 at once") as refused:
        await replicas[0].take("one", rate)
    assert 1 <= refused.value.retry_after <= 100
    assert (b"ratelimit-remaining", b"0") in refused.value.headers
    reset = dict(refused.value.headers)[b"ratelimit-reset"]
    assert 400 <= int(reset) <= 500


async def test_tokens_come_back(replicas: list[Limiter]) -> None:
    rate = Rate(20, 5)
    await admitted(replicas[0], rate, 5)
    end = time.monotonic() + 20
    while await admitted(replicas[0], rate, 1) == 0:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_a_dear_request_takes_more_and_never_more_than_the_burst(
    replicas: list[Limiter],
) -> None:
    rate = Rate(HOUR, 10)
    await replicas[0].take("one", rate, 8)
    with pytest.raises(LimitExceeded):
        await replicas[0].take("one", rate, 3)
    await replicas[0].take("one", rate, 2)
    await replicas[0].take("two", rate, 500)
    with pytest.raises(LimitExceeded):
        await replicas[0].take("two", rate, 1)


async def test_a_request_for_which_tokens_are_held_does_not_wait(replicas: list[Limiter]) -> None:
    rate = Rate(1000, 1000)
    await replicas[0].take("one", rate)
    taking = replicas[0].take("one", rate)
    with pytest.raises(StopIteration):  # it ends without having been suspended
        taking.send(None)


async def test_an_empty_bucket_is_refused_without_asking(
    replicas: list[Limiter], redis: Redis
) -> None:
    rate = Rate(HOUR, 3)
    await admitted(replicas[0], rate, 4)
    before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert await admitted(replicas[0], rate, 50) == 0
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] == before


async def test_when_redis_clock_jumped_back_tokens_still_come_back(
    replicas: list[Limiter], redis: Redis, prefix: str
) -> None:
    """As after a jump: the bucket was last written at a time that is an hour ahead."""
    name = f"{prefix}:{{limit:one}}"
    await redis.hset(name, mapping={"tokens": 0, "at": time.time() + 3600})
    rate = Rate(50, 5)
    assert await admitted(replicas[0], rate, 1) == 0
    end = time.monotonic() + 20
    while await admitted(replicas[0], rate, 1) == 0:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_when_redis_clock_jumped_ahead_no_more_than_the_burst_is_there(
    replicas: list[Limiter], redis: Redis, prefix: str
) -> None:
    name = f"{prefix}:{{limit:one}}"
    await redis.hset(name, mapping={"tokens": 0, "at": time.time() - 10**6})
    assert await admitted(replicas[0], Rate(HOUR, 5), 50) == 5


@pytest.mark.parametrize(("tokens", "at"), [("many", 0), ("many", "soon"), ("", "")])
async def test_a_damaged_bucket_is_a_full_one(
    replicas: list[Limiter], redis: Redis, prefix: str, tokens: str | int, at: str | int
) -> None:
    await redis.hset(f"{prefix}:{{limit:one}}", mapping={"tokens": tokens, "at": at})
    assert await admitted(replicas[0], Rate(HOUR, 5), 50) == 5


async def test_a_bucket_that_is_full_again_leaves_redis(redis: Redis, prefix: str) -> None:
    await Leases(redis, prefix).take("one", Rate(10, 20), 5)
    left = await redis.pttl(f"{prefix}:{{limit:one}}")
    assert 0 < left <= 1500


@pytest.mark.parametrize("rate", [Rate(1e-300, 5), Rate(1e9, 10**9), Rate(1e-9, 1)])
async def test_extreme_rates_are_taken(redis: Redis, prefix: str, rate: Rate) -> None:
    assert (await Leases(redis, prefix).take("one", rate, 1)).granted == 1


class Admission(NamedTuple):
    """A request that was let through, between two moments."""

    began: float
    ended: float
    cost: int


class LimiterMachine(RuleBasedStateMachine):
    """Replicas come, ask in bursts, pause and go; what gets through is held against the promise."""

    server: RedisServer

    @initialize(
        per_second=st.sampled_from([0.5, 20.0, 200.0, 2000.0]),
        burst=st.sampled_from([1, 7, 40, 200]),
    )
    def begin(self, per_second: float, burst: int) -> None:
        self.runner = asyncio.Runner()
        self.redis = durable_redis(self.server.url, max_connections=MOST_CALLS)
        self.prefix = f"machine-{time.monotonic_ns()}"
        self.rate = Rate(per_second, burst)
        self.replicas: list[Limiter] = []
        self.ever = 0
        self.dearest = 0
        self.admissions: list[Admission] = []
        self.began = time.monotonic()

    @precondition(lambda self: len(self.replicas) < 4)
    @rule()
    def a_replica_comes(self) -> None:
        async def make() -> Limiter:
            return replica(self.redis, self.prefix)

        self.replicas.append(self.runner.run(make()))
        self.ever += 1

    @precondition(lambda self: self.replicas)
    @rule(which=st.integers(0, 3))
    def a_replica_goes(self, which: int) -> None:
        del self.replicas[which % len(self.replicas)]

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.03]))
    def time_passes(self, seconds: float) -> None:
        time.sleep(seconds)

    @precondition(lambda self: self.replicas)
    @rule(times=st.lists(st.integers(0, 30), min_size=4, max_size=4), cost=st.integers(1, 4))
    def requests_come(self, times: list[int], cost: int) -> None:
        self.dearest = max(self.dearest, max(times) * cost)
        self.runner.run(self._requests(times, cost))

    async def _requests(self, times: list[int], cost: int) -> None:
        paid = min(cost, self.rate.burst)

        async def ask(limiter: Limiter) -> None:
            began = time.monotonic()
            try:
                await limiter.take("one", self.rate, cost)
            except LimitExceeded:
                return
            self.admissions.append(Admission(began, time.monotonic(), paid))

        await asyncio.gather(
            *(
                ask(limiter)
                for limiter, count in zip(self.replicas, times, strict=False)
                for _ in range(count)
            )
        )

    @invariant()
    def no_more_than_promised_since_the_beginning(self) -> None:
        if not self.admissions:
            return
        seconds = self.admissions[-1].ended - self.began
        let_through = sum(admission.cost for admission in self.admissions)
        assert let_through <= self.rate.burst + self.rate.per_second * seconds + 1e-6

    @invariant()
    def no_more_than_promised_in_any_span(self) -> None:
        held = self.ever * max(math.ceil(1.5 * self.rate.block), self.dearest)
        for first in range(0, len(self.admissions), 5):
            span = self.admissions[first:]
            began = min(admission.began for admission in span)
            seconds = span[-1].ended - began
            let_through = sum(admission.cost for admission in span)
            assert let_through <= self.rate.burst + self.rate.per_second * seconds + held + 1e-6

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.redis.aclose())
            self.runner.close()


def test_the_limiter_keeps_its_promise(each_redis_server: RedisServer) -> None:
    class Machine(LimiterMachine):
        server = each_redis_server

    machine = Machine.TestCase
    machine.settings = settings(max_examples=40, stateful_step_count=25)
    machine().runTest()


async def test_nobody_is_refused_before_the_burst_is_spent(replicas: list[Limiter]) -> None:
    """The other half of the promise, where one replica has all requests."""
    rate = Rate(100, 200)
    assert await admitted(replicas[0], rate, 200) == 200
