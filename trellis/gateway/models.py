"""``/models``: what can be asked for; for operators its versions too, and which one is to serve."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.contracts.control import ModelState, RevisionState
from trellis.contracts.routing_table import Arm
from trellis.gateway.access.admission import Access
from trellis.gateway.asking import answer_json, ask_leave, request_id_of
from trellis.gateway.catalogue import Catalogue
from trellis.gateway.controller_client import Asker, ControllerClient
from trellis.gateway.errors import GatewayError
from trellis.gateway.events.audit import Action, Audit, asker_of
from trellis.gateway.revisions import Predictors, revision_rows
from trellis.gateway.router import Target
from trellis.gateway.routing_table import TableHolder

#: Seconds that a list of models waits for predictors to describe themselves.
DESCRIBE_SECONDS = 2.0

Change = Callable[[str, str, Asker], Awaitable[ModelState]]


class ModelRoutes:
    """The endpoints."""

    def __init__(
        self,
        holder: TableHolder,
        catalogue: Catalogue,
        predictors: Predictors,
        controller: ControllerClient,
        access: Access,
        audit: Audit,
    ) -> None:
        self._holder = holder
        self._catalogue = catalogue
        self._predictors = predictors
        self._controller = controller
        self._access = access
        self._audit = audit

    def routes(self) -> list[Route]:
        """``/models`` and the two ways to change what serves."""
        version = "/models/{model}/versions/{version}"
        return [
            Route("/models", self.all),
            Route(version + ":activate", self.activate, methods=["POST"]),
            Route(version + ":rollback", self.rollback, methods=["POST"]),
        ]

    async def all(self, request: Request) -> Response:
        """The caller's models with their kind of input, null where a predictor does not answer now.

        For the scope ``admin`` also ``versions``, and ``controller``: whether its word is among
        them. Who shows no key gets the plain form of all. Raises ``GatewayError``.
        """
        admitted = await ask_leave(self._access, request, None)
        caller = admitted.caller
        router = self._holder.router
        names = sorted(filter(caller.is_for, router.routes))
        kinds = await asyncio.gather(*(self._kind(router.route(name).stable) for name in names))
        models: list[dict[str, Any]] = [
            {"name": name, "input": kind, "default": name == router.default_model}
            for name, kind in zip(names, kinds, strict=True)
        ]
        if "admin" not in caller.scopes:
            return answer_json(request, {"models": models}, admitted)
        states = await self._states()
        versions = await asyncio.gather(
            *(
                self._versions(router.route(name).rules.arms, (states or {}).get(name, ()))
                for name in names
            )
        )
        for model, rows in zip(models, versions, strict=True):
            model["versions"] = rows
        document = {"models": models, "controller": states is not None}
        return answer_json(request, document, admitted)

    async def activate(self, request: Request) -> Response:
        """All traffic to a version; 202. Raises ``GatewayError``."""
        return await self._change(request, "activate", self._controller.activate)

    async def rollback(self, request: Request) -> Response:
        """No traffic to a version; 202. Raises ``GatewayError``."""
        return await self._change(request, "rollback", self._controller.rollback)

    async def _change(self, request: Request, action: Action, change: Change) -> Response:
        model, version = request.path_params["model"], request.path_params["version"]
        admitted = await ask_leave(self._access, request, "admin", model)
        asker = asker_of(admitted.caller, request_id_of(request))
        async with self._audit.of(asker, action, model, f"{model[:64]}/{version[:64]}", 202):
            state = await change(model, version, asker)
        body = state.model_dump_json(by_alias=True).encode()
        return answer_json(request, body, admitted, 202)

    async def _states(self) -> dict[str, tuple[RevisionState, ...]] | None:
        """The controller's revisions by model; None where it has nothing to say."""
        if not self._controller.set_up:
            return None
        try:
            states = await self._controller.models()
        except GatewayError:
            return None
        return {model.name: model.revisions for model in states.models}

    async def _versions(
        self, arms: Sequence[Arm], states: tuple[RevisionState, ...]
    ) -> list[dict[str, Any]]:
        served = await asyncio.gather(*map(self._predictors.served, arms))
        return revision_rows(arms, served, states)

    async def _kind(self, target: Target) -> str | None:
        try:
            return (await self._catalogue.describe(target, DESCRIBE_SECONDS)).kind
        except GatewayError:
            return None
