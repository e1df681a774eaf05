"""The controller's HTTP, for whoever has its token."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from trellis.contracts.experiment import Experiment
from trellis.contracts.rollout_status import Command, RolloutViews
from trellis.rollout.http.asked import Control, Refused
from trellis.rollout.http.tables import TableServer
from trellis.telemetry.exposition import metrics_page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Told of every change that a person asked for: a sentence.
Tell = Callable[[str], None]

_MOST_BYTES = 2**18

_Document = TypeVar("_Document", bound=BaseModel)


class ControlServer:
    """The table and the control behind one address.

    ``token`` guards all but the table where ``open_table`` says so; without a token only the
    table is answered. ``/ready`` is 503 until ``ready`` says that all is known.
    """

    def __init__(
        self,
        tables: TableServer,
        control: Control,
        token: str | None,
        tell: Tell,
        *,
        open_table: bool = False,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._tables, self._control, self._token, self._tell = tables, control, token, tell
        self._open_table, self._is_ready = open_table, ready
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. Raises ``OSError`` where the port is taken."""
        app = web.Application(middlewares=[self._guard], client_max_size=_MOST_BYTES)
        app.add_routes(self._tables.routes())
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/ready", self._ready),
                web.get("/metrics", self._metrics),
                web.get("/models", self._models),
                web.post("/models/{model}/versions/{version}:activate", self._activate),
                web.post("/models/{model}/versions/{version}:rollback", self._rollback),
                web.get("/experiments", self._experiments),
                web.get("/experiments/{name}", self._experiment),
                web.put("/experiments/{name}", self._put_experiment),
                web.get("/experiments/{name}/evidence", self._evidence),
                web.get("/rollouts", self._rollouts),
                web.get("/rollouts/{name}", self._rollout),
                web.post("/rollouts/{name}:command", self._command),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening; whoever waits is cut off."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._may(request):
            return _error(401, "the controller's token is missing or wrong")
        try:
            return await handler(request)
        except Refused as refused:
            return _error(refused.status, str(refused))
        except web.HTTPException as error:
            return _error(error.status, f"{error.reason}: {request.method} {request.path[:128]}")

    def _may(self, request: web.Request) -> bool:
        if request.path in {"/health", "/ready", "/metrics"} or (
            self._open_table and request.path == "/routing-table"
        ):
            return True
        given = request.headers.get("Authorization", "").encode()
        return self._token is not None and hmac.compare_digest(
            given, f"Bearer {self._token}".encode()
        )

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, _request: web.Request) -> web.Response:
        if not self._is_ready():
            return _error(503, "what is watched was not listed yet")
        return web.json_response({"status": "ok"})

    async def _metrics(self, _request: web.Request) -> web.Response:
        text, content_type = metrics_page()
        return web.Response(body=text, headers={"content-type": content_type})

    async def _models(self, _request: web.Request) -> web.Response:
        return _document(await self._control.models())

    async def _activate(self, request: web.Request) -> web.Response:
        model, version = request.match_info["model"], request.match_info["version"]
        answer = await self._control.activate(model, version)
        self._tell(f"{model}: {_actor(request)} gives all traffic to version {version}")
        return _document(answer, 202)

    async def _rollback(self, request: web.Request) -> web.Response:
        model, version = request.match_info["model"], request.match_info["version"]
        answer = await self._control.rollback(model, version)
        self._tell(f"{model}: {_actor(request)} takes traffic from version {version}")
        return _document(answer, 202)

    async def _experiments(self, _request: web.Request) -> web.Response:
        return _document(await self._control.experiments())

    async def _experiment(self, request: web.Request) -> web.Response:
        experiment = await self._control.experiment(request.match_info["name"])
        return _document(experiment, etag=_etag(experiment))

    async def _put_experiment(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        experiment = _read(Experiment, await request.read())
        await self._check_unchanged(request, name)
        stored = await self._control.put_experiment(name, experiment)
        word = "runs" if stored.enabled else "is off"
        self._tell(f"experiment {name} on {stored.model} {word}, says {_actor(request)}")
        return _document(stored, etag=_etag(stored))

    async def _evidence(self, request: web.Request) -> web.Response:
        return _document(await self._control.evidence(request.match_info["name"]))

    async def _rollouts(self, _request: web.Request) -> web.Response:
        views = await self._control.rollouts()
        shown = (
            view.model_copy(update={"status": view.status.model_copy(update={"trace": ()})})
            for view in views.rollouts
        )
        return _document(RolloutViews(rollouts=tuple(shown)))

    async def _rollout(self, request: web.Request) -> web.Response:
        return _document(await self._control.rollout(request.match_info["name"]))

    async def _command(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        command = _read(Command, await request.read())
        command = command.model_copy(update={"actor": _actor(request)})
        view = await self._control.command(name, command)
        self._tell(f"rollout {name}: {command.actor} asks to {command.do}")
        return _document(view, 202)

    async def _check_unchanged(self, request: web.Request, name: str) -> None:
        """RFC 9110, 13.1.1: one of the tags is the present one; `*` is any."""
        known = request.headers.get("If-Match")
        if known is None:
            return
        present = _etag(await self._control.experiment(name))
        if "*" not in known and present not in {tag.strip() for tag in known.split(",")}:
            raise Refused(409, f"experiment {name!r} has changed since it was read")


def _read(kind: type[_Document], body: bytes) -> _Document:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise Refused(422, f"{field + ': ' if field else ''}{problem}") from None


def _actor(request: web.Request) -> str:
    return request.headers.get("x-trellis-actor", "somebody")[:64]


def _etag(document: BaseModel) -> str:
    return f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:16]}"'


def _document(document: BaseModel, status: int = 200, etag: str | None = None) -> web.Response:
    headers = {"ETag": etag} if etag else {}
    body = document.model_dump_json(by_alias=True).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def _error(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
