"""Serves the routing table to gateways and workers, and knows which of them hold it.

``GET /routing-table`` has an ETag. With ``If-None-Match`` equal to it and ``Prefer: wait=N``
the answer comes when the table changes, or is 304 after N seconds. Whoever names itself in
``x-trellis-instance`` and shows an ETag has that table in use.
"""

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import Iterator, Mapping

from aiohttp import web

from trellis.contracts.routing_table import RoutingTable

_LONGEST_WAIT = 300.0
#: Whoever asks before the first table waits this long for it, rather than ask in vain.
_FIRST_WAIT = 20.0
#: One that has not asked for so long is gone: it asks again as soon as it is answered.
_GONE_SECONDS = 60.0
#: Within which one that lost its controller asks another, or the same anew.
_FOUND_SECONDS = 10.0
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})")


class TableServer:
    """Holds the current table; ``publish`` swaps it."""

    def __init__(self) -> None:
        self._table: RoutingTable | None = None
        self._body = b""
        self._etag = ""
        self._changed = asyncio.Condition()
        self._followers: dict[str, _Follower] = {}
        self._began = time.monotonic()

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.get("/routing-table", self._answer)]

    async def publish(self, table: RoutingTable) -> None:
        """Put ``table`` in use and wake whoever waits for it."""
        async with self._changed:
            self._table = table
            self._body = table.model_dump_json(by_alias=True).encode()
            # Two replicas may give different tables the same number.
            self._etag = f'"{table.version}-{hashlib.sha256(self._body).hexdigest()[:16]}"'
            self._changed.notify_all()

    @property
    def behind(self) -> int:
        """Followers that do not hold the current table."""
        return sum(follower.etag != self._etag for follower in self._present_followers().values())

    def held(self) -> Mapping[str, int]:
        """The number of the table that each follower holds, by its name. One that holds another
        table of the current number, or of a later one, has it from elsewhere: it counts as behind.
        """
        current = self._table.version if self._table else 0
        return {
            name: current if of.etag == self._etag else min(_number(of.etag), current - 1)
            for name, of in self._present_followers().items()
        }

    @property
    def is_complete(self) -> bool:
        """Whether every follower has had the time to ask, since this process began."""
        return time.monotonic() - self._began >= _FOUND_SECONDS

    def _present_followers(self) -> Mapping[str, "_Follower"]:
        now = time.monotonic()
        for name, follower in list(self._followers.items()):
            if not follower.waiting and now - follower.seen > _GONE_SECONDS:
                del self._followers[name]
        return self._followers

    async def until_in_use(self, seconds: float) -> bool:
        """Whether all followers took the current table within ``seconds``: one asks for the next
        table, naming this one, only after that.
        """
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.behind == 0)
        except TimeoutError:
            return False
        return True

    async def _answer(self, request: web.Request) -> web.Response:
        known = request.headers.get("If-None-Match", "")
        wait = _WAIT.search(request.headers.get("Prefer", ""))
        seconds = min(float(wait[1]), _LONGEST_WAIT) if wait else 0.0
        if self._table is None:
            seconds = max(seconds, _FIRST_WAIT)
        with self._following(request.headers.get("x-trellis-instance"), known):
            async with self._changed:
                self._changed.notify_all()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._changed.wait_for(
                            lambda: self._table is not None and self._etag != known
                        )
                return self._present(known)

    def _present(self, known: str) -> web.Response:
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

    @contextlib.contextmanager
    def _following(self, instance: str | None, known: str) -> Iterator[None]:
        if instance is None:
            yield
            return
        follower = self._followers.setdefault(instance[:128], _Follower())
        follower.etag = known
        follower.waiting += 1
        try:
            yield
        finally:
            follower.waiting -= 1
            follower.seen = time.monotonic()


def _number(etag: str) -> int:
    """The table's number, by its ETag; -1 where it names none."""
    number = etag.strip('W/"').partition("-")[0]
    return int(number) if number.isdecimal() else -1


class _Follower:
    """One process that follows the table: the ETag it holds, its open requests, its last one's end."""

    def __init__(self) -> None:
        self.etag = ""
        self.waiting = 0
        self.seen = time.monotonic()
