"""The REST listener: uvicorn over our routes, with KServe's application behind them."""

import contextlib
import socket
import ssl
from collections.abc import Iterator

import kserve
import uvicorn
from kserve.protocol.rest.server import RESTServer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from trellis.serving.rest.http import ASGIApp
from trellis.serving.rest.whole import WholeProtocol
from trellis.serving.settings import ServingSettings


class RestServer(uvicorn.Server):
    """Serves ``app``; leaves signals to the model server, which drains before it stops."""

    def __init__(self, app: ASGIApp, settings: ServingSettings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                http=WholeProtocol,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ssl_certfile=settings.ssl_certfile,
                ssl_keyfile=settings.ssl_keyfile,
                ssl_version=ssl.PROTOCOL_TLS_SERVER,
                timeout_keep_alive=settings.timeout_keep_alive,
                # The model server gives up first, with an answer; this is for bodies half sent.
                timeout_graceful_shutdown=round(settings.grace_period) + 2,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing to capture."""
        yield


def kserve_application(server: kserve.ModelServer) -> ASGIApp:
    """KServe's own REST application, its unknown routes answered in our words."""
    RESTServer(
        "kserve.model_server:app",
        server.dataplane,
        server.model_repository_extension,
        server.http_port,
    ).create_application()
    app = kserve.model_server.app
    app.add_exception_handler(HTTPException, _error)
    found: ASGIApp = app
    return found


def listening_socket(host: str, port: int, *, shared: bool) -> socket.socket:
    """A bound TCP socket; ``shared`` lets other workers bind the same port.

    Raises ``SystemExit`` where the port cannot be had.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SystemExit(f"http_port {port} cannot be listened on: {error.strerror}") from error
    return listener


async def _error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    known = {404: f"no route {request.method} {request.url.path:.120}"}
    return JSONResponse({"error": known.get(error.status_code, error.detail)}, error.status_code)
