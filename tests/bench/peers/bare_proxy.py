"""The limit of a gateway: the same server and HTTP client as ours, and nothing between them.

Run as ``python -m tests.bench.peers.bare_proxy PORT UPSTREAM``; UPSTREAM is scheme and authority.
"""

import sys
from typing import Any

import aiohttp
import uvicorn
from yarl import URL

_UPSTREAM = sys.argv[2]
_OF_THE_CONNECTION = (b"host", b"connection", b"content-length", b"transfer-encoding", b"date")


class Proxy:
    """An ASGI application."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass one request on and its answer back, in pieces."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        pieces = []
        more = True
        while more:
            message = await receive()
            pieces.append(message.get("body", b""))
            more = message.get("more_body", False)
        headers = [
            (name.decode(), value.decode())
            for name, value in scope["headers"]
            if name not in _OF_THE_CONNECTION
        ]
        url = URL(_UPSTREAM + scope["raw_path"].decode(), encoded=True)
        async with self._session.request(
            scope["method"], url, headers=headers, data=b"".join(pieces) or None
        ) as answer:
            kept = [pair for pair in answer.raw_headers if pair[0].lower() != b"date"]
            start = {"type": "http.response.start", "status": answer.status, "headers": kept}
            await send(start)
            async for piece in answer.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(
        Proxy(),
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        lifespan="off",
        loop="uvloop",
        http="httptools",
    )
