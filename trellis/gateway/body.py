"""A request's body as it arrives: its first piece held, the rest streamed, all of it bounded."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from trellis.gateway.errors import BadRequest, TooLarge
from trellis.gateway.gate import Gate

#: Seconds that a refused body is still read for.
DISCARD_SECONDS = 2.0

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The caller closed the connection before its request was whole; nobody waits for an answer."""


class Body:
    """One request's body, from ASGI's ``receive``, of at most ``limit`` bytes.

    What is read whole counts at ``gate``, where there is one, until ``let_go``.
    ``arrived`` tells whether its last piece is here, ``arrived_at`` since when, in seconds of the
    monotonic clock. ``failure`` holds what ended the stream
    early (``TooLarge``, ``ClientGone``): the HTTP client that pulls the stream reports such an
    end only as a broken connection.
    """

    def __init__(self, receive: Receive, limit: int, gate: Gate | None = None) -> None:
        self._receive = receive
        self._limit = limit
        self._gate = gate
        self._held = 0
        self._first = b""
        self.arrived = False
        self.arrived_at = float("inf")
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
        """All of it where the first piece is all or it was read, else None."""
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
        """All of it in memory. Raises ``TooLarge``, ``ClientGone``, or ``Overloaded`` by the gate."""
        if self.arrived:
            self._hold(len(self._first) - self._held)
            return self._first
        pieces = []
        async for piece in self.stream():
            self._hold(len(piece))
            pieces.append(piece)
        self._first = b"".join(pieces)
        return self._first

    def let_go(self) -> None:
        """The request has ended: its body is counted at the gate no more."""
        if self._held and self._gate is not None:
            self._gate.let_go(self._held)
            self._held = 0

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

    def _hold(self, size: int) -> None:
        if size and self._gate is not None:
            self._gate.hold(size)
            self._held += size

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        if not message.get("more_body", False):
            self.arrived = True
            self.arrived_at = time.monotonic()
        piece: bytes = message.get("body", b"")
        return piece

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the request's body is over the limit of {self._limit} bytes")
