"""A receiver of notifications over real HTTP that takes them, refuses them or hangs, as it is told."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.integration.rollout.waiting import until

HANGS = 0


class Receiver:
    """``answers`` gives the status for an event's id: ``HANGS`` for none at all.

    ``bodies`` are those that were taken, ``attempts`` all by id.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.answers: Callable[[str], int] = lambda _id: 204
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.attempts: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    async def took(self, count: int) -> None:
        """Until so many were taken."""
        await until(lambda: len(self.bodies) >= count)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/hook", self._hook)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    async def _hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        event_id = json.loads(body)["id"]
        self.attempts[event_id] += 1
        status = self.answers(event_id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if status == HANGS:
                await asyncio.sleep(3600)
        finally:
            self.at_once -= 1
        if status < 300:
            self.bodies.append(body)
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(status=status, headers={"location": "/elsewhere"})
