"""The edge of REST: what is no HTTP, too long or too slow is refused in one sentence of JSON.

uvicorn waits for a request's line and headers for as long as they take and however long they
are; here both are bounded, so that nobody holds a connection by sending a byte now and then.
"""

import asyncio
from typing import ClassVar

import orjson

from trellis.web.plain_http import PlainHttpProtocol

#: The longest request line and headers together, in bytes.
MOST_HEAD_BYTES = 64 * 2**10


def _refusal(status: bytes, sentence: str) -> bytes:
    body = orjson.dumps({"error": sentence})
    return (
        b"HTTP/1.1 %b\r\n"
        b"content-type: application/json\r\n"
        b"content-length: %d\r\n"
        b"connection: close\r\n\r\n%b"
    ) % (status, len(body), body)


_BAD = _refusal(
    b"400 Bad Request",
    "this is no valid HTTP/1.1 request: its request line or a header cannot be read",
)
_LATE = _refusal(b"408 Request Timeout", "the request's line and headers did not arrive in time")
_LONG = _refusal(
    b"431 Request Header Fields Too Large",
    f"the request's line and headers are over the limit of {MOST_HEAD_BYTES} bytes",
)


class GatewayProtocol(PlainHttpProtocol):
    """Takes no upgrade, and refuses in JSON. ``header_timeout`` in seconds."""

    header_timeout: ClassVar[float] = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """A head is due from now on."""
        super().connection_made(transport)
        self._in_head = False
        self._chunk = 0
        self._head_bytes = 0
        self._began_in = 0
        self._head_timer: asyncio.TimerHandle | None = self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; while a head is not whole, measure and time it."""
        self._chunk = len(data)
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(_LONG)
        elif self._head_timer is None and (self._in_head or not self._answering()):
            self._head_timer = self._start_timer()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._began_in = self._chunk

    def on_headers_complete(self) -> None:
        """Begin a request, unless its head is too long."""
        self._in_head = False
        self._stop_timer()
        if self._began_in + self._head_bytes > MOST_HEAD_BYTES and self._head_is_long():
            # The parser stops at an exception, and its words for it are not sent any more.
            self._refuse(_LONG)
            raise ValueError("head too long")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse and close: where the next request would begin is not known."""
        if not self.transport.is_closing():
            self._refuse(_BAD)

    def _head_is_long(self) -> bool:
        headers = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.url) + headers > MOST_HEAD_BYTES

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()

    def _start_timer(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self.header_timeout, self._late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _late(self) -> None:
        self._head_timer = None
        if self._answering():
            # The head of the next request, behind one whose answer is still owed.
            self._head_timer = self._start_timer()
        elif self._in_head:
            self._refuse(_LATE)
        else:
            self.transport.close()


def protocol_class(header_timeout: float) -> type[GatewayProtocol]:
    """The protocol with a time of its own for heads: uvicorn makes one for each connection."""
    return type("GatewayProtocol", (GatewayProtocol,), {"header_timeout": header_timeout})
