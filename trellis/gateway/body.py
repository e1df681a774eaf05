"""A request's body as it arrives: its first piece held, the rest streamed, all of it bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from trellis.gateway.errors import BadRequest, TooLarge

#: Seconds that a refused body is still read for.
DISCARD_SECONDS = 2.0

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The caller closed the connection before its request was whole; nobody waits for an answer."""


class Body:
    """One request's body, from ASGI's ``receive``, of at most ``limit`` bytes.

    ``arrived`` tells whether its last piece is here. ``failure`` holds what ended the stream
    early (``TooLarge``, ``ClientGone``): the HTTP client that pulls the stream reports such an
    end only as a broken connection.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._first = b""
        self.arrived = False
        self.failure: Exception | None = None

    async def begin(self, content_length: bytes | None) -> None:
        """Wait for the first piece; ``content_length`` is the header's value if there is one.

        Raises ``TooLarge`` at once where the header says so, ``BadRequest`` on a header that is
        no number, ``ClientGone``.
        """
        if content_length is not None:
            if not content_length.isdigit():
                raise BadRequest("content-length must be a whole number of bytes")
            if int(content_length) > self._limit:
                raise self._too_large()
        self._first = await self._next()
        if len(self._first) > self._limit:
            raise self._too_large()

    @property
    def whole(self) -> bytes | None:
        """All of it where the first piece is all, else None."""
        return self._first if self.arrived else None

    async def stream(self) -> AsyncIterator[bytes]:
        """The pieces in order. Ends with the error that is kept in ``failure``."""
        yield self._first
        sent = len(self._first)
        while not self.arrived:
            try:
                piece = await self._next()
                sent += len(piece)
                if sent > self._limit:
                    raise self._too_large()
            except (TooLarge, ClientGone) as error:
                self.failure = error
                raise
            if piece:
                yield piece

    async def read(self) -> bytes:
        """All of it in memory. Raises ``TooLarge`` or ``ClientGone``."""
        if self.arrived:
            return self._first
        return b"".join([piece async for piece in self.stream()])

    async def discard(self) -> None:
        """Read what is left of a refused body, for a moment.

        A connection that is closed on unread bytes is reset, and the caller would lose the
        answer that says why.
        """
        with contextlib.suppress(TimeoutError, ClientGone):
            async with asyncio.timeout(DISCARD_SECONDS):
                while not self.arrived:
                    await self._next()

    async def caller_gone(self) -> None:
        """Wait until the caller has closed the connection; only after the body has arrived."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.arrived = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the request's body is over the limit of {self._limit} bytes")
