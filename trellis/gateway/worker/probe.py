"""A worker's own small port: whether it takes jobs, and its metrics."""

from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.gateway.listening import RestServer
from trellis.gateway.side_port import side_app, side_server


def probe_server(host: str, port: int, ready: Callable[[], bool]) -> RestServer:
    """Serves ``/health`` (503 unless ``ready()``) and ``/metrics``. Raises ``CannotListen``."""

    async def health(_request: Request) -> Response:
        if ready():
            return _json({"status": "ok"}, 200)
        return _json({"error": "no routing table, no Redis, or the worker ends"}, 503)

    return side_server(side_app(Route("/health", health)), host, port, "worker_port")


def _json(document: object, status: int) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
