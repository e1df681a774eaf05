"""``POST /predict/{model}`` and ``/predict``: one thing in, one readable answer out.

For people, curl and the page. Never tells which version answered.
"""

import asyncio
import time
from typing import Any

import aiohttp
import orjson
from starlette.requests import Request
from starlette.responses import Response

from trellis.gateway.body import Body, ClientGone
from trellis.gateway.caller import WhileCallerWaits
from trellis.gateway.catalogue import Catalogue
from trellis.gateway.errors import (
    FAILED,
    BodyTooSlow,
    DeadlineExceeded,
    GatewayError,
)
from trellis.gateway.flags import flag
from trellis.gateway.gate import Gate
from trellis.gateway.headers import Incoming, read_headers
from trellis.gateway.metering import Meters
from trellis.gateway.people import Sent, infer_request, read_sent, readable
from trellis.gateway.proxy import CLIENT_GONE, TOO_MANY
from trellis.gateway.router import Target
from trellis.gateway.routing_table import TableHolder
from trellis.gateway.settings import Settings
from trellis.gateway.upstream import Upstream, failure_of
from trellis.gateway.visitors import Visitors
from trellis.telemetry.logs import get_logger


class _Refused(Exception):
    """The predictor answered with an error of its own, which is passed on in its words."""

    def __init__(self, status: int, sentence: str, retry_after: str | None) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after = retry_after


class Predict:
    """The endpoint; ``model`` in the path, else the default model."""

    def __init__(
        self,
        settings: Settings,
        holder: TableHolder,
        upstream: Upstream,
        catalogue: Catalogue,
        visitors: Visitors,
        meters: Meters,
        gate: Gate,
    ) -> None:
        self._holder = holder
        self._upstream = upstream
        self._catalogue = catalogue
        self._visitors = visitors
        self._meters = meters
        self._gate = gate
        self._unit_header = settings.unit_header.encode()
        self._limit = settings.max_body_bytes
        self._timeout = settings.request_timeout

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises ``GatewayError`` for what met no arm."""
        started = time.perf_counter()
        incoming = read_headers(request.scope["headers"], self._unit_header)
        body = Body(request.receive, self._limit)
        try:
            with self._gate:
                return await self._answer(request, body, incoming, started)
        except GatewayError as error:
            if not isinstance(error, BodyTooSlow):
                await body.discard()
            self._meters.refused(error.status)
            raise
        except ClientGone:
            self._meters.refused(CLIENT_GONE)
            return Response(status_code=CLIENT_GONE)
        except Exception:
            self._meters.refused(500)
            raise

    async def _answer(
        self, request: Request, body: Body, incoming: Incoming, started: float
    ) -> Response:
        """Read the body, choose the arm, then the metered part."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(deadline):
                await body.begin(incoming.content_length)
                sent = await read_sent(request.headers.get("content-type", ""), await body.read())
        except TimeoutError:
            raise BodyTooSlow(
                f"the request's body did not arrive within {self._timeout:g} s"
            ) from None
        router = self._holder.router
        route = router.route(request.path_params.get("model") or router.default_model or "")
        visitor = self._visitors.of(request, incoming)
        query = request.query_params
        version = query.get("model_version") or incoming.version or sent.version
        fallback = sent.fallback or flag(query.get("fallback"), "fallback")
        target = route.choose(visitor.unit, version, fallback=fallback)
        target.meter.started()
        code = CLIENT_GONE
        try:
            with WhileCallerWaits(body):
                answer = await self._predict(target, sent, incoming, deadline)
            code = 200
        except ClientGone:
            response = Response(status_code=CLIENT_GONE)
        except GatewayError as error:
            code = error.status
            response = _json(code, {"error": str(error)})
            if error.retry_after is not None:
                response.headers["retry-after"] = str(error.retry_after)
        except _Refused as refused:
            code = refused.status
            response = _json(code, {"error": str(refused)})
            if refused.retry_after is not None:
                response.headers["retry-after"] = refused.retry_after
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets words and the log the rest
            code = 500
            get_logger().error(
                "prediction failed", request_id=incoming.trace.request_id, exc_info=error
            )
            response = _json(code, {"error": FAILED})
        else:
            answer["request_id"] = incoming.trace.request_id
            answer["latency_ms"] = round((time.perf_counter() - started) * 1000, 2)
            answer["cache"] = "bypass"
            response = _json(code, answer)
            response.headers["x-cache"] = "bypass"
        finally:
            target.meter.finished(code, time.perf_counter() - started)
        response.headers["x-request-id"] = incoming.trace.request_id
        visitor.remember(response)
        return response

    async def _predict(
        self, target: Target, sent: Sent, incoming: Incoming, deadline: float
    ) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(deadline):
                model = await self._catalogue.describe(target, self._timeout)
                headers, body = infer_request(sent, model)
                headers["x-request-id"] = incoming.trace.request_id
                headers["traceparent"] = incoming.trace.traceparent
                path = f"/v2/models/{target.arm.model}/infer"
                response = await self._upstream.send(target.arm, "POST", path, headers, body)
                async with response:
                    answer = await response.read()
        except TimeoutError:
            raise DeadlineExceeded(
                f"the model gave no whole answer within {self._timeout:g} s"
            ) from None
        except (aiohttp.ClientError, ConnectionError):
            raise failure_of(None) from None
        document = _object(answer)
        if response.status != 200:
            raise _refusal(response, document)
        return readable(document, model.labels)


def _refusal(response: aiohttp.ClientResponse, document: dict[str, Any]) -> _Refused:
    status = 503 if response.status == TOO_MANY else response.status
    sentence = document.get("error")
    if not isinstance(sentence, str):
        sentence = f"the model's predictor answered {response.status}"
    return _Refused(status, sentence, response.headers.get("retry-after"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _json(status: int, document: object) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
