"""``/dashboard``: the page, its charts and its events."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from trellis.gateway.access.callers import Caller
from trellis.gateway.asking import request_id_of
from trellis.gateway.dashboard.chart_book import ChartBook
from trellis.gateway.dashboard.chart_style import Drawn, Look
from trellis.gateway.dashboard.charts import ChartName
from trellis.gateway.dashboard.panels import moment, render_panels
from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.dashboard.session import LONGEST_KEY
from trellis.gateway.dashboard.snapshot import Snapshot
from trellis.gateway.dashboard.stream import Seen, panel_events
from trellis.gateway.dashboard.views import Views
from trellis.gateway.dashboard.visitor_gate import DashboardGate
from trellis.gateway.errors import Forbidden, GatewayError, NotFound, Unauthenticated
from trellis.gateway.pages.files import render
from trellis.gateway.pages.words import sentence
from trellis.gateway.routing_table import TableHolder

PRIVATE = {"cache-control": "no-store"}
LAYOUT = {"heading": "Dashboard", "here": "/dashboard"}
#: What is said after an action; the page's address has only its name.
DONE = {
    "activate": "Done: the version gets all traffic. The table follows in a moment.",
    "rollback": "Done: the version gets no traffic. The table follows in a moment.",
    "replay": "Done: the job is queued again.",
}


class DashboardPage:
    """The endpoints that only look; ``words`` says what the figures count."""

    def __init__(
        self,
        sampler: Sampler[Snapshot],
        gate: DashboardGate,
        holder: TableHolder,
        *,
        words: str,
        can_move: bool,
        asks_for_keys: bool,
    ) -> None:
        self._sampler = sampler
        self._gate = gate
        self._holder = holder
        self._asks_for_keys = asks_for_keys
        self._charts = ChartBook()
        self._views = Views(partial(render_panels, can_move=can_move, words=words))

    def routes(self) -> list[Route]:
        """The page and what it is made of."""
        return [
            Route("/dashboard", self.page),
            Route("/dashboard/events", self.events),
            Route("/dashboard/charts/{name}.svg", self.chart),
        ]

    async def page(self, request: Request) -> Response:
        """The page; the form to sign in for whoever shows no admin key."""
        try:
            caller = await self._gate.admit(request)
        except (Unauthenticated, Forbidden) as error:
            return self.sign_in_form(error if self._gate.signed_in(request) else None)
        done = DONE.get(request.query_params.get("done", ""), "")
        return await self.whole(request, caller, done)

    async def whole(
        self, request: Request, caller: Caller, said: str = "", refusal: GatewayError | None = None
    ) -> Response:
        """The page for an operator; with what was done, or why it was not."""
        snapshot, panels = self._views.of(await self._sampler.latest(), caller)
        html = render(
            "dashboard.html",
            **LAYOUT,
            panels=panels,
            events="/dashboard/events",
            seen_at=moment(snapshot.time),
            signed_in=self.has_session(request),
            said=sentence(str(refusal)) if refusal else said,
            said_bad=refusal is not None,
        )
        headers = {**PRIVATE, "x-request-id": request_id_of(request)}
        return HTMLResponse(html, refusal.status if refusal else 200, headers)

    def sign_in_form(self, refusal: GatewayError | None) -> Response:
        """The form, with what was wrong with the key before."""
        html = render(
            "sign_in.html",
            **LAYOUT,
            events="",
            longest_key=LONGEST_KEY,
            said=sentence(str(refusal)) if refusal else "",
            said_bad=refusal is not None,
        )
        return HTMLResponse(html, refusal.status if refusal else 401, PRIVATE)

    def has_session(self, request: Request) -> bool:
        """Whether there is a session to sign out of."""
        return self._asks_for_keys and self._gate.signed_in(request)

    async def events(self, request: Request) -> Response:
        """The live panels. Raises ``Overloaded`` where too many follow them already."""
        caller = await self._gate.admit(request)
        return self.stream(
            request, self._sampler, lambda snapshot: self._views.of(snapshot, caller).panels
        )

    def stream(
        self, request: Request, sampler: Sampler[Seen], panels: Callable[[Seen], dict[str, str]]
    ) -> Response:
        """Live panels of any page of the dashboard, whose viewers are counted together.

        Raises ``Overloaded``.
        """
        self._sampler.check_room()

        async def still_allowed() -> None:
            await self._gate.admit(request, cost=0.0)

        async def pieces() -> AsyncIterator[bytes]:
            with self._sampler.viewer():
                async for piece in panel_events(
                    sampler, panels, still_allowed, lambda: self._holder.draining
                ):
                    yield piece

        # nginx, as an ingress, would keep the events back until its buffer is full.
        headers = {**PRIVATE, "x-accel-buffering": "no"}
        return StreamingResponse(pieces(), media_type="text/event-stream", headers=headers)

    async def chart(self, request: Request) -> Response:
        """One chart; ``?scheme=`` and ``?shape=`` choose how it looks. Raises ``NotFound``."""
        caller = await self._gate.admit(request, cost=0.0)
        name = request.path_params["name"]
        if name not in get_args(ChartName):
            known = ", ".join(get_args(ChartName))
            raise NotFound(f"no chart {name[:64]!r}; there are: {known}")
        seen = self._views.of(await self._sampler.latest(), caller).snapshot
        return svg_response(
            await self._charts.chart(seen, cast("ChartName", name), look_of(request))
        )


def look_of(request: Request) -> Look:
    """How a chart is to look, by ``?scheme=`` and ``?shape=``."""
    return Look(
        "dark" if request.query_params.get("scheme") == "dark" else "light",
        "narrow" if request.query_params.get("shape") == "narrow" else "wide",
    )


def svg_response(drawn: Drawn) -> Response:
    """A chart with its policy. Its address names the look, so what it shows does not change."""
    headers = {"cache-control": "private, max-age=60", "content-security-policy": drawn.policy}
    return Response(drawn.svg, headers=headers, media_type="image/svg+xml")
