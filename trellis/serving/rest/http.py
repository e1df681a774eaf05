"""ASGI in small: one request's parts, its body within a limit, and an answer in two messages."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from trellis.serving.errors import (
    BadRequest,
    DeadlineExceeded,
    MethodNotAllowed,
    ServingError,
    TooLarge,
    WrongMediaType,
)
from trellis.serving.rest.whole import Exchange, exchange_of
from trellis.telemetry.request_ids import take_or_make_request_id

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = b"application/json"


#: Seconds in which the rest of a body that is too large is read and thrown away. A connection
#: that is closed with bytes unread is reset, and the caller may never see why.
_DISCARD_SECONDS = 2.0


class BodyTooLarge(TooLarge):
    """The body is over the limit; some of it may be unread, so the connection ends here."""


class BodyTooLate(DeadlineExceeded):
    """The body did not come whole in time; the connection ends here."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The most bytes of a body, and the seconds in which it must be there."""

    bytes: int
    seconds: float


class ClientGone(Exception):
    """The caller closed the connection before the body was whole."""


class Request:
    """What the edge needs of one request; the body is read once, within ``limits``."""

    __slots__ = (
        "_limits",
        "_query",
        "_receive",
        "exchange",
        "headers",
        "method",
        "path",
        "request_id",
        "scope",
    )

    def __init__(self, scope: Scope, receive: Receive, limits: BodyLimits) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.exchange = exchange_of(scope)
        self._limits = limits
        self._receive = receive
        self._query: dict[str, list[str]] | None = None
        given = self.headers.get(b"x-request-id")
        self.request_id = take_or_make_request_id(given.decode("latin-1") if given else None)

    def query(self, name: str) -> str | None:
        """Last value of a query parameter."""
        raw: bytes = self.scope["query_string"]
        if not raw:
            return None
        if self._query is None:
            self._query = parse_qs(raw.decode("latin-1"), keep_blank_values=True)
        values = self._query.get(name)
        return values[-1] if values else None

    def gone(self) -> bool:
        """Whether the caller has closed the connection, as far as is known."""
        return self.exchange is not None and self.exchange.gone

    @property
    def content_type(self) -> bytes:
        """Media type in lower case, without parameters."""
        return self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()

    async def body(self, most: int | None = None) -> bytes:
        """The whole body, of at most ``most`` bytes where the limits allow more.

        Raises ``BodyTooLarge``, ``BodyTooLate``, ``ClientGone``, and ``WrongMediaType`` for one
        that is compressed.
        """
        most = self._limits.bytes if most is None else min(most, self._limits.bytes)
        declared = self.headers.get(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > most:
            if b"expect" not in self.headers:  # else the caller has not begun to send
                await self._discard()
            raise BodyTooLarge(f"the body has {int(declared)} bytes, at most {most} are taken")
        if self.exchange is not None and (whole := self.exchange.body()) is not None:
            body = _within(whole, most)
        else:
            try:
                async with asyncio.timeout(self._limits.seconds):
                    body = await self._read(most)
            except TimeoutError:
                raise BodyTooLate(
                    f"the body was not whole within the deadline of {self._limits.seconds:g} s"
                ) from None
        coding = self.headers.get(b"content-encoding")
        if coding is not None and coding.strip().lower() not in (b"", b"identity"):
            raise WrongMediaType(
                f"header 'content-encoding' is {coding.decode('latin-1')!r:.70}, "
                "expected none or identity: a compressed body is not taken"
            )
        return body

    async def _read(self, most: int) -> bytes:
        message = await self._receive()
        chunk: bytes = message.get("body", b"")
        if not message.get("more_body", False) and message["type"] == "http.request":
            return _within(chunk, most)
        return await self._read_on(message, chunk, most)

    async def _read_on(self, message: MutableMapping[str, Any], chunk: bytes, most: int) -> bytes:
        chunks, size = [chunk], len(chunk)
        while True:
            if message["type"] != "http.request":
                raise ClientGone
            if size > most:
                if message.get("more_body", False):
                    await self._discard()
                raise BodyTooLarge(f"the body has more than the {most} bytes that are taken")
            if not message.get("more_body", False):
                return b"".join(chunks)
            message = await self._receive()
            chunk = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)

    async def _discard(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                while (await self._receive()).get("more_body", False):
                    pass


def _within(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise BodyTooLarge(f"the body has {len(body)} bytes, at most {most} are taken")
    return body


def truth(value: str | None, name: str) -> bool:
    """A flag of the query or a form; raises ``BadRequest`` for a word that is neither."""
    if value is None or value.lower() in ("false", "0", "no"):
        return False
    if value.lower() in ("true", "1", "yes", ""):
        return True
    raise BadRequest(f"parameter {name!r} is {value!r:.24}, expected true or false")


async def respond(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes,
    request_id: str,
    extra: tuple[Header, ...] = (),
    exchange: Exchange | None = None,
) -> None:
    """Send a whole answer; in one write where ``exchange`` is given and can."""
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode("latin-1")),
        *extra,
    ]
    if exchange is not None and exchange.answer(status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def respond_json(send: Send, status: int, document: object, request_id: str) -> None:
    """Send a JSON document."""
    await respond(
        send, status, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), JSON, request_id
    )


async def respond_error(
    send: Send, error: ServingError, request_id: str, extra: tuple[Header, ...] = ()
) -> None:
    """Send ``{"error": …}`` with the status of the error."""
    if error.retry_after is not None:
        extra = (*extra, (b"retry-after", b"%d" % error.retry_after))
    if isinstance(error, MethodNotAllowed):
        extra = (*extra, (b"allow", error.allow.encode()))
    if isinstance(error, BodyTooLarge | BodyTooLate):
        extra = (*extra, (b"connection", b"close"))
    body = orjson.dumps({"error": str(error)})
    await respond(send, error.status, body, JSON, request_id, extra)
