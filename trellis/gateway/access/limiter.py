"""How often: token buckets that all replicas share, decided without asking wherever that can be.

A replica leases tokens in blocks and spends them by itself, with the next block on its way
before the last is spent. Tokens leave Redis before they are spent, so over any ``t`` seconds
all replicas together let through at most ``burst + rate * t`` and what they held when these
began: each at most one and a half blocks (``Rate.block``: a tenth of a second's requests and of
the burst, at least one), or what its waiting requests had asked for.
"""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

from trellis.gateway.access.bucket import Bucket, Rate
from trellis.gateway.access.leases import Leases
from trellis.gateway.access.link import Link
from trellis.gateway.errors import AccessDown, LimitExceeded

#: Buckets that are remembered; who is dropped only loses the tokens of a block.
MOST_BUCKETS = 20_000

Headers = list[tuple[bytes, bytes]]


class Limiter:
    """Buckets by name."""

    def __init__(
        self, leases: Leases, link: Link, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._leases = leases
        self._link = link
        self._clock = clock
        self._shares: dict[str, _Share] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def take(self, name: str, rate: Rate, cost: float = 1.0) -> Headers:
        """Take ``cost`` tokens, or all of a burst that is smaller; returns ``ratelimit-*`` headers.

        Raises ``LimitExceeded`` where there are not as many, ``AccessDown`` where Redis must be
        asked and does not answer.
        """
        share = self._share(name, rate)
        bucket = share.bucket
        cost = min(cost, rate.burst)
        while not bucket.take(cost):
            now = self._clock()
            wait = bucket.wait(cost, now)
            if wait > 0:
                raise LimitExceeded(
                    f"more than {rate.per_second:g} requests a second, {rate.burst} at once",
                    max(1, math.ceil(wait)),
                    _headers(bucket, now),
                )
            self._link.check()
            share.waiting += cost
            try:
                await self._lease(name, share)
            finally:
                share.waiting -= cost
        if bucket.low and share.leasing is None:
            self._begin(name, share)
        return _headers(bucket, self._clock())

    def wait(self, name: str, rate: Rate) -> float:
        """Seconds until a token may be had, as far as this replica knows; 0 where one may be now."""
        share = self._shares.get(name)
        return 0.0 if share is None else share.bucket.wait(1.0, self._clock())

    async def close(self) -> None:
        """Give up what is being asked of Redis, before its connections are closed."""
        for asking in self._asking:
            asking.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _share(self, name: str, rate: Rate) -> "_Share":
        share = self._shares.pop(name, None)
        if share is None or share.bucket.rate != rate:
            share = _Share(Bucket(rate, self._clock()))
            if len(self._shares) >= MOST_BUCKETS:
                del self._shares[next(iter(self._shares))]
        self._shares[name] = share  # the last in use is the last to be dropped
        return share

    async def _lease(self, name: str, share: "_Share") -> None:
        if share.leasing is None:
            self._begin(name, share)
        if share.leasing is not None:
            # A caller may leave; the tokens stay for the others.
            await asyncio.shield(share.leasing)

    def _begin(self, name: str, share: "_Share") -> None:
        share.leasing = asyncio.create_task(self._ask(name, share))
        self._asking.add(share.leasing)
        share.leasing.add_done_callback(self._asked)

    async def _ask(self, name: str, share: "_Share") -> None:
        bucket = share.bucket
        try:
            await asyncio.sleep(0)  # requests of the same moment ask together
            wanted = max(bucket.rate.block, math.ceil(share.waiting - bucket.held))
            asked_at = self._clock()
            lease = await self._link.call(lambda: self._leases.take(name, bucket.rate, wanted))
            bucket.leased(lease, asked_at)
        finally:
            # Here and not when the task is done: a request that comes between would wait for a
            # question that is answered, again and again.
            share.leasing = None

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            # Whoever waited has the error; where it was for the next block, nobody did.
            with suppress(AccessDown):
                task.result()


class _Share:
    """A bucket, the tokens that requests wait for, and the question that is on its way."""

    __slots__ = ("bucket", "leasing", "waiting")

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.waiting = 0.0
        self.leasing: asyncio.Task[None] | None = None


def _headers(bucket: Bucket, now: float) -> Headers:
    tokens, seconds = bucket.remaining(now)
    return [
        (b"ratelimit-limit", b"%d" % bucket.rate.burst),
        (b"ratelimit-remaining", b"%d" % tokens),
        (b"ratelimit-reset", b"%d" % seconds),
    ]
