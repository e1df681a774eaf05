"""The gateway's own answers in ASGI: errors in words and small JSON documents."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from trellis.gateway.errors import GatewayError

Send = Callable[[Any], Awaitable[None]]


def error_headers(error: GatewayError, request_id: str) -> list[tuple[bytes, bytes]]:
    """Headers of an error's answer: JSON, the request id, when to come again, and its own."""
    headers = [
        (b"content-type", b"application/json"),
        (b"x-request-id", request_id.encode("latin-1")),
    ]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    headers.extend(error.headers)
    return headers


async def send_error(
    send: Send,
    error: GatewayError,
    request_id: str,
    further: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Answer ``{"error": "..."}`` with the error's status and ``further`` headers."""
    headers = [*error_headers(error, request_id), *further]
    await send_json(send, error.status, {"error": str(error)}, headers)


async def send_json(
    send: Send, status: int, document: object, headers: list[tuple[bytes, bytes]]
) -> None:
    """Answer one JSON document."""
    body = orjson.dumps(document)
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
