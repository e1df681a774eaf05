"""Pages of metrics on addresses of their own, and a list of the pods that show them."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from trellis.rollout.metrics.port import Pod


def lister(*pods: Pod) -> Any:
    """As the cluster's adapter lists them."""

    async def pods_of(_service: str, revisions: Sequence[str]) -> Sequence[Pod]:
        return [pod for pod in pods if pod.revision in revisions]

    return pods_of


def pod(name: str, revision: str, **changed: Any) -> Pod:
    fields: dict[str, Any] = {"address": "127.0.0.1", "running": True, "ready": True, **changed}
    return Pod(name, revision, **fields)


def page_of(
    errors: int, total: int, host: str = "tomato.trellis", slow: int = 0, tag: str = "kn:disabled"
) -> str:
    """A queue-proxy's page after ``total`` requests."""
    lines = []
    for code, count, over in (("200", total - errors, slow), ("500", errors, 0)):
        labels = f'http_response_status_code="{code}",kn_route_tag="{tag}",server_address="{host}"'
        name = "http_server_request_duration_seconds"
        lines += [
            f'{name}_bucket{{{labels},le="0.25"}} {count - over}',
            f'{name}_bucket{{{labels},le="+Inf"}} {count}',
            f"{name}_sum{{{labels}}} {count * 0.1}",
            f"{name}_count{{{labels}}} {count}",
        ]
    return "\n".join(["# TYPE http_server_request_duration_seconds histogram", *lines, ""])


class Pages:
    """``/metrics`` on one port of several loopback addresses; ``text`` by address, changed at will."""

    def __init__(self) -> None:
        self.text: dict[str, str] = {}
        self.port = 0
        self.seconds = 0.0
        self._asked: dict[str, asyncio.Event] = {}
        self._stack = AsyncExitStack()

    async def up(self, *addresses: str) -> None:
        async def answer(request: web.Request) -> web.Response:
            host = str(request.url.host)
            await asyncio.sleep(self.seconds)
            text = self.text[host]
            if host in self._asked:
                self._asked.pop(host).set()
            return web.Response(text=text, content_type="text/plain")

        app = web.Application()
        app.router.add_get("/metrics", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        for address in addresses:
            site = web.TCPSite(runner, address, self.port)
            await site.start()
            self.port = runner.addresses[0][1]

    async def asked(self, address: str) -> None:
        """Return when the page of an address was asked for next."""
        await self._asked.setdefault(address, asyncio.Event()).wait()

    async def down(self) -> None:
        await self._stack.aclose()
