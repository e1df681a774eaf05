"""Wires the gateway: the hot path first, people's routes behind it."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from trellis.gateway.answers import Send, error_headers
from trellis.gateway.api import ApiPages
from trellis.gateway.asking import request_id_of
from trellis.gateway.body import Receive
from trellis.gateway.catalogue import Catalogue
from trellis.gateway.dashboard.opening import dashboard_routes
from trellis.gateway.errors import FAILED, GatewayError
from trellis.gateway.inference import Inference
from trellis.gateway.jobs.administration import JobAdministration
from trellis.gateway.jobs.answer import JobRoutes
from trellis.gateway.jobs.submit import Submissions
from trellis.gateway.operators import operator_routes
from trellis.gateway.pages.files import icon, page_files
from trellis.gateway.pages.upload import upload_page
from trellis.gateway.parts import Parts
from trellis.gateway.predict import Predict
from trellis.gateway.proxy import Proxy
from trellis.gateway.same_origin import SameOrigin
from trellis.gateway.security_headers import SecurityHeaders
from trellis.gateway.status import Status
from trellis.gateway.unread_bodies import UnreadBodies
from trellis.gateway.visitors import Visitors
from trellis.telemetry.logs import get_logger

ASGIApp = Callable[[Any, Receive, Send], Awaitable[None]]


def gateway_app(parts: Parts) -> ASGIApp:
    """The gateway's ASGI application."""
    proxy = Proxy(parts)
    submissions = Submissions(parts)
    submit = SecurityHeaders(submissions.take)
    people = people_app(parts)

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if submissions.wants(scope):
            await submit(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(("/v1/models/", "/v2/models/")):
            await proxy(scope, receive, send)
        else:
            await people(scope, receive, send)

    return app


def people_app(parts: Parts) -> ASGIApp:
    """Everything but the proxied protocols."""
    catalogue = Catalogue(parts.upstream)
    visitors = Visitors(parts.signer)
    status = Status(parts.holder, catalogue, parts.access)
    inference = Inference(parts.upstream, catalogue, parts.cache, parts.gate, parts.settings)
    predict = Predict(parts, inference, visitors)
    upload = upload_page(parts, catalogue, visitors)
    api = ApiPages()
    starlette = Starlette(
        routes=[
            Route("/", upload.page),
            Route("/predict", predict.answer, methods=["POST"]),
            Route("/predict/{model}", predict.answer, methods=["POST"]),
            *operator_routes(parts, catalogue),
            *dashboard_routes(parts),
            *JobAdministration(parts).routes(),
            *JobRoutes(parts).routes(),
            Route("/models/{model}/examples/{place}", status.example_image),
            Route("/health", status.health),
            Route("/v2/health/live", status.live),
            Route("/v2/health/ready", status.ready),
            Route("/v2", status.server),
            Route("/v1/models", status.names),
            Route("/v2/models", status.names),
            Route("/openapi.json", api.document),
            Route("/docs", api.page),
            Route("/docs/{asset}", api.page),
            Mount("/static", page_files()),
            Route("/favicon.ico", icon),
        ],
        exception_handlers={
            GatewayError: _answer_refusal,
            HTTPException: _answer_unrouted,
            Exception: _answer_fault,
        },
    )
    return SecurityHeaders(UnreadBodies(SameOrigin(starlette)))


async def _answer_refusal(request: Request, error: Exception) -> Response:
    if not isinstance(error, GatewayError):  # Starlette calls this handler for its class only
        raise error
    headers = {
        k.decode(): v.decode("latin-1") for k, v in error_headers(error, request_id_of(request))
    }
    return Response(orjson.dumps({"error": str(error)}), error.status, headers)


async def _answer_unrouted(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # Starlette calls this handler for its class only
        raise error
    sentences = {
        404: f"no such route: {request.url.path[:128]}",
        405: f"method {request.method} is not taken here",
    }
    sentence = sentences.get(error.status_code, error.detail)
    headers = {**(error.headers or {}), "x-request-id": request_id_of(request)}
    return Response(
        orjson.dumps({"error": sentence}), error.status_code, headers, media_type="application/json"
    )


async def _answer_fault(request: Request, error: Exception) -> Response:
    request_id = request_id_of(request)
    get_logger().error("request failed", request_id=request_id, exc_info=error)
    return Response(
        orjson.dumps({"error": FAILED}),
        500,
        {"x-request-id": request_id},
        media_type="application/json",
    )
