"""The controller's HTTP of a local run, on a loopback port, for whoever has its token."""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import BaseModel, ValidationError

from trellis.contracts.experiment import Experiment
from trellis.local.control import Control, Refused
from trellis.local.events import Events
from trellis.local.table_server import TableServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlServer:
    """The table and the control behind one address; ``token`` is made anew at each start."""

    def __init__(self, tables: TableServer, control: Control, events: Events) -> None:
        self._tables, self._control, self._events = tables, control, events
        self._runner: web.AppRunner | None = None
        self.token = secrets.token_urlsafe(32)
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(self._tables.routes())
        app.add_routes(
            [
                web.get("/models", self._models),
                web.post("/models/{model}/versions/{version}:activate", self._activate),
                web.post("/models/{model}/versions/{version}:rollback", self._rollback),
                web.get("/experiments", self._experiments),
                web.get("/experiments/{name}", self._experiment),
                web.put("/experiments/{name}", self._put_experiment),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening; whoever waits is cut off."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # The table is no secret on this machine; what changes something asks for the token.
        given = request.headers.get("Authorization", "")
        wanted = f"Bearer {self.token}"
        if request.path != "/routing-table" and not hmac.compare_digest(
            given.encode(), wanted.encode()
        ):
            return _error(401, "the controller's token is missing or wrong")
        try:
            return await handler(request)
        except Refused as refused:
            return _error(refused.status, str(refused))
        except web.HTTPException as error:
            return _error(error.status, f"{error.reason}: {request.method} {request.path[:128]}")

    async def _models(self, _request: web.Request) -> web.Response:
        return _document(self._control.models())

    async def _activate(self, request: web.Request) -> web.Response:
        model, version = request.match_info["model"], request.match_info["version"]
        answer = await self._control.activate(model, version)
        self._events.add(f"{model}: {_actor(request)} gives all traffic to version {version}")
        return _document(answer, 202)

    async def _rollback(self, request: web.Request) -> web.Response:
        model, version = request.match_info["model"], request.match_info["version"]
        answer = await self._control.rollback(model, version)
        self._events.add(f"{model}: {_actor(request)} takes traffic from version {version}")
        return _document(answer, 202)

    async def _experiments(self, _request: web.Request) -> web.Response:
        return _document(self._control.experiments())

    async def _experiment(self, request: web.Request) -> web.Response:
        experiment = self._control.experiment(request.match_info["name"])
        return _document(experiment, etag=_etag(experiment))

    async def _put_experiment(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            experiment = Experiment.model_validate_json(await request.read())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            problem = first["msg"].removeprefix("Value error, ")
            raise Refused(422, f"{field + ': ' if field else ''}{problem}") from None
        self._check_unchanged(request, name)
        stored = await self._control.put_experiment(name, experiment)
        word = "runs" if stored.enabled else "is off"
        self._events.add(f"experiment {name} on {stored.model} {word}, says {_actor(request)}")
        return _document(stored, etag=_etag(stored))

    def _check_unchanged(self, request: web.Request, name: str) -> None:
        """RFC 9110, 13.1.1: one of the tags is the present one; `*` is any."""
        known = request.headers.get("If-Match")
        if known is None:
            return
        present = _etag(self._control.experiment(name))
        if "*" not in known and present not in {tag.strip() for tag in known.split(",")}:
            raise Refused(409, f"experiment {name!r} has changed since it was read")


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
