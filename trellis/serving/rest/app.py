"""The ASGI application in front of KServe's: our routes here, everything else falls through."""

from typing import Any

from trellis.serving.codecs import v2_json
from trellis.serving.errors import DoesNotFit, Fault, MethodNotAllowed, NotFound, ServingError
from trellis.serving.rest.docs import Docs
from trellis.serving.rest.http import (
    ASGIApp,
    BodyLimits,
    ClientGone,
    Receive,
    Request,
    Scope,
    Send,
    respond,
    respond_error,
    respond_json,
)
from trellis.serving.rest.infer import InferRoutes
from trellis.serving.rest.routes import QuietRoutes
from trellis.telemetry.exposition import metrics_page
from trellis.telemetry.logs import get_logger

#: Bytes of a body that only says which version is meant; nothing counts how many are in memory.
_MOST_OPTIONS = 64 * 1024


class RestApp:
    """Dispatches by path; ``kserve_app`` answers what is not ours."""

    def __init__(
        self,
        infer: InferRoutes,
        quiet: QuietRoutes,
        docs: Docs,
        kserve_app: ASGIApp,
        limits: BodyLimits,
    ) -> None:
        self._infer = infer
        self._quiet = quiet
        self._docs = docs
        self._kserve_app = kserve_app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._kserve_app(scope, receive, send)
            return
        request = Request(scope, receive, self._limits)
        parts = request.path.split("/")
        if len(parts) == 1:  # "*", as in OPTIONS
            parts.append("")
        if parts[1] == "v2" and parts[-1] == "infer" and request.method == "POST":
            if len(parts) == 5 and parts[2] == "models":
                await self._infer.v2(request, send, parts[3], None)
                return
            if len(parts) == 7 and parts[2] == "models" and parts[4] == "versions":
                await self._infer.v2(request, send, parts[3], parts[5])
                return
        elif parts[1] == "v1" and request.method == "POST" and request.path.endswith(":predict"):
            if len(parts) == 4 and parts[2] == "models":
                await self._infer.v1(request, send, parts[3][:-8], None)
                return
            if len(parts) == 6 and parts[2] == "models" and parts[4] == "versions":
                await self._infer.v1(request, send, parts[3], parts[5][:-8])
                return
        await self._rest(request, parts, receive, send)

    async def _rest(self, request: Request, parts: list[str], receive: Receive, send: Send) -> None:
        try:
            if request.path == "/metrics":
                _only(request, "GET")
                body, content_type = metrics_page()
                await respond(send, 200, body, content_type.encode(), request.request_id)
            elif (page := self._docs.page(request.path)) is not None:
                _only(request, "GET")
                await respond(send, 200, page[0], page[1], request.request_id)
            elif parts[1] in ("v1", "v2", "health") or request.path[:1] != "/":
                document = await self._document(request, parts[1:])
                await respond_json(send, 200, document, request.request_id)
            else:
                await self._kserve_app(request.scope, receive, send)
        except ClientGone:
            return
        except ServingError as error:
            await respond_error(send, error, request.request_id)
        except Exception as error:  # noqa: BLE001 - the edge: nothing of it may reach the caller
            get_logger().error("request failed", request_id=request.request_id, exc_info=error)
            await respond_error(send, Fault("the request failed"), request.request_id)

    async def _document(self, request: Request, parts: list[str]) -> Any:  # noqa: PLR0911, PLR0912, C901 - one line a route
        quiet = self._quiet
        match parts:
            case ["health"]:
                return _get(request) and quiet.health()
            case ["v2"] | ["v2", ""]:
                return _get(request) and quiet.server_metadata()
            case ["v2", "health", "live"]:
                return _get(request) and quiet.live()
            case ["v2", "health", "ready"]:
                return _get(request) and quiet.ready()
            case ["v1" | "v2", "models"]:
                return _get(request) and quiet.models()
            case ["v1", "models", model] if ":" not in model:
                return _get(request) and quiet.model_ready(model, None)
            case ["v1", "models", model, "versions", version] if ":" not in version:
                return _get(request) and quiet.model_ready(model, version)
            case ["v2", "models", model]:
                return _get(request) and await quiet.metadata(model, _version(request))
            case ["v2", "models", model, "versions", version]:
                return _get(request) and await quiet.metadata(model, version)
            case ["v2", "models", model, "ready"]:
                return _get(request) and quiet.model_ready(model, _version(request))
            case ["v2", "models", model, "versions", version, "ready"]:
                return _get(request) and quiet.model_ready(model, version)
            case ["v2", "models", model, "examples"]:
                return _get(request) and await quiet.examples(model, _version(request))
            case ["v2", "models", model, "versions", version, "examples"]:
                return _get(request) and await quiet.examples(model, version)
            case ["v2", "repository", "index"]:
                _only(request, "POST")
                return quiet.index(only_ready=bool((await _options(request)).get("ready")))
            case ["v2", "repository", "models", model, "load"]:
                _only(request, "POST")
                return await quiet.load(model, _repository_version(await _options(request)))
            case ["v2", "repository", "models", model, "unload"]:
                _only(request, "POST")
                return await quiet.unload(model, _repository_version(await _options(request)))
            case ["v2", "models", _, "infer"] | ["v2", "models", _, "versions", _, "infer"]:
                _only(request, "POST")
            case ["v1", "models", name] | ["v1", "models", _, "versions", name] if name.endswith(
                ":predict"
            ):
                _only(request, "POST")
            case _:
                pass
        raise NotFound(f"no route {request.method} {request.path:.120}")


def _only(request: Request, method: str) -> None:
    if request.method != method and not (method == "GET" and request.method == "HEAD"):
        raise MethodNotAllowed(
            f"method {request.method} is not allowed here, expected {method}", method
        )


def _get(request: Request) -> bool:
    _only(request, "GET")
    return True


def _version(request: Request) -> str | None:
    given = request.headers.get(b"x-model-version")
    return request.query("model_version") or (given.decode("latin-1") if given else None)


async def _options(request: Request) -> dict[str, Any]:
    body = await request.body(_MOST_OPTIONS)
    return v2_json.load_object(body) if body else {}


def _repository_version(options: dict[str, Any]) -> str | None:
    parameters = options.get("parameters", {})
    version = parameters.get("model_version") if isinstance(parameters, dict) else None
    if version is not None and not isinstance(version, str):
        raise DoesNotFit("field 'parameters.model_version' is no string, expected a version's name")
    return version
