"""Asks the gateway's own application a job's request, in this process.

So a job meets the same assignment, cache, records and ejection as a request over the network.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from trellis.gateway.access.callers import Caller
from trellis.gateway.answers import Send
from trellis.gateway.attempt import MET, Met
from trellis.gateway.body import Receive
from trellis.gateway.doorway import ADMITTED
from trellis.gateway.jobs.queue import Answer, Work

Application = Callable[[Any, Receive, Send], Awaitable[None]]

#: A job is not handed in a second time, its key was checked when it was accepted, and its length
#: is what it has.
_NOT_ASKED = frozenset(
    ("prefer", "idempotency-key", "authorization", "x-api-key", "content-length")
)


class NoAnswer(Exception):
    """The application ended without a whole answer; ``str(error)`` says how."""


class AnswerTooLarge(Exception):
    """The answer is over the bound; ``str(error)`` is a sentence for the caller."""


class Execution:
    """``limit`` bounds an answer's body, in bytes."""

    def __init__(self, application: Application, limit: int) -> None:
        self._application = application
        self._limit = limit

    async def answer(self, work: Work, met: Met) -> Answer:
        """The answer to a job's request; the exposure, where it is one, goes to ``met``.

        Raises ``NoAnswer``, ``AnswerTooLarge``.
        """
        exchange = _Exchange(work.body, self._limit)
        scope = {**scope_of(work), MET: met}
        await self._application(scope, exchange.receive, exchange.send)
        if exchange.too_large:
            raise AnswerTooLarge(f"the answer is over the limit of {self._limit} bytes")
        if not exchange.whole:
            raise NoAnswer("the model's answer broke off")
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in exchange.headers
        )
        return Answer(exchange.status, headers, b"".join(exchange.pieces))


def scope_of(work: Work) -> dict[str, Any]:
    """The ASGI scope of a job's request, from a caller who has been admitted."""
    raw_path, _, query = work.path.partition("?")
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in work.headers
        if name not in _NOT_ASKED
    ]
    headers.append((b"content-length", str(len(work.body)).encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": work.method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        "state": {},
        ADMITTED: Caller(work.caller, work.scopes, None),
    }


class _Exchange:
    """One request's two sides."""

    def __init__(self, body: bytes, limit: int) -> None:
        self._body: bytes | None = body
        self._left = limit
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.whole = False
        self.too_large = False

    async def receive(self) -> dict[str, Any]:
        if self._body is None:
            # The worker does not leave; it cancels.
            await asyncio.get_running_loop().create_future()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
            return
        piece = message.get("body", b"")
        self._left -= len(piece)
        if self._left < 0:
            # What follows is let pass: a connection is worth more than an answer cut off.
            self.too_large = True
            self.pieces.clear()
        else:
            self.pieces.append(piece)
        self.whole = not message.get("more_body", False)
