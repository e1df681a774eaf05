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

from trellis.gateway.http_protocol import GatewayProtocol
from trellis.gateway.listening import RestServer, listening_socket
from trellis.telemetry.exposition import metrics_page


def side_server(host: str, port: int, setting: str, *routes: Route) -> RestServer:
    """Serves ``/metrics`` and ``routes``; ``setting`` named the port. Raises ``CannotListen``."""
    return RestServer(
        uvicorn.Config(
            Starlette(routes=[Route("/metrics", _metrics), *routes]),
            loop="none",
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
