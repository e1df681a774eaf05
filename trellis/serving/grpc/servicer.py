"""``inference.GRPCInferenceService`` of the Open Inference Protocol, with KServe's messages."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, TypeVar

import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as services

from trellis.serving.dataplane import DataPlane
from trellis.serving.errors import DeadlineExceeded, Fault, NotReady, ServingError
from trellis.serving.grpc import converters
from trellis.serving.loaded import LoadedVersion
from trellis.serving.observed import ObservedAnswers
from trellis.serving.rest.routes import QuietRoutes
from trellis.telemetry.logs import get_logger
from trellis.telemetry.request_ids import take_or_make_request_id

Context = grpc.aio.ServicerContext[Any, Any]
Answer = TypeVar("Answer")

#: Characters of an error's sentence; gRPC refuses metadata over 8 KiB and would lose the code.
_LONGEST_MESSAGE = 1000


class InferenceServicer(services.GRPCInferenceServiceServicer):  # type: ignore[misc]  # kserve ships no types
    """Thin over the data plane; failures become the status of the design's table."""

    def __init__(
        self,
        dataplane: DataPlane,
        quiet: QuietRoutes,
        max_request_rows: int,
        nobody: ObservedAnswers,
    ) -> None:
        self._dataplane = dataplane
        self._quiet = quiet
        self._max_request_rows = max_request_rows
        self._nobody = nobody

    async def ModelInfer(
        self, request: pb.ModelInferRequest, context: Context
    ) -> pb.ModelInferResponse:
        """Predict."""
        started = perf_counter()
        metadata = {
            key: value
            for key, value in context.invocation_metadata() or ()
            if isinstance(value, str)
        }
        request_id = take_or_make_request_id(metadata.get("x-request-id"))
        admission = self._dataplane.admission
        loaded: LoadedVersion | None = None
        status = 200
        try:
            size = request.ByteSize()
            admission.enter(size)
            try:
                loaded = await self._dataplane.lease(
                    request.model_name,
                    request.model_version or metadata.get("x-model-version") or None,
                    fallback=request.parameters["fallback"].bool_param
                    if "fallback" in request.parameters
                    else False,
                )
                plan = converters.output_plan(request, loaded.outputs)
                outputs = await self._compute(request, loaded, size, context.time_remaining())
                began = perf_counter()
                answer = converters.response(
                    outputs,
                    plan,
                    loaded,
                    request.id or request_id,
                    metadata.get("x-answer-as"),
                )
                loaded.observed.encoded(perf_counter() - began)
            finally:
                admission.leave(size)
            context.set_trailing_metadata((("x-request-id", request_id), *loaded.grpc_metadata))
            return answer
        except asyncio.CancelledError:
            # The caller went away, or its deadline won the race against ours.
            status = DeadlineExceeded.status if (context.time_remaining() or 1) <= 0 else 499
            raise
        except ServingError as error:
            status = error.status
            await _abort(context, error, request_id)
            raise
        except Exception as error:
            status = Fault.status
            fault = Fault("the request failed")
            fault.__cause__ = error
            await _abort(context, fault, request_id)
            raise
        finally:
            observed = loaded.observed if loaded is not None else self._nobody
            observed.answered(status, "grpc", perf_counter() - started)
            if loaded is not None:
                loaded.release()

    async def ServerLive(
        self, request: pb.ServerLiveRequest, context: Context
    ) -> pb.ServerLiveResponse:
        """Whether the process answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(
        self, request: pb.ServerReadyRequest, context: Context
    ) -> pb.ServerReadyResponse:
        """Whether every model answers."""
        return pb.ServerReadyResponse(ready=self._dataplane.admission.ready)

    async def ModelReady(
        self, request: pb.ModelReadyRequest, context: Context
    ) -> pb.ModelReadyResponse:
        """Whether a request for this version would be answered."""

        async def ready() -> bool:
            try:
                self._quiet.model_ready(request.name, request.version or None)
            except NotReady:
                return False
            return True

        return pb.ModelReadyResponse(ready=await _answered(context, ready))

    async def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: Context
    ) -> pb.ServerMetadataResponse:
        """Name, version and extensions of the server."""
        return pb.ServerMetadataResponse(**self._quiet.server_metadata())

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Context
    ) -> pb.ModelMetadataResponse:
        """Versions and signature of a model."""

        async def metadata() -> dict[str, Any]:
            return await self._quiet.metadata(request.name, request.version or None)

        document = await _answered(context, metadata)
        tensor = pb.ModelMetadataResponse.TensorMetadata
        sides = {
            side: [
                tensor(name=t["name"], datatype=t["datatype"], shape=t["shape"])
                for t in document[side]
            ]
            for side in ("inputs", "outputs")
        }
        return pb.ModelMetadataResponse(
            name=document["name"],
            versions=document["versions"],
            platform=document["platform"],
            **sides,
        )

    async def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest, context: Context
    ) -> pb.RepositoryModelLoadResponse:
        """Load all versions of a model."""
        await _answered(context, lambda: self._quiet.load(request.model_name, None))
        return pb.RepositoryModelLoadResponse(model_name=request.model_name, isLoaded=True)

    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, context: Context
    ) -> pb.RepositoryModelUnloadResponse:
        """Unload all versions of a model."""
        await _answered(context, lambda: self._quiet.unload(request.model_name, None))
        return pb.RepositoryModelUnloadResponse(model_name=request.model_name, isUnloaded=True)

    async def _compute(
        self,
        request: pb.ModelInferRequest,
        loaded: LoadedVersion,
        size: int,
        remaining: float | None,
    ) -> Any:
        loaded.observed.inflight(1)
        try:
            return await self._dataplane.compute(
                loaded,
                lambda version: converters.tensors(request, version.inputs, self._max_request_rows),
                size,
                remaining,
            )
        finally:
            loaded.observed.inflight(-1)


async def _answered(context: Context, call: Callable[[], Awaitable[Answer]]) -> Answer:
    try:
        return await call()
    except ServingError as error:
        await _abort(context, error, "")
        raise


async def _abort(context: Context, error: ServingError, request_id: str) -> None:
    if isinstance(error, Fault):
        get_logger().error(
            "request failed", request_id=request_id, exc_info=error.__cause__ or error
        )
    trailing = (("x-request-id", request_id),) if request_id else ()
    await context.abort(grpc.StatusCode[error.grpc_code], str(error)[:_LONGEST_MESSAGE], trailing)
