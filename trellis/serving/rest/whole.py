"""Bodies that are here already and answers in one write, past ASGI's messages.

ASGI takes an answer in two messages, and uvicorn writes each to the socket: two system calls
and two packets for a small answer. ``WholeProtocol`` gives our routes the exchange itself.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from trellis.web.plain_http import PlainHttpProtocol

#: Where a scope's ``extensions`` hold its ``Exchange``.
EXTENSION = "trellis.exchange"


class Exchange:
    """One request and its answer as uvicorn holds them; ``send`` is ASGI's and may be used instead."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle

    def body(self) -> bytes | None:
        """The body where all of it has come, else ``None``: then it is to be received."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected:
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        return body

    @property
    def arrived(self) -> bool:
        """Whether all of the body is here."""
        return not self._cycle.more_body

    @property
    def gone(self) -> bool:
        """Whether the caller has closed the connection."""
        return bool(self._cycle.disconnected)

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write the whole answer; False where it has to take the usual way.

        ``headers`` say the body's length. False where the socket does not keep up, where the
        caller is gone, where nothing but a head is wanted, or where a header holds a line's end.
        """
        cycle = self._cycle
        if cycle.disconnected or cycle.response_started or cycle.flow.write_paused:
            return False
        lines = [b"%b: %b\r\n" % pair for pair in (*cycle.default_headers, *headers)]
        head = b"".join((STATUS_LINE[status], *lines))
        if head.count(b"\n") != len(lines) + 1 or cycle.scope["method"] == "HEAD":
            return False
        told_to_close = (b"connection", b"close") in headers
        if not cycle.keep_alive and not told_to_close:
            head += b"connection: close\r\n"
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join((head, b"\r\n", body)))
        cycle.message_event.set()
        if told_to_close or not cycle.keep_alive:
            cycle.keep_alive = False
            cycle.transport.close()
        cycle.on_response()
        return True


class WholeProtocol(PlainHttpProtocol):
    """uvicorn's protocol, with an ``Exchange`` in each scope."""

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.scope["extensions"] = {EXTENSION: Exchange(cycle)}
        super()._start_asgi_task(cycle, app)


def exchange_of(scope: Any) -> Exchange | None:
    """The scope's exchange, taken out of it; ``None`` under another server.

    Left there it would be a reference cycle a request, and the garbage collector a tenth of the time.
    """
    extensions = scope.get("extensions")
    return extensions.pop(EXTENSION, None) if extensions else None
