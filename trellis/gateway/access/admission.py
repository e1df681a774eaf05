"""The doorkeeper: asked once a request, before its body is read."""

import asyncio

import aiohttp
from redis.asyncio import Redis

from trellis.gateway.access.bucket import Rate
from trellis.gateway.access.callers import ANYONE, STRANGER, Admitted, Caller, Scope
from trellis.gateway.access.credentials import ApiKeys, Grant, token_of
from trellis.gateway.access.damper import Damper, network_of, too_many
from trellis.gateway.access.key_book import KeyBook
from trellis.gateway.access.key_store import KeyStore
from trellis.gateway.access.leases import Leases
from trellis.gateway.access.limiter import Headers, Limiter
from trellis.gateway.access.link import Link
from trellis.gateway.access.oidc import OidcTokens, looks_like_token
from trellis.gateway.errors import AccessDown, Forbidden, LimitExceeded, Unauthenticated
from trellis.gateway.settings import Settings
from trellis.telemetry.metrics import GatewayMetrics

#: Requests of one address without a key, to what everybody may read where keys are asked for.
STRANGERS_RATE = Rate(5.0, 100)


class Access:
    """Who may ask, for what, and how often; ``run`` must run beside.

    ``redis`` is a client that nothing else uses, with at least ``link.MOST_CALLS`` connections;
    None where no Redis is set: then there are no API keys and no limits.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: GatewayMetrics,
        session: aiohttp.ClientSession,
        redis: Redis | None,
    ) -> None:
        self._open = settings.auth == "open"
        self._open_when_down = settings.limits_when_down == "open"
        self._metrics = metrics
        self._address_rate = _rate(settings.address_rate, settings.address_burst)
        usual = _rate(settings.key_rate, settings.key_burst)
        self._link = self._book = self._limiter = self._damper = None
        if redis is not None:
            self._link = Link(redis, metrics)
            self._book = KeyBook(KeyStore(redis, settings.redis_prefix), self._link)
            self._limiter = Limiter(Leases(redis, settings.redis_prefix), self._link)
            self._damper = Damper(self._limiter)
        self._keys = ApiKeys(self._book, settings.admin_key, usual)
        self._oidc = OidcTokens(settings, session, usual) if settings.oidc_issuer else None

    async def admit(
        self,
        credentials: bytes | None,
        address: str,
        scope: Scope | None,
        model: str | None,
        cost: float = 1.0,
    ) -> Admitted:
        """Let a request in, or raise; one that is refused for its scope or model counts too.

        ``credentials`` is what ``authorization`` or ``x-api-key`` holds, ``address`` the
        client's, ``scope`` what the request needs, None where it needs no key; ``model`` what it
        asks for by name, ``cost`` what it takes from its limit. Waits for nothing where the key
        is known and tokens are held.

        Raises ``Unauthenticated``, ``Forbidden``, ``LimitExceeded`` and ``AccessDown``.
        """
        try:
            if self._open:
                name = f"address:{network_of(address)}" if self._address_rate else ""
                return Admitted(ANYONE, await self._limit(name, self._address_rate, cost))
            if scope is None and credentials is None:
                name = f"stranger:{network_of(address)}"
                return Admitted(STRANGER, await self._limit(name, STRANGERS_RATE, cost))
            grant = await self._recognise(credentials, address)
            headers = await self._limit(f"key:{grant.caller.key_id}", grant.rate, cost)
            if scope is not None:
                _check(grant.caller, scope, model, headers)
        except (Unauthenticated, Forbidden, LimitExceeded, AccessDown) as error:
            self._metrics.access_refused.labels(_REASONS[type(error)]).inc()
            raise
        return Admitted(grant.caller, headers)

    async def run(self) -> None:
        """Follow revocations, Redis' coming back and the issuer's keys, until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self._link is not None:
                group.create_task(self._link.run())
            if self._book is not None and not self._open:
                group.create_task(self._book.run())
            if self._oidc is not None and not self._open:
                group.create_task(self._oidc.run())

    async def close(self) -> None:
        """Give up what is being asked of Redis; then its client may be closed."""
        if self._book is not None and self._limiter is not None:
            await self._book.close()
            await self._limiter.close()

    async def _recognise(self, credentials: bytes | None, address: str) -> Grant:
        token = token_of(credentials)
        oidc = self._oidc if looks_like_token(token) else None
        source = oidc or self._keys
        wait = 0.0 if self._damper is None else self._damper.wait(address)
        if wait and not source.seen(token):
            raise too_many(wait)
        try:
            return await source.recognise(token)
        except Unauthenticated:
            if self._damper is not None:
                await self._damper.count(address)
            raise

    async def _limit(self, name: str, rate: Rate | None, cost: float) -> Headers:
        if rate is None or self._limiter is None:
            return []
        try:
            return await self._limiter.take(name, rate, cost)
        except AccessDown:
            if not self._open_when_down:
                raise
            self._metrics.limits_unchecked.inc()
            return []


_REASONS: dict[type[Exception], str] = {
    Unauthenticated: "unauthenticated",
    Forbidden: "forbidden",
    LimitExceeded: "limit",
    AccessDown: "down",
}


def _check(caller: Caller, scope: Scope, model: str | None, headers: Headers) -> None:
    """Raises ``Forbidden``, which says too what is left of the limit that was paid from."""
    try:
        caller.check(scope, model)
    except Forbidden as refusal:
        refusal.headers = headers
        raise


def _rate(per_second: float, burst: int) -> Rate | None:
    return Rate(per_second, burst) if per_second else None
