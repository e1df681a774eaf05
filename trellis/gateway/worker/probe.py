"""A worker's own small port: whether it takes jobs, and its metrics."""

import asyncio
from collections.abc import Callable

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.gateway.http_protocol import GatewayProtocol
from trellis.gateway.listening import RestServer, listening_socket
from trellis.telemetry.exposition import metrics_page


def probe_server(host: str, port: int, ready: Callable[[], bool]) -> RestServer:
    """Serves ``/health`` (503 unless ``ready()``) and ``/metrics``. Raises ``CannotListen``."""

    async def health(_request: Request) -> Response:
        if ready():
            return _json({"status": "ok"}, 200)
        return _json({"error": "no routing table, no Redis, or the worker ends"}, 503)

    async def metrics(_request: Request) -> Response:
        page, content_type = await asyncio.to_thread(metrics_page)
        return Response(page, headers={"content-type": content_type})

    return RestServer(
        uvicorn.Config(
            Starlette(routes=[Route("/health", health), Route("/metrics", metrics)]),
            loop="none",
            http=GatewayProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        ),
        listening_socket(host, port, "worker_port"),
    )


def _json(document: object, status: int) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
