"""``python -m trellis.gateway``: one process, REST, gRPC and metrics, drained at SIGTERM."""

import asyncio
import gc
import signal
import sys
from collections.abc import Sequence

import grpc.aio
import uvicorn
import uvloop

from trellis.gateway.allowed_hosts import AllowedHosts
from trellis.gateway.app import ASGIApp, gateway_app
from trellis.gateway.channels import Channels
from trellis.gateway.command_line import settings_or_complaint
from trellis.gateway.grpc_health import GrpcHealth
from trellis.gateway.grpc_proxy import GrpcProxy
from trellis.gateway.http_protocol import protocol_class
from trellis.gateway.listening import CannotListen, RestServer, listen_grpc, listening_socket
from trellis.gateway.parts import Parts, open_parts
from trellis.gateway.settings import Settings
from trellis.gateway.side_port import side_app, side_server
from trellis.telemetry.logs import configure, get_logger

#: Seconds that an unused connection is kept: longer than a proxy before the gateway keeps its own
#: (nginx 60), for its request must not meet a connection about to close.
KEEPALIVE_SECONDS = 75


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then: not ready, wait, close the ports, finish, stop.

    Raises ``CannotListen`` where a port cannot be had.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_parts(settings) as parts:
        rest = _rest_server(parts)
        grpc_server, channels = _grpc_server(parts)
        metrics = side_server(
            _behind_names(settings, side_app()),
            settings.host,
            settings.metrics_port,
            "metrics_port",
        )
        await grpc_server.start()
        telling = asyncio.create_task(metrics.run_until_stopped())
        serving = asyncio.create_task(rest.run_until_stopped())
        get_logger().info(
            "gateway listens",
            http_port=settings.http_port,
            grpc_port=settings.grpc_port,
            metrics_port=settings.metrics_port,
        )
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, telling, stopped}, return_when=asyncio.FIRST_COMPLETED)
        parts.holder.draining = True
        if not serving.done():
            get_logger().info("gateway drains", inflight=parts.gate.inflight)
            await asyncio.sleep(settings.drain_delay)
        parts.polls.end()
        rest.should_exit = True
        ends = [serving, grpc_server.stop(settings.grace_period)]
        ended = await asyncio.gather(*ends, return_exceptions=True)
        metrics.should_exit = True  # the last: what is counted while draining can still be read
        ended += await asyncio.gather(telling, return_exceptions=True)
        stopped.cancel()
        await channels.close()
        for fault in ended:
            if isinstance(fault, BaseException):
                raise fault


def _rest_server(parts: Parts) -> RestServer:
    settings = parts.settings
    return RestServer(
        uvicorn.Config(
            _behind_names(settings, gateway_app(parts)),
            loop="none",
            http=protocol_class(settings.header_timeout),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            timeout_keep_alive=KEEPALIVE_SECONDS,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_graceful_shutdown=max(1, round(settings.grace_period)),
        ),
        listening_socket(settings.host, settings.http_port),
    )


def _behind_names(settings: Settings, app: ASGIApp) -> ASGIApp:
    """The application; where everybody may ask, behind the names that the gateway goes by."""
    if settings.auth == "open" or settings.allowed_hosts:
        return AllowedHosts(app, settings.allowed_hosts)
    return app


def _grpc_server(parts: Parts) -> tuple[grpc.aio.Server, Channels]:
    settings = parts.settings
    channels = Channels(settings.connect_wait, settings.max_body_bytes)
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", settings.max_body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        )
    )
    server.add_generic_rpc_handlers((GrpcHealth(parts.holder), GrpcProxy(parts, channels)))
    listen_grpc(server, settings.host, settings.grpc_port)
    return server, channels


def main(argv: Sequence[str] | None = None) -> int:
    """Read the settings and serve; 2 where a setting does not fit, 1 where a port cannot be had."""
    settings = settings_or_complaint(sys.argv[1:] if argv is None else argv)
    if settings is None:
        return 2
    configure("gateway", settings.log_level)
    # What is loaded by now stays; looking through it again would only cost.
    gc.freeze()
    try:
        uvloop.run(serve(settings))
    except CannotListen as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
