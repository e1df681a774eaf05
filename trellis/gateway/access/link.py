"""The way to the Redis of keys and limits: bounded waits, and none while it is known to be away."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis import RedisError, ResponseError
from redis.asyncio import Redis

from trellis.gateway.breaker import Breaker
from trellis.gateway.errors import AccessDown
from trellis.gateway.redis_clients import heeding
from trellis.gateway.standstill import timeout
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import GatewayMetrics

#: Seconds that one request may wait for Redis, its turn for a connection included.
WAIT_SECONDS = 0.5
#: Calls at once, which is also the most connections.
MOST_CALLS = 16
#: Seconds between two looks whether it is back, the least and the most.
PAUSES = (0.05, 0.5)

#: Seconds between two lines in the log about what Redis refuses.
SAY_SECONDS = 10.0

Result = TypeVar("Result")


class Link:
    """Calls of one client; ``run`` must run beside, to find that Redis is back."""

    def __init__(self, redis: Redis, metrics: GatewayMetrics) -> None:
        self._redis = redis
        self._turns = asyncio.Semaphore(MOST_CALLS)
        self._breaker = Breaker("access", self._ping, metrics, pauses=PAUSES)
        self._said_at = float("-inf")

    async def run(self) -> None:
        """Let calls through again as soon as Redis answers, until cancelled."""
        await self._breaker.run()

    def check(self) -> None:
        """Raises ``AccessDown`` while Redis is known to be away."""
        if not self._breaker.closed:
            raise AccessDown(_AWAY)

    async def call(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """What ``work`` returns. Raises ``AccessDown`` where Redis fails, is late, or is away."""
        self.check()
        try:
            async with timeout(WAIT_SECONDS), self._turns:
                with heeding():
                    return await work()
        except ResponseError as error:
            # It answers: one that is full takes no leases, and still tells of keys.
            self._say(str(error))
            raise AccessDown(_AWAY) from error
        except (RedisError, OSError, TimeoutError) as error:
            self._breaker.trip(str(error) or f"no answer within {WAIT_SECONDS:g} s")
            raise AccessDown(_AWAY) from error

    async def _ping(self) -> None:
        with heeding():
            await self._redis.ping()

    def _say(self, problem: str) -> None:
        now = time.monotonic()
        if now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            get_logger().error("the Redis of keys and limits refuses", problem=problem)


_AWAY = "keys and limits cannot be looked up at the moment; try again shortly"
