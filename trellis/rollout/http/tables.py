"""Serves the routing table to the gateway.

``GET /routing-table`` has an ETag. With ``If-None-Match`` equal to it and ``Prefer: wait=N``
the answer comes when the table changes, or is 304 after N seconds.
"""

import asyncio
import contextlib
import re

from aiohttp import web

from trellis.contracts.routing_table import RoutingTable

_LONGEST_WAIT = 300.0
#: Whoever asks before the first table waits this long for it, rather than ask in vain.
_FIRST_WAIT = 20.0
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})")


class TableServer:
    """Holds the current table; ``publish`` swaps it."""

    def __init__(self) -> None:
        self._table: RoutingTable | None = None
        self._body = b""
        self._etag = ""
        self._changed = asyncio.Condition()
        #: The ETag that the gateway last said it has in use.
        self._in_use = ""

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.get("/routing-table", self._answer)]

    async def publish(self, table: RoutingTable) -> None:
        """Put ``table`` in use and wake whoever waits for it."""
        async with self._changed:
            self._table = table
            self._body = table.model_dump_json(by_alias=True).encode()
            self._etag = f'"{table.version}"'
            self._changed.notify_all()

    async def until_in_use(self, seconds: float) -> bool:
        """Whether the gateway took the current table within ``seconds``: it asks for the next
        one, naming this one, only after that.
        """
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self._in_use == self._etag)
        except TimeoutError:
            return False
        return True

    async def _answer(self, request: web.Request) -> web.Response:
        known = request.headers.get("If-None-Match", "")
        wait = _WAIT.search(request.headers.get("Prefer", ""))
        seconds = min(float(wait[1]), _LONGEST_WAIT) if wait else 0.0
        if self._table is None:
            seconds = max(seconds, _FIRST_WAIT)
        async with self._changed:
            if known:
                self._in_use = known
                self._changed.notify_all()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(
                        lambda: self._table is not None and self._etag != known
                    )
            if self._table is None:
                text = '{"error":"no model is ready yet"}'
                headers = {"retry-after": "1"}
                return web.Response(
                    status=503, text=text, content_type="application/json", headers=headers
                )
            headers = {"ETag": self._etag}
            if known == self._etag:
                return web.Response(status=304, headers=headers)
            return web.Response(body=self._body, content_type="application/json", headers=headers)
