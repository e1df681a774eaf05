"""The metrics pages of pods that do not exist: each has an address of its own on the loopback."""

import asyncio
import itertools
import os
from dataclasses import dataclass

from aiohttp import web

_NUMBERS = itertools.count(1)


@dataclass
class Counted:
    """Since the pod started."""

    requests: float = 0.0
    errors: float = 0.0


class PodPages:
    """A queue-proxy's page at port 9091 of each address; who asks tells by the address asked."""

    def __init__(self) -> None:
        self.pods: dict[str, Counted] = {}
        self.silent = False  # pages that never change: a frozen proxy
        self._frozen: dict[str, str] = {}
        self._runner: web.AppRunner | None = None
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        app = web.Application()
        app.add_routes([web.get("/metrics", self._answer)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def new_address(self) -> str:
        """An address of a pod that starts now; called from another thread than the loop's."""
        number = next(_NUMBERS)
        # No other process of the tests has this one's addresses.
        high, low = divmod(os.getpid() % 60_000, 250)
        address = f"127.{high + 1}.{low + 1}.{number % 254 + 1}"
        asyncio.run_coroutine_threadsafe(self._listen(address), self._loop).result(20)
        return address

    async def _listen(self, address: str) -> None:
        assert self._runner is not None
        self.pods[address] = Counted()
        await web.TCPSite(self._runner, address, 9091).start()

    def count(self, address: str, requests: float, errors: float) -> None:
        """Requests that a pod answered."""
        counted = self.pods[address]
        counted.requests += requests
        counted.errors += errors

    async def _answer(self, request: web.Request) -> web.Response:
        address = request.host.partition(":")[0]
        counted = self.pods[address]
        good, bad = int(counted.requests) - int(counted.errors), int(counted.errors)
        name = "http_server_request_duration_seconds"
        lines = [
            f'{name}_count{{http_response_status_code="200",kn_route_tag="kn:disabled"}} {good}',
            f'{name}_count{{http_response_status_code="500",kn_route_tag="kn:disabled"}} {bad}',
        ]
        page = "\n".join(lines) + "\n"
        if self.silent:
            page = self._frozen.setdefault(address, page)
        return web.Response(text=page)
