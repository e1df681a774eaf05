"""``POST /predict/{model}`` and ``/predict``: one thing in, one readable answer out.

For people, curl and the page. Never tells which version answered.
"""

import asyncio
import time

import orjson
from starlette.requests import Request
from starlette.responses import Response

from trellis.gateway.access.callers import Caller
from trellis.gateway.asking import tell_limits
from trellis.gateway.attempt import CLIENT_GONE, MET, Attempt, choose
from trellis.gateway.body import Body, ClientGone
from trellis.gateway.caller import WhileCallerWaits
from trellis.gateway.doorway import admit
from trellis.gateway.errors import (
    FAILED,
    BodyTooSlow,
    DeadlineExceeded,
    GatewayError,
    UpstreamBroke,
    UpstreamDown,
)
from trellis.gateway.flags import flag
from trellis.gateway.headers import Incoming, read_headers
from trellis.gateway.inference import Inference, Refused
from trellis.gateway.parts import Parts
from trellis.gateway.people import Sent, read_sent
from trellis.gateway.visitors import Visitor, Visitors
from trellis.telemetry.logs import get_logger


class Predict:
    """The endpoint; ``model`` in the path, else the default model."""

    def __init__(self, parts: Parts, inference: Inference, visitors: Visitors) -> None:
        self._access = parts.access
        self._holder = parts.holder
        self._inference = inference
        self._visitors = visitors
        self._meters = parts.meters
        self._met = parts.exposures.met
        self._gate = parts.gate
        self._unit_header = parts.settings.unit_header.encode()
        self._limit = parts.settings.max_body_bytes
        self._timeout = parts.settings.request_timeout

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises ``GatewayError`` for what met no arm."""
        started = time.perf_counter()
        incoming = read_headers(request.scope["headers"], self._unit_header)
        body = Body(request.receive, self._limit, self._gate)
        try:
            return await self._admitted(request, body, incoming, started)
        except GatewayError as error:
            self._meters.refused(error.status)
            raise
        except ClientGone:
            self._meters.refused(CLIENT_GONE)
            return Response(status_code=CLIENT_GONE)
        except Exception:
            self._meters.refused(500)
            raise
        finally:
            body.let_go()

    async def _admitted(
        self, request: Request, body: Body, incoming: Incoming, started: float
    ) -> Response:
        """Ask for admission; then the answer, or the error, says what is left of the limit."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        model = request.path_params.get("model") or self._holder.router.default_model or ""
        admitted = await admit(self._access, request.scope, incoming.credentials, "infer", model)
        try:
            response = await self._inside(
                request, body, incoming, model, admitted.caller, (started, deadline)
            )
        except GatewayError as error:
            error.headers = (*error.headers, *admitted.headers)
            raise
        tell_limits(response, admitted.headers)
        return response

    async def _inside(
        self,
        request: Request,
        body: Body,
        incoming: Incoming,
        model: str,
        caller: Caller,
        times: tuple[float, float],
    ) -> Response:
        """Read the body, choose the arm, then the metered part; ``times`` as it has them."""
        with self._gate:
            sent = await self._read(request, body, incoming, times[1])
            # A slow body may have seen the table change: its arms are those of now.
            route = self._holder.router.route(model)
            visitor = self._visitors.of(request, incoming, caller.key_id)
            query = request.query_params
            choice = choose(
                route,
                visitor.unit,
                query.get("model_version") or incoming.version or sent.version,
                fallback=sent.fallback or flag(query.get("fallback"), "fallback"),
                scopes=caller.scopes,
            )
            met = request.scope.get(MET, self._met)
            attempt = Attempt(route, choice, incoming.trace.request_id, met)
            response = await self._answer(attempt, body, sent, incoming, times)
        return _told(response, incoming, visitor)

    async def _read(
        self, request: Request, body: Body, incoming: Incoming, deadline: float
    ) -> Sent:
        try:
            async with asyncio.timeout_at(deadline):
                await body.begin(incoming.content_length)
                content_type = request.headers.get("content-type", "")
                return await read_sent(content_type, await body.read())
        except TimeoutError:
            raise BodyTooSlow(
                f"the request's body did not arrive within {self._timeout:g} s"
            ) from None

    async def _answer(
        self,
        attempt: Attempt,
        body: Body,
        sent: Sent,
        incoming: Incoming,
        times: tuple[float, float],
    ) -> Response:
        """The metered part; ``times`` are when the request began and when it must end."""
        started, deadline = times
        code, cached, excused = CLIENT_GONE, False, False
        try:
            with WhileCallerWaits(body):
                answer, cache = await self._inference.predict(attempt, sent, incoming, deadline)
            code, cached = 200, cache == "hit"
            answer["request_id"] = incoming.trace.request_id
            answer["latency_ms"] = round((time.perf_counter() - started) * 1000, 2)
            answer["cache"] = cache
            return _json(code, answer, {"x-cache": cache})
        except ClientGone:
            return Response(status_code=CLIENT_GONE)
        except GatewayError as error:
            code = error.status
            excused = not self._blames_arm(error, body)
            retry = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
            return _json(code, {"error": str(error)}, retry)
        except Refused as refused:
            code, excused = refused.status, refused.overloaded
            retry = {} if refused.retry_after is None else {"retry-after": refused.retry_after}
            return _json(code, {"error": str(refused)}, retry)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets words and the log the rest
            code, excused = 500, True
            request_id = incoming.trace.request_id
            get_logger().error("prediction failed", request_id=request_id, exc_info=error)
            return _json(code, {"error": FAILED}, {})
        finally:
            attempt.finish(code, cached=cached, excused=excused)

    def _blames_arm(self, error: GatewayError, body: Body) -> bool:
        """Whether a failure is the arm's: not where the caller took the time."""
        if isinstance(error, DeadlineExceeded):
            return time.monotonic() - body.arrived_at > self._timeout / 2
        return isinstance(error, UpstreamBroke | UpstreamDown)


def _told(response: Response, incoming: Incoming, visitor: Visitor) -> Response:
    response.headers["x-request-id"] = incoming.trace.request_id
    visitor.remember(response)
    return response


def _json(status: int, document: object, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(document), status, headers, media_type="application/json")
