"""The hot routes: V1 ``:predict`` and V2 ``infer``."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from time import perf_counter

import orjson

from trellis.contracts.tensors import TensorSpec
from trellis.serving import signature
from trellis.serving.codecs import multipart, v1, v2_json
from trellis.serving.dataplane import DataPlane, Reader
from trellis.serving.errors import (
    CallerGone,
    DoesNotFit,
    Fault,
    NotReady,
    ServingError,
    WrongMediaType,
)
from trellis.serving.loaded import LoadedVersion
from trellis.serving.observed import ObservedAnswers
from trellis.serving.rest.http import (
    JSON,
    ClientGone,
    Header,
    Request,
    Send,
    respond,
    respond_error,
    truth,
)
from trellis.serving.types import Tensors, bytes_array
from trellis.telemetry.logs import get_logger

_BINARY = b"application/octet-stream"
_JSON_TYPES = {b"", JSON, b"application/x-www-form-urlencoded", b"text/json", b"text/plain"}
_V2_TYPES = _JSON_TYPES | {_BINARY}
#: Set by whoever stands before, whose caller is not to be told the version: the name that the
#: answer is to carry.
_ANSWER_AS = b"x-answer-as"
_IMAGE_TYPES = {b"image/jpeg", b"image/jpg", b"image/png", b"image/webp"}


@dataclass(slots=True)
class Bounds:
    """What one request may hold and what is logged of it."""

    max_request_rows: int
    access_log: bool


@dataclass(slots=True)
class _Answer:
    body: bytes
    content_type: bytes
    extra: tuple[Header, ...] = ()


class InferRoutes:
    """Answers predictions; ``nobody`` counts requests whose version is not known."""

    def __init__(self, dataplane: DataPlane, bounds: Bounds, nobody: ObservedAnswers) -> None:
        self._dataplane = dataplane
        self._bounds = bounds
        self._nobody = nobody

    async def v1(self, request: Request, send: Send, model: str, version: str | None) -> None:
        """``POST /v1/models/{model}[/versions/{version}]:predict``."""
        await self._serve(request, send, model, version, "v1")

    async def v2(self, request: Request, send: Send, model: str, version: str | None) -> None:
        """``POST /v2/models/{model}[/versions/{version}]/infer``."""
        await self._serve(request, send, model, version, "v2")

    async def _serve(
        self, request: Request, send: Send, model: str, version: str | None, protocol: str
    ) -> None:
        started = perf_counter()
        admission = self._dataplane.admission
        loaded: LoadedVersion | None = None
        status = 200
        try:
            body = await self._body(request)
            admission.enter(len(body))
            try:
                call = _v2_call(request, body) if protocol == "v2" else _v1_call(request, body)
                loaded = await self._dataplane.lease(
                    model,
                    _chosen(request, version, call),
                    fallback=call.fallback or truth(request.query("fallback"), "fallback"),
                )
                answer = await self._answer(request, call, loaded, len(body))
            finally:
                admission.leave(len(body))
            seconds = perf_counter() - started
            timing = (b"server-timing", b"total;dur=%.2f" % (seconds * 1000))
            extra = (*loaded.headers, timing, *answer.extra)
            if not admission.ready:
                # Draining: the caller's next request belongs on another connection.
                extra = (*extra, (b"connection", b"close"))
            await respond(
                send,
                200,
                answer.body,
                answer.content_type,
                request.request_id,
                extra,
                request.exchange,
            )
        except (ClientGone, CallerGone):
            status = CallerGone.status
        except ServingError as error:
            status = error.status
            if isinstance(error, Fault):
                get_logger().error(
                    "request failed",
                    request_id=request.request_id,
                    model=model,
                    exc_info=error.__cause__ or error,
                )
            await respond_error(send, error, request.request_id, loaded.headers if loaded else ())
        except Exception as error:  # noqa: BLE001 - the edge: nothing of it may reach the caller
            status = Fault.status
            get_logger().error(
                "request failed", request_id=request.request_id, model=model, exc_info=error
            )
            await respond_error(send, Fault("the request failed"), request.request_id)
        except asyncio.CancelledError:  # only the end of the server cancels a request
            gone = NotReady("the server is shutting down")
            status = gone.status
            await respond_error(send, gone, request.request_id)
        finally:
            observed = loaded.observed if loaded is not None else self._nobody
            observed.answered(status, protocol, perf_counter() - started)
            if loaded is not None:
                loaded.release()
            if self._bounds.access_log:
                get_logger().info(
                    "request",
                    request_id=request.request_id,
                    traceparent=request.headers.get(b"traceparent", b"").decode("latin-1"),
                    model=model,
                    version=loaded.version if loaded else None,
                    protocol=protocol,
                    status=status,
                    milliseconds=round((perf_counter() - started) * 1000, 2),
                )

    async def _body(self, request: Request) -> bytes:
        if request.exchange is not None and request.exchange.arrived:
            return await request.body()
        with self._dataplane.admission.arriving():
            return await request.body()

    async def _answer(
        self, request: Request, call: "_Call", loaded: LoadedVersion, size: int
    ) -> _Answer:
        observed = loaded.observed
        observed.inflight(1)
        try:
            plan = call.plan(loaded)
            outputs = await self._dataplane.compute(
                loaded, call.reader(self._bounds.max_request_rows), size, gone=request.gone
            )
            began = perf_counter()
            answer = call.encode(loaded, outputs, plan)
            observed.encoded(perf_counter() - began)
            return answer
        except ServingError:
            raise
        except Exception as error:
            raise Fault("the answer could not be written") from error
        finally:
            observed.inflight(-1)


class _Call(ABC):
    """A request in one of the wire forms."""

    version: str | None = None
    fallback = False

    def plan(self, loaded: LoadedVersion) -> v2_json.OutputPlan | None:
        """What the caller wants back, checked before anything is computed."""
        return None

    @abstractmethod
    def reader(self, max_rows: int) -> Reader:
        """Turns the body into tensors that fit the version's signature."""

    def encode(
        self, loaded: LoadedVersion, outputs: Tensors, plan: v2_json.OutputPlan | None
    ) -> _Answer:
        """The answer in V1's form."""
        document = {"predictions": loaded.predictor.v1_predictions(outputs)}
        return _Answer(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), JSON)


class _V2(_Call):
    def __init__(self, parsed: v2_json.V2Request, request_id: str, answer_as: bytes | None) -> None:
        self._parsed = parsed
        self._request_id = request_id
        self._answer_as = None if answer_as is None else answer_as.decode("latin-1")
        self.version = parsed.model_version

    def plan(self, loaded: LoadedVersion) -> v2_json.OutputPlan:
        return v2_json.output_plan(self._parsed, loaded.outputs)

    def reader(self, max_rows: int) -> Reader:
        return lambda loaded: v2_json.tensors(self._parsed, loaded.inputs, max_rows)

    def encode(
        self, loaded: LoadedVersion, outputs: Tensors, plan: v2_json.OutputPlan | None
    ) -> _Answer:
        body, head = v2_json.encode(
            outputs,
            plan or v2_json.output_plan(self._parsed, loaded.outputs),
            loaded.outputs,
            self._answer_as or loaded.name,
            None if self._answer_as else loaded.version,
            self._parsed.id or self._request_id,
        )
        if head is None:
            return _Answer(body, JSON)
        return _Answer(body, _BINARY, ((b"inference-header-content-length", b"%d" % head),))


class _V1(_Call):
    def __init__(self, body: bytes) -> None:
        self._document = v2_json.load_object(body)
        version = self._document.get("model_version")
        if version is not None and type(version) is not str:
            raise DoesNotFit(
                f"field 'model_version' is {signature.describe(version)}, expected a string"
            )
        self.version = version

    def reader(self, max_rows: int) -> Reader:
        return lambda loaded: v1.tensors(self._document, loaded.inputs, max_rows)


class _Images(_Call):
    def __init__(self, images: list[bytes]) -> None:
        self._images = images

    def reader(self, max_rows: int) -> Reader:
        def read(loaded: LoadedVersion) -> Tensors:
            spec = _image_input(loaded)
            signature.check_shape(spec, [len(self._images)], max_rows)
            return {spec.name: bytes_array(self._images)}

        return read


def _image_input(loaded: LoadedVersion) -> TensorSpec:
    specs = list(loaded.inputs.values())
    if len(specs) != 1 or specs[0].content != "image":
        wanted = ", ".join(f"{spec.name!r} ({spec.datatype})" for spec in specs)
        raise WrongMediaType(
            f"model {loaded.name!r} takes no image, expected application/json with {wanted}"
        )
    return specs[0]


def _v2_call(request: Request, body: bytes) -> _Call:
    if request.content_type not in _V2_TYPES:
        raise WrongMediaType(
            f"content type {request.content_type.decode('latin-1')!r:.70} is not taken here, "
            "expected application/json or application/octet-stream"
        )
    header_length = request.headers.get(b"inference-header-content-length")
    return _V2(
        v2_json.parse(body, header_length),
        request.request_id,
        request.headers.get(_ANSWER_AS),
    )


def _v1_call(request: Request, body: bytes) -> _Call:
    kind = request.content_type
    if kind in _JSON_TYPES:
        return _V1(body)
    if kind in _IMAGE_TYPES:
        return _Images([body])
    if kind == b"multipart/form-data":
        form = multipart.parse(body, request.headers[b"content-type"])
        call = _Images(multipart.images_of(form))
        call.version = form.fields.get("model_version") or None
        call.fallback = truth(form.fields.get("fallback"), "fallback")
        return call
    raise WrongMediaType(
        f"content type {kind.decode('latin-1')!r:.70} is not taken here, expected application/json, "
        "multipart/form-data, image/jpeg, image/png or image/webp"
    )


def _header_version(request: Request) -> str | None:
    given = request.headers.get(b"x-model-version")
    return given.decode("latin-1") if given else None


def _chosen(request: Request, in_path: str | None, call: _Call) -> str | None:
    """The version asked for: by path, query, header or body, in this order.

    Who stands before cannot see the body, and a version named there would go round what it decided.
    """
    if call.version is not None and _ANSWER_AS in request.headers:
        raise DoesNotFit(
            f"model_version: {call.version!r:.70} came in the body; through the gateway a version is"
            " asked for by path, header or query"
        )
    if in_path is not None:
        return in_path
    return request.query("model_version") or _header_version(request) or call.version
