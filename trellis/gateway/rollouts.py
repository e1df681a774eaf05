"""``/rollouts``: where each is and why, by way of the controller."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.contracts.rollout_status import RolloutView, RolloutViews
from trellis.gateway.access.admission import Access
from trellis.gateway.access.callers import Caller
from trellis.gateway.asking import answer_json, ask_leave
from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.errors import Forbidden


class RolloutRoutes:
    """The endpoints, all for the scope ``admin``: a rollout names versions."""

    def __init__(self, controller: ControllerClient, access: Access) -> None:
        self._controller = controller
        self._access = access

    def routes(self) -> list[Route]:
        """``/rollouts`` and what lies below."""
        return [Route("/rollouts", self.all), Route("/rollouts/{name}", self.one)]

    async def all(self, request: Request) -> Response:
        """Every rollout of the caller's models. Raises ``GatewayError``."""
        admitted = await ask_leave(self._access, request, "admin")
        views = own_rollouts(await self._controller.rollouts(), admitted.caller)
        return answer_json(request, views.model_dump_json(by_alias=True).encode(), admitted)

    async def one(self, request: Request) -> Response:
        """One rollout. Raises ``GatewayError``."""
        admitted = await ask_leave(self._access, request, "admin")
        view = await self._controller.rollout(request.path_params["name"])
        check_own(view, admitted.caller)
        return answer_json(request, view.model_dump_json(by_alias=True).encode(), admitted)


def own_rollouts(views: RolloutViews, caller: Caller) -> RolloutViews:
    """Those of the caller's models."""
    own = tuple(view for view in views.rollouts if caller.is_for(view.spec.inference_service))
    return RolloutViews(rollouts=own)


def check_own(view: RolloutView, caller: Caller) -> None:
    """Raises ``Forbidden`` where the rollout's model is not the caller's."""
    if not caller.is_for(view.spec.inference_service):
        raise Forbidden(f"key {caller.key_id} is not for the model of rollout {view.name!r}")
