"""A process's own small port, beside the one that people reach: what it tells its operators.

Not a route of the front door: an ingress passes on all of that, and the metrics name versions and
their shares of the traffic, which a caller is not told.
"""

import asyncio

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from trellis.gateway.http_protocol import GatewayProtocol
from trellis.gateway.listening import RestServer, listening_socket
from trellis.telemetry.exposition import metrics_page


def side_app(*routes: Route) -> Starlette:
    """``/metrics`` and ``routes``."""
    return Starlette(routes=[Route("/metrics", _metrics), *routes])


def side_server(app: ASGIApp, host: str, port: int, setting: str) -> RestServer:
    """Serves ``app``; ``setting`` named the port. Raises ``CannotListen``."""
    return RestServer(
        uvicorn.Config(
            app,
            loop="none",
            interface="asgi3",
            http=GatewayProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        ),
        listening_socket(host, port, setting),
    )


async def _metrics(_request: Request) -> Response:
    page, content_type = await asyncio.to_thread(metrics_page)
    return Response(page, headers={"content-type": content_type})
