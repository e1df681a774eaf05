"""Following a routing table over HTTP, from a real server that behaves, misbehaves and goes away."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from prometheus_client import CollectorRegistry

from tests.integration.gateway.processes import table_of
from tests.integration.ports import free_port
from trellis.gateway import routing_table
from trellis.gateway.ejection import Rules
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.routing_table import TableHolder, follow
from trellis.telemetry.metrics import GatewayMetrics

ARM = {"url": "http://a:1", "model": "m", "version": "v1", "revision": "r", "intervals": [[0, 1]]}

TOKEN = "a-token-of-the-tests"


class TableServer:
    """Serves ``body``; with long-polls unless ``plain``, which answers at once and has no ETag."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/routing-table"
        self.body = b""
        self.status = 200
        self.plain = False
        self.asked: list[dict[str, str]] = []
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/routing-table", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def publish(self, document: Any, status: int = 200) -> None:
        async with self._changed:
            self.body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.status = status
            self._changed.notify_all()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append({name.lower(): value for name, value in request.headers.items()})
        if self.plain:
            return web.Response(body=self.body, status=self.status)
        known = request.headers.get("If-None-Match")
        async with self._changed:
            if "wait=" in request.headers.get("Prefer", ""):
                await self._changed.wait_for(lambda: self._etag != known)
            return web.Response(body=self.body, status=self.status, headers={"ETag": self._etag})

    @property
    def _etag(self) -> str:
        return f'"{hash(self.body)}"'


class Following:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        metrics = GatewayMetrics(self.registry)
        self.holder = TableHolder(metrics, Meters(metrics), Healths(metrics, Rules(5, 5.0)))
        self.server = TableServer()

    @property
    def version(self) -> int | None:
        return self.holder.router.table_version if self.holder.ready else None

    async def until_version(self, version: int) -> None:
        async with asyncio.timeout(15):
            while self.version != version:  # noqa: ASYNC110 - the code under test has no event to wait for
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def following(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Following]:
    monkeypatch.setattr(routing_table, "BACKOFF_SECONDS", (0.02, 0.1))
    follower = Following()
    async with aiohttp.ClientSession() as session:
        task = asyncio.create_task(
            follow(follower.server.url, TOKEN, None, session, follower.holder)
        )
        yield follower
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await follower.server.stop()


def table(version: int) -> dict[str, Any]:
    return table_of({"m": [ARM]}, version=version)


async def test_a_change_arrives_by_the_long_poll(following: Following) -> None:
    await following.server.publish(table(1))
    await following.server.start()
    await following.until_version(1)
    for version in (2, 3):
        await following.server.publish(table(version))
        await following.until_version(version)
    # One request a table, the first without a wait: a change is told, not asked for.
    assert len(following.server.asked) <= 4
    assert "prefer" not in following.server.asked[0]
    assert following.server.asked[1]["prefer"] == "wait=25"
    # The table's server is the controller, which wants to know who asks.
    shown = [headers["authorization"] for headers in following.server.asked]
    assert set(shown) == {f"Bearer {TOKEN}"}


async def test_a_server_that_is_not_there_yet_is_waited_for(following: Following) -> None:
    await asyncio.sleep(0.2)
    assert not following.holder.ready
    await following.server.publish(table(1))
    await following.server.start()
    await following.until_version(1)


@pytest.mark.parametrize(
    ("document", "status"),
    [(b"not json", 200), ({"version": 2}, 503), (b"<html>", 404)],
    ids=["garbage", "503", "404"],
)
async def test_a_bad_answer_leaves_the_last_good_table_in_use(
    following: Following, document: Any, status: int
) -> None:
    await following.server.publish(table(1))
    await following.server.start()
    await following.until_version(1)
    await following.server.publish(document, status)
    await asyncio.sleep(0.3)
    assert following.version == 1
    await following.server.publish(table(3))
    await following.until_version(3)


async def test_a_restarted_server_is_found_again(following: Following) -> None:
    await following.server.publish(table(1))
    await following.server.start()
    await following.until_version(1)
    await following.server.stop()
    await following.server.publish(table(2))
    await asyncio.sleep(0.2)
    assert following.version == 1
    await following.server.start()
    await following.until_version(2)


async def test_a_server_without_etags_is_not_asked_in_a_busy_loop(following: Following) -> None:
    following.server.plain = True
    await following.server.publish(table(1))
    await following.server.start()
    await following.until_version(1)
    await asyncio.sleep(0.5)
    assert len(following.server.asked) <= 2
