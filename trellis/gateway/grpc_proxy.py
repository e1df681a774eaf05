"""V2 over gRPC: calls that name a model go to its arm and back as bytes.

Of a message only the model's name and version are read, and whether another version may answer.
Server-level calls are answered here; reflection is the default model's predictor's.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import NamedTuple, NoReturn

import grpc
import grpc.aio

from trellis.gateway.answers import error_headers
from trellis.gateway.attempt import CLIENT_GONE, Attempt, choose
from trellis.gateway.channels import Channels
from trellis.gateway.errors import (
    FAILED,
    BadRequest,
    DeadlineExceeded,
    GatewayError,
    NotFound,
    UpstreamDown,
)
from trellis.gateway.grpc_failures import HTTP_OF, connection_broke
from trellis.gateway.grpc_metadata import as_metadata, forwarded_metadata, returned_metadata
from trellis.gateway.headers import credentials_among
from trellis.gateway.parts import Parts
from trellis.gateway.peers import Peers
from trellis.gateway.protobuf_names import Malformed, Names, read_names, renamed, text_field
from trellis.gateway.router import Target
from trellis.gateway.routing_table import TableHolder
from trellis.gateway.units import unit_of
from trellis.gateway.upstream import failure_of
from trellis.telemetry.logs import get_logger
from trellis.telemetry.request_ids import Trace, trace

Context = grpc.aio.ServicerContext[bytes, bytes]

_SERVICE = "/inference.GRPCInferenceService/"
_INFER = _SERVICE + "ModelInfer"
_BY_MODEL = frozenset((_INFER, _SERVICE + "ModelMetadata", _SERVICE + "ModelReady"))
_TRUE = b"\x08\x01"
_FALSE = b""


class _Call(NamedTuple):
    """What is asked of an arm; ``limits`` are headers for the answer."""

    method: str
    request: bytes
    names: Names
    identity: Trace
    keep_version: bool
    limits: list[tuple[bytes, bytes]]


class GrpcProxy(grpc.GenericRpcHandler):
    """Every method that this gateway answers, by its full name."""

    def __init__(self, parts: Parts, channels: Channels) -> None:
        self._access = parts.access
        self._peers = Peers(parts.settings.trusted_proxies)
        self._holder = parts.holder
        self._met = parts.exposures.met
        self._channels = channels
        self._signer = parts.signer
        self._meters = parts.meters
        self._gate = parts.gate
        self._unit_header = parts.settings.unit_header
        self._timeout = parts.settings.request_timeout

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
        """Ask for admission, choose the arm, then the metered call."""
        given = dict(context.invocation_metadata() or ())
        identity = trace(_text(given.get("x-request-id")), _text(given.get("traceparent")))
        limits: list[tuple[bytes, bytes]] = []
        try:
            names = _names_of(request)
            admitted = await self._access.admit(
                credentials_among({name.encode(): _raw(value) for name, value in given.items()}),
                self._peers.address(context.peer(), _text(given.get("x-forwarded-for"))),
                "infer",
                names.model,
            )
            caller, limits = admitted
            version = names.version or _text(given.get("x-model-version")) or None
            unit_header = given.get(self._unit_header)
            unit = unit_of(
                None if unit_header is None else _raw(unit_header),
                None,
                caller.key_id,
                identity.request_id,
                self._signer,
            )
            route = self._holder.router.route(names.model)
            choice = choose(route, unit, version, fallback=names.fallback, scopes=caller.scopes)
            call = _Call(method, request, names, identity, choice.asked, limits)
            with self._gate:
                met = self._met if method == _INFER else None
                attempt = Attempt(route, choice, identity.request_id, met, grpc=True)
                return await self._metered(attempt, call, context)
        except GatewayError as error:
            self._meters.refused(error.status, grpc=True)
            await _abort(context, error, identity, limits)

    async def _metered(self, attempt: Attempt, call: "_Call", context: Context) -> bytes:
        code, excused = CLIENT_GONE, False
        try:
            answer = await self._answered(attempt, call, context)
            code = 200
        except grpc.aio.AioRpcError as error:
            code = HTTP_OF.get(error.code(), 500)
            excused = code == DeadlineExceeded.status and not self._whole_deadline(context)
            trailing = returned_metadata(
                error.trailing_metadata(), call.identity, keep_version=call.keep_version
            )
            trailing.extend(as_metadata(call.limits))
            await context.abort(error.code(), error.details() or "", tuple(trailing))
        except GatewayError as error:
            code = error.status
            excused = not self._whole_deadline(context)
            await _abort(context, error, call.identity, call.limits)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets words and the log the rest
            code, excused = 500, True
            request_id = call.identity.request_id
            get_logger().error("proxying failed", request_id=request_id, exc_info=error)
            await _abort(context, GatewayError(FAILED), call.identity, call.limits)
        finally:
            attempt.finish(code, excused=excused)
        return answer

    async def _answered(self, attempt: Attempt, call: "_Call", context: Context) -> bytes:
        while True:
            try:
                return await self._call(attempt, call, context)
            except UpstreamDown:
                if not self._whole_deadline(context) or not attempt.fall_back():
                    raise

    async def _call(self, attempt: Attempt, asked: "_Call", context: Context) -> bytes:
        attempt.asked = True
        timeout = min(self._timeout, context.time_remaining() or self._timeout)
        deadline = time.perf_counter() + timeout
        patience = attempt.patience
        channel = await self._channels.connected(
            attempt.target.arm, timeout if patience is None else min(patience, timeout)
        )
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(asked.method)
        call = ask(
            _for_arm(asked.request, asked.names, attempt.target),
            timeout=max(0.001, deadline - time.perf_counter()),
            metadata=forwarded_metadata(
                context.invocation_metadata(),
                asked.identity,
                None if asked.keep_version else asked.names.model,
                attempt.target.arm.tag,
            ),
            wait_for_ready=True,
        )
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            if await connection_broke(error, channel):
                raise failure_of(None) from error
            raise
        metadata = await call.initial_metadata()
        attempt.served_by({key: value for key, value in metadata or () if isinstance(value, str)})
        initial = returned_metadata(metadata, asked.identity, keep_version=asked.keep_version)
        initial.extend(as_metadata(asked.limits))
        await context.send_initial_metadata(tuple(initial))
        trailing = returned_metadata(
            await call.trailing_metadata(), None, keep_version=asked.keep_version
        )
        context.set_trailing_metadata(tuple(trailing))
        return answer

    def _whole_deadline(self, context: Context) -> bool:
        """Whether the caller's own deadline, which proves nothing of the arm, has not passed."""
        left = context.time_remaining()
        return left is None or left > 0

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
            await _abort(context, error, identity, ())
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


async def _abort(
    context: Context, error: GatewayError, identity: Trace, limits: Iterable[tuple[bytes, bytes]]
) -> NoReturn:
    """Refuse, with what admission had to say of the caller's limit."""
    code = grpc.StatusCode[error.grpc_code]
    headers = (*error_headers(error, identity.request_id), *limits)
    trailing = as_metadata(pair for pair in headers if pair[0] != b"content-type")
    await context.abort(code, str(error), tuple(trailing))
    raise AssertionError("abort raises")  # for the type checker: grpc's stubs do not say NoReturn


def _raw(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _text(value: str | bytes | None) -> str | None:
    return value if isinstance(value, str) else None
