"""The charts of rollouts and experiments."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.gateway.dashboard.page import look_of, svg_response
from trellis.gateway.dashboard.trials.charts import arms_chart, evidence_chart, guardrail_chart
from trellis.gateway.dashboard.trials.drawings import Drawings
from trellis.gateway.dashboard.trials.panels import trace_key
from trellis.gateway.dashboard.trials.subjects import Subjects
from trellis.gateway.dashboard.visitor_gate import DashboardGate
from trellis.gateway.errors import NotFound


class TrialPictures:
    """The endpoints. Each raises ``NotFound`` where there is nothing to draw, and ``Forbidden``."""

    def __init__(self, subjects: Subjects, gate: DashboardGate) -> None:
        self._subjects = subjects
        self._gate = gate
        self._drawings = Drawings()

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/dashboard/rollouts/{name}/charts/{chart}.svg", self.rollout),
            Route("/dashboard/experiments/{name}/charts/arms.svg", self.experiment),
        ]

    async def rollout(self, request: Request) -> Response:
        """``evidence``, or a guardrail by its number among those of the spec."""
        caller = await self._gate.admit(request, cost=0.0)
        view = (await self._subjects.rollout(request.path_params["name"], caller)).view
        chart, look = request.path_params["chart"], look_of(request)
        names = {str(place): rail.name for place, rail in enumerate(view.spec.guardrails)}
        if chart == "evidence":
            draw = partial(evidence_chart, view, look)
        elif chart in names:
            draw = partial(guardrail_chart, view, names[chart], look)
        else:
            raise NotFound(f"no chart {chart[:64]!r}; there are: evidence, {', '.join(names)}")
        key = ("rollout", view.name, chart, look, trace_key(view.status.trace))
        return svg_response(await self._drawings.get(key, draw))

    async def experiment(self, request: Request) -> Response:
        """The intervals of all arms."""
        caller = await self._gate.admit(request, cost=0.0)
        found = await self._subjects.experiment(request.path_params["name"], caller)
        if found.view is None:
            raise NotFound(found.missing)
        look = look_of(request)
        key = ("experiment", found.view.name, look, trace_key(found.view.status.trace))
        return svg_response(await self._drawings.get(key, partial(arms_chart, found.view, look)))
