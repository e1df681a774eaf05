"""``/dashboard/rollouts`` and ``/dashboard/experiments``: the pages, and what follows in them live."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from trellis.gateway.access.callers import Caller
from trellis.gateway.asking import request_id_of
from trellis.gateway.dashboard.page import PRIVATE, DashboardPage
from trellis.gateway.dashboard.panels import moment
from trellis.gateway.dashboard.trials.looks import ExperimentLook, ListLook, RolloutLook
from trellis.gateway.dashboard.trials.panels import (
    experiment_panels,
    list_panels,
    rollout_panels,
)
from trellis.gateway.dashboard.trials.subjects import Subjects, own_list
from trellis.gateway.dashboard.visitor_gate import DashboardGate
from trellis.gateway.errors import Forbidden, GatewayError, Unauthenticated
from trellis.gateway.pages.files import render
from trellis.gateway.pages.words import sentence

HERE = "/dashboard/rollouts"
EVENTS = "/dashboard/events"
#: What is said after a command; the page's address has only its name.
ASKED = {
    "pause": "Asked to pause. The page shows it in a moment.",
    "resume": "Asked to go on. The page shows it in a moment.",
    "skip": "Asked to skip the step. The page shows it in a moment.",
    "promote": "Asked to promote. The page shows it in a moment.",
    "abort": "Asked to roll back. The page shows it in a moment.",
    "retry": "Asked to try again. The page shows it in a moment.",
}


class Shown(NamedTuple):
    """A page: its panels by name, live from ``events``; ``time`` in seconds since 1970."""

    heading: str
    events: str
    panels: dict[str, str]
    time: float


class TrialPages:
    """The endpoints that only look. ``dashboard`` signs in, and counts the viewers of all its pages."""

    def __init__(
        self, subjects: Subjects, gate: DashboardGate, dashboard: DashboardPage, *, set_up: bool
    ) -> None:
        self._subjects = subjects
        self._gate = gate
        self._dashboard = dashboard
        self._set_up = set_up

    def routes(self) -> list[Route]:
        """The pages and their events."""
        return [
            Route(HERE, self.all),
            Route(HERE + "/{name}", self.rollout),
            Route("/dashboard/experiments/{name}", self.experiment),
            Route(EVENTS + "/rollouts", self.all_events),
            Route(EVENTS + "/rollouts/{name}", self.rollout_events),
            Route(EVENTS + "/experiments/{name}", self.experiment_events),
        ]

    async def all(self, request: Request) -> Response:
        """All rollouts and experiments of the caller's models."""
        return await self._page(request, self._all)

    async def rollout(self, request: Request) -> Response:
        """One rollout."""
        asked = ASKED.get(request.query_params.get("asked", ""), "")
        return await self._page(request, partial(self._rollout, request.path_params["name"]), asked)

    async def experiment(self, request: Request) -> Response:
        """One experiment."""
        return await self._page(request, partial(self._experiment, request.path_params["name"]))

    async def refused(self, request: Request, caller: Caller, refusal: GatewayError) -> Response:
        """A rollout's page, or what there is of it, saying why what was asked was not done."""
        try:
            shown = await self._rollout(request.path_params["name"], caller)
        except GatewayError:
            shown = _nothing()
        return self._whole(request, shown, refusal=refusal)

    async def all_events(self, request: Request) -> Response:
        """The list, live. Raises ``Overloaded``, as the next two."""
        caller = await self._gate.admit(request)
        return self._dashboard.stream(
            request, self._subjects.all, lambda look: self._list_panels(look, caller)
        )

    async def rollout_events(self, request: Request) -> Response:
        """One rollout, live. Raises ``NotFound``, ``Forbidden``."""
        caller = await self._gate.admit(request)
        name: str = request.path_params["name"]
        await self._subjects.rollout(name, caller)

        def panels(look: RolloutLook) -> dict[str, str]:
            return {} if look.view is None else rollout_panels(look.view)

        return self._dashboard.stream(request, self._subjects.rollouts.of(name), panels)

    async def experiment_events(self, request: Request) -> Response:
        """One experiment, live. Raises ``NotFound``, ``Forbidden``."""
        caller = await self._gate.admit(request)
        name: str = request.path_params["name"]
        await self._subjects.experiment(name, caller)

        def panels(look: ExperimentLook) -> dict[str, str]:
            return {} if look.experiment is None else experiment_panels(name, look)

        return self._dashboard.stream(request, self._subjects.experiments.of(name), panels)

    async def _page(
        self, request: Request, show: Callable[[Caller], Awaitable[Shown]], said: str = ""
    ) -> Response:
        try:
            caller = await self._gate.admit(request)
        except (Unauthenticated, Forbidden) as error:
            return self._dashboard.sign_in_form(error if self._gate.signed_in(request) else None)
        try:
            return self._whole(request, await show(caller), said)
        except GatewayError as error:
            return self._whole(request, _nothing(), refusal=error)

    def _whole(
        self, request: Request, shown: Shown, said: str = "", refusal: GatewayError | None = None
    ) -> Response:
        html = render(
            "trials.html",
            heading=shown.heading,
            here=HERE,
            events=shown.events,
            seen_at=moment(shown.time),
            signed_in=self._dashboard.has_session(request),
            said=sentence(str(refusal)) if refusal else said,
            said_bad=refusal is not None,
            panels=shown.panels,
        )
        headers = {**PRIVATE, "x-request-id": request_id_of(request)}
        return HTMLResponse(html, refusal.status if refusal else 200, headers)

    async def _all(self, caller: Caller) -> Shown:
        look = await self._subjects.all.latest()
        return Shown("Rollouts", f"{EVENTS}/rollouts", self._list_panels(look, caller), look.time)

    def _list_panels(self, look: ListLook, caller: Caller) -> dict[str, str]:
        return list_panels(own_list(look, caller), set_up=self._set_up)

    async def _rollout(self, name: str, caller: Caller) -> Shown:
        seen = await self._subjects.rollout(name, caller)
        panels = rollout_panels(seen.view)
        return Shown(f"Rollout {name}", f"{EVENTS}/rollouts/{name}", panels, seen.time)

    async def _experiment(self, name: str, caller: Caller) -> Shown:
        look = await self._subjects.experiment(name, caller)
        panels = experiment_panels(name, look)
        return Shown(f"Experiment {name}", f"{EVENTS}/experiments/{name}", panels, look.time)


def _nothing() -> Shown:
    """A page that has only its refusal to show."""
    return Shown("Rollouts", "", {}, 0.0)
