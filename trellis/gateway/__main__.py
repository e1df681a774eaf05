"""``python -m trellis.gateway``: one process, REST and gRPC, drained at SIGTERM."""

import asyncio
import gc
import signal
import sys
from collections.abc import Sequence

import grpc.aio
import uvicorn
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError

from trellis.gateway.app import gateway_app
from trellis.gateway.channels import Channels
from trellis.gateway.gate import Gate
from trellis.gateway.grpc_health import GrpcHealth
from trellis.gateway.grpc_proxy import GrpcProxy
from trellis.gateway.http_protocol import GatewayProtocol
from trellis.gateway.listening import CannotListen, RestServer, listen_grpc, listening_socket
from trellis.gateway.metering import Meters
from trellis.gateway.routing_table import TableHolder, follow
from trellis.gateway.settings import Settings, read_settings
from trellis.gateway.units import CookieSigner
from trellis.gateway.upstream import Upstream, new_session
from trellis.telemetry.logs import configure, get_logger
from trellis.telemetry.metrics import GatewayMetrics


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then: not ready, wait, close the ports, finish, stop.

    Raises ``CannotListen`` where a port cannot be had.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = GatewayMetrics()
    meters = Meters(metrics)
    holder = TableHolder(metrics, meters, settings.default_model)
    gate = Gate(settings.max_inflight_requests)
    async with new_session() as session:
        following = asyncio.create_task(
            follow(settings.routing_table_url, settings.routing_table_file, session, holder)
        )
        upstream = Upstream(session, settings.connect_wait)
        rest = _rest_server(settings, holder, upstream, meters, gate)
        grpc_server, channels = _grpc_server(settings, holder, meters, gate)
        await grpc_server.start()
        serving = asyncio.create_task(rest.run_until_stopped())
        get_logger().info(
            "gateway listens", http_port=settings.http_port, grpc_port=settings.grpc_port
        )
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        holder.draining = True
        if not serving.done():
            get_logger().info("gateway drains", inflight=gate.inflight)
            await asyncio.sleep(settings.drain_delay)
        rest.should_exit = True
        await asyncio.gather(serving, grpc_server.stop(settings.grace_period))
        stopped.cancel()
        following.cancel()
        await channels.close()


def _rest_server(
    settings: Settings, holder: TableHolder, upstream: Upstream, meters: Meters, gate: Gate
) -> RestServer:
    return RestServer(
        uvicorn.Config(
            gateway_app(settings, holder, upstream, meters, gate),
            loop="none",
            http=GatewayProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_graceful_shutdown=max(1, round(settings.grace_period)),
        ),
        listening_socket(settings.host, settings.http_port),
    )


def _grpc_server(
    settings: Settings, holder: TableHolder, meters: Meters, gate: Gate
) -> tuple[grpc.aio.Server, Channels]:
    channels = Channels(settings.connect_wait, settings.max_body_bytes)
    signer = CookieSigner(settings.cookie_secret.get_secret_value())
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", settings.max_body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        )
    )
    server.add_generic_rpc_handlers(
        (GrpcHealth(holder), GrpcProxy(settings, holder, channels, signer, meters, gate))
    )
    listen_grpc(server, settings.host, settings.grpc_port)
    return server, channels


def main(argv: Sequence[str] | None = None) -> int:
    """Read the settings and serve; 2 where a setting does not fit, 1 where a port cannot be had."""
    try:
        settings = read_settings(sys.argv[1:] if argv is None else argv)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            field = ".".join(str(part) for part in problem["loc"])
            sys.stderr.write(f"{field + ': ' if field else ''}{problem['msg']}\n")
        return 2
    except SettingsError as error:
        reason = f": {error.__cause__}" if error.__cause__ else ""
        sys.stderr.write(f"{error}{reason}\n")
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
