"""``/experiments``: what they are, by way of the controller, and what they met so far."""

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.contracts.control import Experiments
from trellis.contracts.experiment import Experiment
from trellis.gateway.access.admission import Access
from trellis.gateway.access.callers import Caller
from trellis.gateway.asking import (
    answer_json,
    ask_leave,
    fault_of,
    parse_json,
    read_json,
    request_id_of,
)
from trellis.gateway.controller_client import ControllerClient, Versioned
from trellis.gateway.errors import DoesNotFit, EventsDown, Forbidden, NotFound
from trellis.gateway.events.audit import Audit, asker_of
from trellis.gateway.events.counts import experiment_status
from trellis.gateway.events.store import EventStore
from trellis.gateway.routing_table import TableHolder

MOST_BYTES = 2**16
BODY_SECONDS = 30.0


class ExperimentRoutes:
    """The endpoints, all for the scope ``admin``: an experiment names versions.

    ``store`` is None where no durable Redis is set: nothing is counted then.
    """

    def __init__(
        self,
        controller: ControllerClient,
        holder: TableHolder,
        store: EventStore | None,
        access: Access,
        audit: Audit,
    ) -> None:
        self._controller = controller
        self._holder = holder
        self._store = store
        self._access = access
        self._audit = audit

    def routes(self) -> list[Route]:
        """``/experiments`` and what lies below."""
        return [
            Route("/experiments", self.all),
            Route("/experiments/{name}", self.one),
            Route("/experiments/{name}", self.put, methods=["PUT"]),
            Route("/experiments/{name}/status", self.status),
        ]

    async def all(self, request: Request) -> Response:
        """Every experiment of the caller's models by name. Raises ``GatewayError``."""
        admitted = await ask_leave(self._access, request, "admin")
        found = await self._controller.experiments()
        experiments = Experiments(
            experiments={
                name: experiment
                for name, experiment in found.experiments.items()
                if admitted.caller.is_for(experiment.model)
            }
        )
        return answer_json(request, experiments.model_dump_json(by_alias=True).encode(), admitted)

    async def one(self, request: Request) -> Response:
        """One experiment with its ETag. Raises ``GatewayError``."""
        admitted = await ask_leave(self._access, request, "admin")
        name: str = request.path_params["name"]
        found = await self._controller.experiment(name)
        _check_own(admitted.caller, name, found.experiment.model)
        return answer_json(request, _body(found), admitted, headers=_etag(found))

    async def put(self, request: Request) -> Response:
        """Set one experiment of the caller's models; with ``If-Match`` only where it is still that.

        Raises ``GatewayError``.
        """
        admitted = await ask_leave(self._access, request, "admin")
        name: str = request.path_params["name"]
        experiment = read_experiment(await read_json(request, MOST_BYTES, BODY_SECONDS))
        admitted.caller.check("admin", experiment.model)
        if_match = request.headers.get("if-match")
        if admitted.caller.models is not None:
            if_match = await self._own_etag(admitted.caller, name, if_match)
        asker = asker_of(admitted.caller, request_id_of(request))
        async with self._audit.of(asker, "experiment", experiment.model, name[:128]):
            stored = await self._controller.put_experiment(name, experiment, if_match, asker)
        return answer_json(request, _body(stored), admitted, headers=_etag(stored))

    async def status(self, request: Request) -> Response:
        """What each arm met so far; it needs no controller. Raises ``GatewayError``."""
        admitted = await ask_leave(self._access, request, "admin")
        name: str = request.path_params["name"]
        routes = {
            model: route
            for model, route in self._holder.router.routes.items()
            if route.rules.experiment == name
        }
        _check_own(admitted.caller, name, *routes)
        if self._store is None:
            raise EventsDown("counts are kept in the durable Redis, and none is set (redis_url)")
        counts = await self._store.counts(name)
        # Counts do not say whose models they are of: out of the table they are for whoever has all.
        if not routes and (not counts or admitted.caller.models is not None):
            raise NotFound(f"experiment {name[:64]!r} is in no route, and met nothing so far")
        arms = [arm for route in routes.values() for arm in route.rules.arms]
        status = experiment_status(name, routes, arms, counts)
        return answer_json(request, status.model_dump_json(by_alias=True).encode(), admitted)

    async def _own_etag(self, caller: Caller, name: str, if_match: str | None) -> str | None:
        """What to demand of a change, so that no experiment of another's model is replaced."""
        try:
            there = await self._controller.experiment(name)
        except NotFound:
            return if_match
        _check_own(caller, name, there.experiment.model)
        return if_match if if_match not in {None, "*"} else there.etag


def read_experiment(body: bytes) -> Experiment:
    """An experiment from its JSON. Raises ``BadRequest``, or ``DoesNotFit`` naming the field."""
    try:
        return Experiment.model_validate(parse_json(body))
    except ValidationError as error:
        raise DoesNotFit(fault_of(error)) from None


def _check_own(caller: Caller, name: str, *models: str) -> None:
    """Raises ``Forbidden`` where one of the experiment's models is not the caller's."""
    if not all(map(caller.is_for, models)):
        raise Forbidden(f"key {caller.key_id} is not for the model of experiment {name[:64]!r}")


def _body(found: Versioned) -> bytes:
    return found.experiment.model_dump_json(by_alias=True).encode()


def _etag(found: Versioned) -> dict[str, str]:
    return {"etag": found.etag} if found.etag is not None else {}
