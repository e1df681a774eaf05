"""The public keys of an OIDC issuer, found by discovery, kept, and fetched again when they rotate."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson

from trellis.gateway.errors import AccessDown
from trellis.gateway.read_at_most import read_at_most
from trellis.telemetry.logs import get_logger

#: Seconds after which the keys are fetched again, and the least between two fetches.
REFRESH_SECONDS = 600.0
AGAIN_SECONDS = 10.0
#: Seconds for which the last keys are believed while the issuer does not answer.
BELIEVED_SECONDS = 24 * 3600.0
FETCH_SECONDS = 3.0
MOST_BYTES = 2**20


class IssuerKeys:
    """Keys by id. One fetch at a time, at most one every ``AGAIN_SECONDS``."""

    def __init__(
        self,
        issuer: str,
        session: aiohttp.ClientSession,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._session = session
        self._clock = clock
        self._keys: dict[str | None, Any] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> Any:
        """The public key of that id, None where the issuer has none such.

        Raises ``AccessDown`` where there are no keys that may be believed.
        """
        if key_id not in self._keys or self._stale:
            await self._fetch()
        if self._stale:
            raise AccessDown("the issuer of the tokens does not answer; try again shortly")
        return self._keys.get(key_id)

    async def run(self) -> None:
        """Fetch the keys now and then, until cancelled."""
        # Takes a tenth of a second: beside the loop, before the first token needs it on the loop.
        await asyncio.to_thread(__import__, "jwt")
        while True:
            await self._fetch()
            await asyncio.sleep(AGAIN_SECONDS if self._stale else REFRESH_SECONDS)

    @property
    def _stale(self) -> bool:
        return self._clock() - self._fetched_at >= BELIEVED_SECONDS

    async def _fetch(self) -> None:
        if self._fetching is None:
            if self._clock() - self._tried_at < AGAIN_SECONDS:
                return
            self._fetching = asyncio.create_task(self._replace())
        await asyncio.shield(self._fetching)

    async def _replace(self) -> None:
        self._tried_at = asked_at = self._clock()
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                discovery = await self._document(
                    f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                )
                if discovery.get("issuer") != self._issuer:
                    raise _Unusable(f"discovery names issuer {discovery.get('issuer')!r}")
                url = discovery.get("jwks_uri")
                if not isinstance(url, str) or _scheme(url) not in {"https", _scheme(self._issuer)}:
                    raise _Unusable(f"discovery names jwks_uri {url!r}")
                keys = _public_keys(await self._document(url))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            problem = str(error) or f"no answer within {FETCH_SECONDS:g} s"
            get_logger().error("the issuer's keys cannot be fetched", problem=problem)
        else:
            self._keys, self._fetched_at = keys, asked_at
        finally:
            self._fetching = None

    async def _document(self, url: str) -> dict[str, Any]:
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise _Unusable(f"{url} answered {response.status}")
            body = await read_at_most(response, MOST_BYTES)
        document = orjson.loads(body)
        if not isinstance(document, dict):
            raise _Unusable(f"{url} is no JSON object")
        return document


class _Unusable(ValueError):
    """What the issuer says cannot be used."""


def _public_keys(document: dict[str, Any]) -> dict[str | None, Any]:
    """RSA and EC keys by id; without an id only where there is but one key."""
    import jwt

    try:
        found = jwt.PyJWKSet.from_dict(document).keys
    except jwt.PyJWTError as error:
        raise _Unusable(str(error)) from error
    keys = {
        key.key_id: key.key
        for key in found
        if key.key_type in {"RSA", "EC"} and key.public_key_use in {None, "sig"}
    }
    if len(keys) > 1:
        keys.pop(None, None)
    elif len(keys) == 1:
        keys[None] = next(iter(keys.values()))
    return keys


def _scheme(url: str) -> str:
    return url.partition(":")[0]
