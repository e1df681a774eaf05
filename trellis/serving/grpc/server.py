"""The gRPC listener: V2 service, health and reflection on one port."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from trellis.serving.grpc.servicer import InferenceServicer
from trellis.serving.settings import ServingSettings

_DESCRIPTOR: Any = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
SERVICE: str = _DESCRIPTOR.full_name


class GrpcServer:
    """Listens where ``settings`` say; ``shared`` lets other workers listen there too.

    Raises ``SystemExit`` where the port is taken.
    """

    def __init__(
        self, servicer: InferenceServicer, settings: ServingSettings, *, shared: bool
    ) -> None:
        self._server = grpc.aio.server(
            # A message is in memory before the servicer can refuse it; health takes its share.
            maximum_concurrent_rpcs=2 * settings.max_inflight_requests + 64,
            options=[
                ("grpc.max_receive_message_length", settings.max_body_bytes),
                ("grpc.max_send_message_length", settings.grpc_max_send_message_length),
                ("grpc.so_reuseport", int(shared)),
            ],
        )
        methods = {method.name: _handler(method, servicer) for method in _DESCRIPTOR.methods}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, methods),)
        )
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )
        address = f"{settings.host}:{settings.grpc_port}"
        try:
            if settings.ssl_certfile and settings.ssl_keyfile:
                self._server.add_secure_port(address, _credentials(settings))
            else:
                self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise SystemExit(
                f"grpc_port {settings.grpc_port} cannot be listened on: it is taken"
            ) from error

    async def start(self) -> None:
        """Listen, not serving yet as far as health says."""
        await self.set_ready(ready=False)
        await self._server.start()

    async def set_ready(self, *, ready: bool) -> None:
        """What the health service answers."""
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if ready
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in ("", SERVICE):
            await self._health.set(service, status)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those inside end within ``grace`` seconds."""
        await self._server.stop(grace)


def _credentials(settings: ServingSettings) -> grpc.ServerCredentials:
    key, certificate = (
        file.read_bytes() for file in (settings.ssl_keyfile, settings.ssl_certfile) if file
    )
    return grpc.ssl_server_credentials([(key, certificate)])


def _handler(method: Any, servicer: InferenceServicer) -> Any:
    """One method of the service. KServe's own registration lets gRPC answer a message that cannot
    be parsed: with UNKNOWN and the text of a Python exception.
    """
    message = GetMessageClass(method.input_type)
    behaviour: Callable[[Any, Any], Awaitable[Any]] = getattr(servicer, method.name)

    def parse(raw: bytes) -> Any:
        try:
            return message.FromString(raw)
        except DecodeError:
            return None

    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        if request is None:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"the message cannot be parsed, expected an {method.input_type.full_name} "
                "whose strings are UTF-8",
            )
        return await behaviour(request, context)

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=parse,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )
