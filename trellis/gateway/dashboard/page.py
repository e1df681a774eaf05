"""``/dashboard``: the page, its charts and its events."""

from collections.abc import AsyncIterator
from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from trellis.gateway.asking import request_id_of
from trellis.gateway.dashboard.chart_book import ChartBook
from trellis.gateway.dashboard.chart_style import Look
from trellis.gateway.dashboard.charts import ChartName
from trellis.gateway.dashboard.panels import moment, render_panels
from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.dashboard.snapshot import Snapshot
from trellis.gateway.dashboard.stream import panel_events
from trellis.gateway.dashboard.visitor_gate import DashboardGate
from trellis.gateway.errors import Forbidden, GatewayError, NotFound, Unauthenticated
from trellis.gateway.pages.files import render
from trellis.gateway.pages.words import sentence
from trellis.gateway.routing_table import TableHolder

PRIVATE = {"cache-control": "no-store"}
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
        sampler: Sampler,
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
        self._words = words
        self._can_move = can_move
        self._asks_for_keys = asks_for_keys
        self._charts = ChartBook()
        self._rendered: tuple[int, dict[str, str]] = (0, {})

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
            await self._gate.admit(request)
        except (Unauthenticated, Forbidden) as error:
            return self.sign_in_form(error if self._gate.signed_in(request) else None)
        done = DONE.get(request.query_params.get("done", ""), "")
        return await self.whole(request, done)

    async def whole(
        self, request: Request, said: str = "", refusal: GatewayError | None = None
    ) -> Response:
        """The page for an operator; with what was done, or why it was not."""
        snapshot = await self._sampler.latest()
        html = render(
            "dashboard.html",
            panels=self._panels(snapshot),
            snapshot=snapshot,
            moment=moment,
            signed_in=self._asks_for_keys and self._gate.signed_in(request),
            said=sentence(str(refusal)) if refusal else said,
            said_bad=refusal is not None,
        )
        headers = {**PRIVATE, "x-request-id": request_id_of(request)}
        return HTMLResponse(html, refusal.status if refusal else 200, headers)

    def sign_in_form(self, refusal: GatewayError | None) -> Response:
        """The form, with what was wrong with the key before."""
        html = render(
            "dashboard.html",
            panels={},
            said=sentence(str(refusal)) if refusal else "",
            said_bad=refusal is not None,
        )
        return HTMLResponse(html, refusal.status if refusal else 401, PRIVATE)

    async def events(self, request: Request) -> Response:
        """The live panels. Raises ``Overloaded`` where too many follow them already."""
        await self._gate.admit(request)
        self._sampler.check_room()

        async def still_allowed() -> None:
            await self._gate.admit(request, cost=0.0)

        async def stream() -> AsyncIterator[bytes]:
            with self._sampler.viewer():
                async for piece in panel_events(
                    self._sampler, self._panels, still_allowed, lambda: self._holder.draining
                ):
                    yield piece

        # nginx, as an ingress, would keep the events back until its buffer is full.
        headers = {**PRIVATE, "x-accel-buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    async def chart(self, request: Request) -> Response:
        """One chart; ``?scheme=`` and ``?shape=`` choose how it looks. Raises ``NotFound``."""
        await self._gate.admit(request, cost=0.0)
        name = request.path_params["name"]
        if name not in get_args(ChartName):
            known = ", ".join(get_args(ChartName))
            raise NotFound(f"no chart {name[:64]!r}; there are: {known}")
        look = Look(
            "dark" if request.query_params.get("scheme") == "dark" else "light",
            "narrow" if request.query_params.get("shape") == "narrow" else "wide",
        )
        drawn = await self._charts.chart(
            await self._sampler.latest(), cast("ChartName", name), look
        )
        # Its address names the look, so what it shows does not change.
        headers = {"cache-control": "private, max-age=60", "content-security-policy": drawn.policy}
        return Response(drawn.svg, headers=headers, media_type="image/svg+xml")

    def _panels(self, snapshot: Snapshot) -> dict[str, str]:
        """Rendered once for all who look at this snapshot."""
        if self._rendered[0] != snapshot.number:
            rendered = render_panels(snapshot, can_move=self._can_move, words=self._words)
            self._rendered = snapshot.number, rendered
        return self._rendered[1]
