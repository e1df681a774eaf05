"""V2 over gRPC: calls that name a model go to its arm and back as bytes.

Of a message only the model's name and version are read, and whether another version may answer.
Server-level calls are answered here; reflection is the default model's predictor's.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NoReturn

import grpc
import grpc.aio

from trellis.gateway.channels import Channels
from trellis.gateway.errors import BadRequest, GatewayError, NotFound
from trellis.gateway.gate import Gate
from trellis.gateway.grpc_metadata import forwarded_metadata, returned_metadata
from trellis.gateway.metering import Meters
from trellis.gateway.protobuf_names import Malformed, Names, read_names, renamed, text_field
from trellis.gateway.proxy import CLIENT_GONE
from trellis.gateway.router import Target
from trellis.gateway.routing_table import TableHolder
from trellis.gateway.settings import Settings
from trellis.gateway.units import CookieSigner, unit_of
from trellis.gateway.upstream import failure_of
from trellis.telemetry.request_ids import Trace, trace

Context = grpc.aio.ServicerContext[bytes, bytes]

_SERVICE = "/inference.GRPCInferenceService/"
_BY_MODEL = frozenset(_SERVICE + name for name in ("ModelInfer", "ModelMetadata", "ModelReady"))
_TRUE = b"\x08\x01"
_FALSE = b""

#: The design's table read from gRPC to HTTP, for the ``code`` label.
_HTTP_OF = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 405,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: CLIENT_GONE,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}

#: How grpc tells that a connection ended under a call.
_BROKEN = frozenset(
    (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
)


class GrpcProxy(grpc.GenericRpcHandler):
    """Every method that this gateway answers, by its full name."""

    def __init__(
        self,
        settings: Settings,
        holder: TableHolder,
        channels: Channels,
        signer: CookieSigner,
        meters: Meters,
        gate: Gate,
    ) -> None:
        self._holder = holder
        self._channels = channels
        self._signer = signer
        self._meters = meters
        self._gate = gate
        self._unit_header = settings.unit_header
        self._timeout = settings.request_timeout

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """The handler of one method, taking and giving bytes; None for unknown ones."""
        method = handler_call_details.method
        if method in _BY_MODEL:

            async def by_model(request: bytes, context: Context) -> bytes:
                return await self._by_model(method, request, context)

            return grpc.unary_unary_rpc_method_handler(by_model)
        if method in _ANSWERED_HERE:
            return grpc.unary_unary_rpc_method_handler(self._answered_here(_ANSWERED_HERE[method]))
        if method.startswith("/grpc.reflection."):

            async def reflect(
                requests: AsyncIterator[bytes], context: Context
            ) -> AsyncIterator[bytes]:
                async for answer in self._reflect(method, requests, context):
                    yield answer

            return grpc.stream_stream_rpc_method_handler(reflect)
        return None

    def _answered_here(
        self, answer: Callable[[TableHolder], bytes]
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def handler(_request: bytes, _context: Context) -> bytes:
            return answer(self._holder)

        return handler

    async def _by_model(self, method: str, request: bytes, context: Context) -> bytes:
        """Choose the arm, then the metered call."""
        given = dict(context.invocation_metadata() or ())
        identity = trace(_text(given.get("x-request-id")), _text(given.get("traceparent")))
        try:
            names = _names_of(request)
            version = names.version or _text(given.get("x-model-version")) or None
            unit_header = given.get(self._unit_header)
            unit = unit_of(
                unit_header.encode() if isinstance(unit_header, str) else unit_header,
                None,
                identity.request_id,
                self._signer,
            )
            route = self._holder.router.route(names.model)
            target = route.choose(unit, version, fallback=names.fallback)
            with self._gate:
                return await self._metered(
                    target, method, _for_arm(request, names, target), identity, context,
                    keep_version=version is not None,
                )  # fmt: skip
        except GatewayError as error:
            self._meters.refused(error.status, grpc=True)
            await _abort(context, error, identity)

    async def _metered(
        self,
        target: Target,
        method: str,
        request: bytes,
        identity: Trace,
        context: Context,
        *,
        keep_version: bool,
    ) -> bytes:
        started = time.perf_counter()
        target.meter.started()
        code = CLIENT_GONE
        try:
            answer = await self._call(target, method, request, identity, context, keep_version)
            code = 200
        except grpc.aio.AioRpcError as error:
            code = _HTTP_OF.get(error.code(), 500)
            trailing = returned_metadata(
                error.trailing_metadata(), identity, keep_version=keep_version
            )
            await context.abort(error.code(), error.details() or "", tuple(trailing))
        except GatewayError as error:
            code = error.status
            await _abort(context, error, identity)
        finally:
            target.meter.finished(code, time.perf_counter() - started, grpc=True)
        return answer

    async def _call(
        self,
        target: Target,
        method: str,
        request: bytes,
        identity: Trace,
        context: Context,
        keep_version: bool,
    ) -> bytes:
        timeout = min(self._timeout, context.time_remaining() or self._timeout)
        deadline = time.perf_counter() + timeout
        channel = await self._channels.connected(target.arm, timeout)
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        call = ask(
            request,
            timeout=max(0.001, deadline - time.perf_counter()),
            metadata=forwarded_metadata(context.invocation_metadata(), identity),
            wait_for_ready=True,
        )
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            if _channel_broke(error, channel):
                raise failure_of(None) from error
            raise
        initial = returned_metadata(
            await call.initial_metadata(), identity, keep_version=keep_version
        )
        await context.send_initial_metadata(tuple(initial))
        trailing = returned_metadata(
            await call.trailing_metadata(), None, keep_version=keep_version
        )
        context.set_trailing_metadata(tuple(trailing))
        return answer

    async def _reflect(
        self, method: str, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Pass a reflection stream to the default model's predictor, whose services these are."""
        identity = trace(None, None)
        try:
            router = self._holder.router
            arm = router.route(router.default_model or "").stable.arm
            channel = await self._channels.connected(arm, self._timeout)
        except GatewayError as error:
            await _abort(context, error, identity)
        ask: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
        try:
            async for answer in ask(requests, timeout=self._timeout):
                yield answer
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")


def _server_metadata(_holder: TableHolder) -> bytes:
    from trellis import __version__

    return text_field(1, "trellis-gateway") + text_field(2, __version__)


def _readiness(holder: TableHolder) -> bytes:
    return _TRUE if holder.ready else _FALSE


_ANSWERED_HERE: dict[str, Callable[[TableHolder], bytes]] = {
    _SERVICE + "ServerLive": lambda _holder: _TRUE,
    _SERVICE + "ServerReady": _readiness,
    _SERVICE + "ServerMetadata": _server_metadata,
}


def _names_of(request: bytes) -> Names:
    try:
        names = read_names(request)
    except Malformed as error:
        raise BadRequest(str(error)) from None
    if not names.model:
        raise NotFound("model_name is empty; it says which model is asked")
    return names


def _for_arm(request: bytes, names: Names, target: Target) -> bytes:
    if target.arm.model == names.model:
        return request
    return renamed(request, names, target.arm.model)


def _channel_broke(error: grpc.aio.AioRpcError, channel: grpc.aio.Channel) -> bool:
    """Whether a failure is the connection's end, told in grpc's words, and no predictor's answer.

    grpc does not say which. A predictor's answer comes with metadata of its own or over a
    connection that stays.
    """
    return (
        error.code() in _BROKEN
        and not error.trailing_metadata()
        and channel.get_state() is not grpc.ChannelConnectivity.READY
    )


async def _abort(context: Context, error: GatewayError, identity: Trace) -> NoReturn:
    code = grpc.StatusCode[error.grpc_code]
    await context.abort(code, str(error), (("x-request-id", identity.request_id),))
    raise AssertionError("abort raises")  # for the type checker: grpc's stubs do not say NoReturn


def _text(value: str | bytes | None) -> str | None:
    return value if isinstance(value, str) else None
