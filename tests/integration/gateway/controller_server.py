"""A controller for the gateway's tests: the contract over real HTTP, its state in memory.

Of model ``leaf`` there are v1 and v2; experiment ``owned`` is another manager's. ``/told`` lists
what was asked with which headers. ``x-request-id: slow`` is answered after a long while, and
``garbage`` with no document. ``--metrics v1=URL`` says where a version's own metrics are.
"""

import argparse
import asyncio
import hashlib
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from trellis.contracts.control import Experiments, ModelState, ModelStates, RevisionState
from trellis.contracts.experiment import Experiment

TOKEN = "a token of the tests' own"
OWNED = Experiment.model_validate(
    {"model": "leaf", "arms": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]}
)


class Controller:
    """The contract's routes."""

    def __init__(self, metrics: dict[str, str] | None = None) -> None:
        self.metrics = metrics or {}
        self.experiments: dict[str, Experiment] = {"owned": OWNED}
        self.weights = {"v1": 1.0, "v2": 0.0}
        self.told: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        version = "/models/{model}/versions/{version}"
        app.add_routes(
            [
                web.get("/told", self._told),
                web.get("/models", self._models),
                web.post(version + ":activate", self._activate),
                web.post(version + ":rollback", self._rollback),
                web.get("/experiments", self._experiments),
                web.get("/experiments/{name}", self._experiment),
                web.put("/experiments/{name}", self._put),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == "/told":
            answer: web.StreamResponse = await handler(request)
            return answer
        self.told.append(
            {"method": request.method, "path": request.path, **dict(request.headers.items())}
        )
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "the secret of the controller is another")
        do = request.headers.get("x-request-id")
        if do == "slow":
            await asyncio.sleep(3600)
        if do == "garbage":
            return web.Response(text="<html>", content_type="text/html")
        if do == "fails":
            return _error(500, "a stack trace of the controller's")
        try:
            answered: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            return _error(error.status, error.text or "")
        return answered

    async def _told(self, _request: web.Request) -> web.Response:
        return web.json_response(self.told)

    async def _models(self, _request: web.Request) -> web.Response:
        return _document(ModelStates(models=(self._state(),)))

    def _state(self) -> ModelState:
        return ModelState(
            name="leaf",
            revisions=tuple(
                RevisionState(
                    version=version,
                    revision=f"{version}-1",
                    role="stable" if weight else "none",
                    weight=weight,
                    ready=version != "v0",
                    reason="its image cannot be pulled" if version == "v0" else "",
                    url=self.metrics.get(version, ""),
                )
                for version, weight in {"v0": 0.0, **self.weights}.items()
            ),
        )

    async def _activate(self, request: web.Request) -> web.Response:
        return self._moved(request, to=request.match_info["version"])

    async def _rollback(self, request: web.Request) -> web.Response:
        other = {"v1": "v2", "v2": "v1"}.get(request.match_info["version"], "")
        return self._moved(request, to=other)

    def _moved(self, request: web.Request, to: str) -> web.Response:
        if request.match_info["model"] != "leaf":
            return _error(404, f"unknown model {request.match_info['model']!r}; known are: leaf")
        if to not in self.weights:
            return _error(404, "model 'leaf' has no such version; known are: v1, v2")
        self.weights = {version: float(version == to) for version in self.weights}
        return _document(self._state(), 202)

    async def _experiments(self, _request: web.Request) -> web.Response:
        return _document(Experiments(experiments=self.experiments))

    async def _experiment(self, request: web.Request) -> web.Response:
        found = self.experiments.get(request.match_info["name"])
        if found is None:
            return _error(404, f"unknown experiment {request.match_info['name']!r}")
        return _document(found)

    async def _put(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name == "owned":
            return _error(409, "experiment 'owned' is managed by 'argocd'; change it in git")
        try:
            experiment = Experiment.model_validate_json(await request.read())
        except ValidationError as error:
            return _error(422, str(error))
        if experiment.model != "leaf":
            return _error(422, f"unknown model {experiment.model!r}")
        known = request.headers.get("if-match")
        before = self.experiments.get(name)
        if known is not None and (before is None or known != _etag(before)):
            return _error(409, f"experiment {name!r} has changed since it was read")
        self.experiments[name] = experiment
        return _document(experiment)


def _etag(document: Any) -> str:
    return f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:16]}"'


def _document(document: Any, status: int = 200) -> web.Response:
    body = document.model_dump_json(by_alias=True).encode()
    headers = {"etag": _etag(document)}
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def _error(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--metrics", action="append", default=[])
    given = parser.parse_args()
    web.run_app(
        Controller(dict(pair.split("=", 1) for pair in given.metrics)).app(),
        host="127.0.0.1",
        port=given.port,
        print=lambda *_: None,
        shutdown_timeout=0.1,
    )
