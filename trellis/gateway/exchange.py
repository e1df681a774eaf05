"""One REST request at its arm: passed on and back, streamed and unparsed, or through the cache.

Another arm is asked where no connection came about, since then nothing was sent.
"""

import asyncio
from typing import Literal, NamedTuple

import aiohttp

from trellis.gateway.answers import Send
from trellis.gateway.attempt import Attempt
from trellis.gateway.body import Body
from trellis.gateway.cache.answer import CachedAnswer
from trellis.gateway.cache.key import CacheKey, Input
from trellis.gateway.cache.prediction_cache import PredictionCache
from trellis.gateway.errors import DeadlineExceeded, UpstreamDown
from trellis.gateway.headers import Incoming, RawHeaders, returned_headers
from trellis.gateway.request_line import Asked, forwarded_path
from trellis.gateway.settings import Settings
from trellis.gateway.upstream import Upstream, failure_of

#: A predictor's answer to overload.
TOO_MANY = 429

Headers = list[tuple[bytes, bytes]]


class Ask(NamedTuple):
    """One request: what came, what of it goes on, and until when (the loop's time).

    ``kind`` is None where no prediction is asked for. ``limits`` are headers for the answer.
    """

    method: str
    raw_path: bytes
    query: bytes
    asked: Asked
    incoming: Incoming
    kind: Literal["v1", "v2"] | None
    keep_version: bool
    limits: Headers
    deadline: float


class Answer:
    """The caller's side of an answer; knows whether it began.

    ``cached`` where it comes from the cache; ``excused`` where its failure is not the arm's.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.cached = False
        self.excused = False

    async def start(self, status: int, headers: Headers) -> None:
        """Status and headers: from here on an error can only cut the answer."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, piece: bytes, *, more: bool) -> None:
        """A part of the body, the last one where there is no ``more``."""
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})


class Exchange:
    """Sends requests on; ``cache`` is None where there is none."""

    def __init__(
        self, upstream: Upstream, cache: PredictionCache | None, settings: Settings
    ) -> None:
        self._upstream = upstream
        self._cache = cache
        self._cache_limit = settings.cache_max_bytes
        self._timeout = settings.request_timeout

    async def run(self, attempt: Attempt, ask: Ask, body: Body, answer: Answer) -> int:
        """Answer ``ask``; returns the status. Raises ``GatewayError`` and ``ClientGone``."""
        while True:
            try:
                key = await self._key(attempt, ask, body)
                if key is None or self._cache is None:
                    return await self._pass_on(attempt, ask, body, answer)
                return await self._through(self._cache, attempt, ask, key, answer)
            except UpstreamDown:
                if not attempt.fall_back():
                    raise

    async def _key(self, attempt: Attempt, ask: Ask, body: Body) -> CacheKey | None:
        """The key of a request whose answer the cache may have, else None."""
        if (
            self._cache is None
            or ask.kind is None
            or ask.incoming.no_cache
            or ask.method != "POST"
            or self._cache.seconds(attempt.target, attempt.rules.cache_seconds) <= 0
        ):
            return None
        length = ask.incoming.content_length
        size = int(length or self._cache_limit + 1) if body.whole is None else len(body.whole)
        if size > self._cache_limit:
            return None
        whole = await body.read()
        # Of what the predictor gets, not of what came: the two must not be told apart.
        headers = tuple(
            (name.lower().encode(), value.encode()) for name, value in ask.incoming.forward.items()
        )
        asked = Input(ask.kind, headers, ask.query, whole)
        request_id = ask.incoming.trace.request_id
        return self._cache.key(attempt.target, asked, request_id, attempt.rules.cache_seconds)

    async def _pass_on(self, attempt: Attempt, ask: Ask, body: Body, answer: Answer) -> int:
        whole = body.whole
        attempt.asked = True
        response = await self._upstream.send(
            attempt.target.arm,
            ask.method,
            forwarded_path(ask.asked, attempt.target, ask.raw_path, ask.query),
            ask.incoming.forward,
            body if whole is None else whole or None,
            attempt.patience,
        )
        return await self._stream(attempt, ask, answer, response, [], body)

    async def _stream(
        self,
        attempt: Attempt,
        ask: Ask,
        answer: Answer,
        response: aiohttp.ClientResponse,
        pieces: list[bytes],
        body: Body | None,
    ) -> int:
        """Send on a response, of which ``pieces`` have been read."""
        try:
            status = _outside(response.status, answer)
            attempt.served_by(response.headers)
            headers = self._headers(ask, response.raw_headers, b"bypass")
            content = response.content
            piece = b"".join(pieces) if pieces else await content.readany()
            await answer.start(status, headers)
            while not content.at_eof():
                await answer.piece(piece, more=True)
                piece = await content.readany()
            await answer.piece(piece, more=False)
        except (aiohttp.ClientError, ConnectionError) as error:
            response.close()
            raise failure_of(body) from error
        except BaseException:
            response.close()
            raise
        response.release()
        return status

    async def _through(
        self, cache: PredictionCache, attempt: Attempt, ask: Ask, key: CacheKey, answer: Answer
    ) -> int:
        target = attempt.target
        patience = attempt.patience

        unread: _TooLargeToKeep | None = None
        left = False

        async def compute() -> CachedAnswer:
            nonlocal unread
            attempt.asked = True
            try:
                return await self._whole_answer(attempt, ask, key, patience)
            except _TooLargeToKeep as large:
                unread = large
                if left:
                    large.response.close()
                raise

        attempt.asked = False
        try:
            found, outcome = await cache.answer(target, key, compute)
        except _TooLargeToKeep as large:
            return await self._stream(attempt, ask, answer, large.response, large.pieces, None)
        except asyncio.CancelledError:
            # Others may still wait for this caller's computation, and none of them reads this.
            left = True
            if unread is not None:
                unread.response.close()
            raise
        answer.cached = outcome == "hit"
        if not answer.cached:
            attempt.served_by({k.decode(): v.decode("latin-1") for k, v in found.headers})
        status = _outside(found.status, answer)
        await answer.start(status, self._headers(ask, found.headers, outcome.encode()))
        await answer.piece(found.body, more=False)
        return status

    async def _whole_answer(
        self, attempt: Attempt, ask: Ask, key: CacheKey, patience: float | None
    ) -> CachedAnswer:
        """The predictor's answer in memory; depends on no caller, for others may wait for it too."""
        headers = ask.incoming.forward.copy()
        headers["content-length"] = str(len(key.body))
        target = attempt.target
        path = forwarded_path(ask.asked, target, ask.raw_path, ask.query)
        try:
            async with asyncio.timeout_at(ask.deadline):
                response = await self._upstream.send(
                    target.arm, ask.method, path, headers, key.body or None, patience
                )
                return await _read(response, self._cache_limit)
        except TimeoutError:
            raise DeadlineExceeded(
                f"the model gave no whole answer within {self._timeout:g} s"
            ) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise failure_of(None) from error

    @staticmethod
    def _headers(ask: Ask, raw: RawHeaders, cache: bytes) -> Headers:
        headers = returned_headers(
            raw, ask.incoming.trace.request_id, keep_version=ask.keep_version
        )
        if ask.kind is not None:
            headers.append((b"x-cache", cache))
        headers.extend(ask.limits)
        return headers


class _TooLargeToKeep(Exception):
    """An answer that is streamed after all: the response, and the pieces that were read."""

    def __init__(self, response: aiohttp.ClientResponse, pieces: list[bytes]) -> None:
        super().__init__()
        self.response = response
        self.pieces = pieces


async def _read(response: aiohttp.ClientResponse, limit: int) -> CachedAnswer:
    """All of a response. Raises ``_TooLargeToKeep`` with it where it is over ``limit`` bytes."""
    pieces: list[bytes] = []
    size = 0
    try:
        while not response.content.at_eof():
            piece = await response.content.readany()
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise _TooLargeToKeep(response, pieces)
    except _TooLargeToKeep:
        raise
    except BaseException:
        response.close()
        raise
    response.release()
    headers = tuple((name.lower(), value) for name, value in response.raw_headers)
    return CachedAnswer(response.status, headers, b"".join(pieces))


def _outside(status: int, answer: Answer) -> int:
    """A predictor's status for the caller: its overload is 503, as 429 is for a caller's own limit.

    It still answers, so nobody leaves it alone for that.
    """
    if status == TOO_MANY:
        answer.excused = True
        return 503
    return status
