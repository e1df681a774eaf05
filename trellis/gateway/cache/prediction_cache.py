"""The cache as the gateway uses it: found, else computed once, else computed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from trellis.gateway.cache.answer import CachedAnswer
from trellis.gateway.cache.answer_id import with_id, without_id
from trellis.gateway.cache.key import CacheKey, Input, cache_key
from trellis.gateway.cache.single_flight import OthersFailed, SingleFlight
from trellis.gateway.cache.store import CacheStore
from trellis.gateway.router import Target
from trellis.telemetry.metrics import GatewayMetrics

Compute = Callable[[], Awaitable[CachedAnswer]]
#: What ``x-cache`` says; ``bypass`` where the cache was not asked.
Outcome = Literal["hit", "miss", "bypass"]

#: Seconds that a replica waits for another's computation before it computes by itself.
WAIT_SECONDS = 10.0
#: Seconds between two looks whether the other replica is done: doubled from the first to the second.
LOOK_SECONDS = (0.002, 0.05)


class PredictionCache:
    """Answers of all models that may be cached.

    ``seconds`` is how long an answer is kept where the route does not say, ``limit`` the bytes
    of the largest answer that is. ``lease_seconds`` is for how long a replica that died while
    computing holds up the others, at most ``wait_seconds``.
    """

    def __init__(
        self,
        store: CacheStore,
        metrics: GatewayMetrics,
        *,
        seconds: float,
        limit: int,
        lease_seconds: float,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._seconds = seconds
        self._limit = limit
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._flights: SingleFlight[_Flown] = SingleFlight()

    def seconds(self, target: Target, cache_seconds: float | None) -> float:
        """How long this arm's answers are kept; 0 for an arm without fingerprint: never.

        ``cache_seconds`` is the route's own, None where it has none.
        """
        if not target.arm.fingerprint:
            return 0.0
        return self._seconds if cache_seconds is None else cache_seconds

    def key(
        self, target: Target, asked: Input, request_id: str, cache_seconds: float | None
    ) -> CacheKey | None:
        """The key of one request; None where its answer is never cached.

        With a key, the caller sends ``key.body`` in place of the request's own.
        """
        seconds = self.seconds(target, cache_seconds)
        return cache_key(target, asked, request_id, seconds) if seconds > 0 else None

    async def answer(
        self, target: Target, key: CacheKey, compute: Compute
    ) -> tuple[CachedAnswer, Outcome]:
        """The answer to one request, with content-length where it is a whole prediction.

        ``compute`` asks ``target`` and may be awaited in another task, for several callers at
        once: it must end by itself, and it must not depend on the caller being there. Raises
        what ``compute`` raises. An error, or anything else that may not be kept, goes only to
        the caller whose computation it was.
        """
        kept = await self._store.get(key)
        if not isinstance(kept, CachedAnswer):
            flown, mine = await self._join(target, key, compute)
            if mine and flown.computed is not None:
                return self._own(flown.computed, flown.plain, key), "miss"
            if flown.kept is None:
                computed = await self._computed(target, compute)
                return self._own(computed, self._plain(computed, key), key), "miss"
            kept = flown.kept
        self._metrics.cache_hits.labels(*_who(target)).inc()
        return _finished(kept.served_by(target), key), "hit"

    async def _computed(self, target: Target, compute: Compute) -> CachedAnswer:
        self._metrics.cache_misses.labels(*_who(target)).inc()
        return await compute()

    async def _join(self, target: Target, key: CacheKey, compute: Compute) -> tuple["_Flown", bool]:
        try:
            return await self._flights.join(key.digest, lambda: self._fly(target, key, compute))
        except OthersFailed:
            return _Flown(None, None, None), False

    async def _fly(self, target: Target, key: CacheKey, compute: Compute) -> "_Flown":
        """One computation for all callers here, and with the lease for all replicas."""
        token, kept = await self._lease_or_answer(key)
        if kept is not None:
            return _Flown(None, None, kept)
        renewing = asyncio.create_task(self._renew(key, token)) if token is not None else None
        put = False
        try:
            computed = await self._computed(target, compute)
            plain = self._plain(computed, key)
            if plain is not None and computed.may_be_kept(target, self._limit):
                kept = plain.of_the_content()
            put = kept is not None and await self._store.put(key, kept)
        finally:
            if renewing is not None:
                renewing.cancel()
            if token is not None and not put:
                await self._store.release(key, token)
        return _Flown(computed, plain, kept)

    async def _lease_or_answer(self, key: CacheKey) -> tuple[bytes | None, CachedAnswer | None]:
        """The lease's token, else the answer of the replica that has it, else neither."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._wait_seconds
        pause = LOOK_SECONDS[0]
        while True:
            token = await self._store.lease(key)
            if token is not None:
                return token, None
            found = await self._store.get(key)
            if isinstance(found, CachedAnswer):
                return None, found
            if found is None or loop.time() >= give_up:
                return None, None
            await asyncio.sleep(pause)
            pause = min(2 * pause, LOOK_SECONDS[1])

    async def _renew(self, key: CacheKey, token: bytes) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            await self._store.renew(key, token)

    @staticmethod
    def _plain(computed: CachedAnswer, key: CacheKey) -> CachedAnswer | None:
        """A whole prediction without the ``id`` of V2; None for all else, which is never kept."""
        if computed.status != 200:
            return None
        if key.answer_id is None:
            return computed if computed.is_v1() else None
        return without_id(computed)

    @staticmethod
    def _own(computed: CachedAnswer, plain: CachedAnswer | None, key: CacheKey) -> CachedAnswer:
        """An answer for the caller whose computation it was: as it is, but with the caller's id."""
        return computed if plain is None or key.answer_id is None else _finished(plain, key)


class _Flown(NamedTuple):
    """``computed``, for who began it, None where it was found; ``kept``, for all, if it may be.

    ``plain`` is what was computed without its id, where it is a prediction.
    """

    computed: CachedAnswer | None
    plain: CachedAnswer | None
    kept: CachedAnswer | None


def _finished(plain: CachedAnswer, key: CacheKey) -> CachedAnswer:
    answer = plain if key.answer_id is None else with_id(plain, key.answer_id)
    length = (b"content-length", str(len(answer.body)).encode())
    return CachedAnswer(answer.status, (*answer.headers, length), answer.body)


def _who(target: Target) -> tuple[str, str, str]:
    return target.model, target.arm.version, target.arm.revision
