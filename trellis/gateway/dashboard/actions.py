"""What an operator does on the dashboard: forms that change something, or sign in and out.

Each route is a plain form's: it answers with a redirect back to the page, or with the page
saying why not.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from trellis.gateway.asking import request_id_of
from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.dashboard.forms import read_form
from trellis.gateway.dashboard.page import DashboardPage
from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.dashboard.session import LONGEST_KEY, Sessions
from trellis.gateway.dashboard.snapshot import Snapshot
from trellis.gateway.dashboard.visitor_gate import DashboardGate
from trellis.gateway.errors import (
    Forbidden,
    GatewayError,
    JobsDown,
    LimitExceeded,
    Unauthenticated,
)
from trellis.gateway.events.audit import Action, Audit, asker_of
from trellis.gateway.jobs.replaying import replay_job
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.models import Change


class DashboardActions:
    """The endpoints, all for the scope ``admin``."""

    def __init__(
        self,
        page: DashboardPage,
        sampler: Sampler[Snapshot],
        gate: DashboardGate,
        sessions: Sessions,
        controller: ControllerClient,
        jobs: JobStore | None,
        audit: Audit,
    ) -> None:
        self._page = page
        self._sampler = sampler
        self._gate = gate
        self._sessions = sessions
        self._controller = controller
        self._jobs = jobs
        self._audit = audit

    def routes(self) -> list[Route]:
        """All that a form on the dashboard is sent to."""
        version = "/dashboard/models/{model}/versions/{version}"
        return [
            Route("/dashboard/sign-in", self.sign_in, methods=["POST"]),
            Route("/dashboard/sign-out", self.sign_out, methods=["POST"]),
            Route(f"{version}/activate", self.activate, methods=["POST"]),
            Route(f"{version}/rollback", self.rollback, methods=["POST"]),
            Route("/dashboard/jobs/{job}/replay", self.replay, methods=["POST"]),
        ]

    async def sign_in(self, request: Request) -> Response:
        """Begin a session with an admin key, or an OIDC token."""
        key = (await read_form(request)).get("key", "").strip()
        try:
            if len(key.encode()) > LONGEST_KEY:
                raise Forbidden(
                    f"a session's cookie holds a key or token of up to {LONGEST_KEY} bytes, {len(key.encode())} came; send it as a header instead"
                )
            await self._gate.admit_key(request, key)
        except (Unauthenticated, Forbidden, LimitExceeded) as error:
            return self._page.sign_in_form(error)
        response = _back()
        secure = request.url.scheme == "https"
        response.headers.append("set-cookie", self._sessions.set_cookie(key, secure=secure))
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        response = _back()
        secure = request.url.scheme == "https"
        response.headers.append("set-cookie", self._sessions.clear_cookie(secure=secure))
        return response

    async def activate(self, request: Request) -> Response:
        """All traffic to a version."""
        return await self._move(request, "activate", self._controller.activate)

    async def rollback(self, request: Request) -> Response:
        """No traffic to a version."""
        return await self._move(request, "rollback", self._controller.rollback)

    async def replay(self, request: Request) -> Response:
        """Queue a dead job again."""
        caller = await self._gate.admit(request)
        asker = asker_of(caller, request_id_of(request))
        try:
            if self._jobs is None:
                raise JobsDown("jobs are kept in the durable Redis, and none is set (redis_url)")
            known = await self._jobs.get(request.path_params["job"])
            if known is not None:
                caller.check("admin", known.model)
            await replay_job(self._jobs, self._audit, asker, request.path_params["job"], 200)
        except GatewayError as error:
            return await self._page.whole(request, caller, refusal=error)
        return await self._done("replay")

    async def _move(self, request: Request, action: Action, change: Change) -> Response:
        model, version = request.path_params["model"], request.path_params["version"]
        caller = await self._gate.admit(request, model)
        asker = asker_of(caller, request_id_of(request))
        try:
            async with self._audit.of(asker, action, model, f"{model[:64]}/{version[:64]}"):
                await change(model, version, asker)
        except GatewayError as error:
            return await self._page.whole(request, caller, refusal=error)
        return await self._done(action)

    async def _done(self, action: str) -> Response:
        """Back to the page, with a look taken after the action."""
        await self._sampler.fresh()
        return _back(f"?done={action}")


def _back(query: str = "") -> Response:
    # 303: whatever the form was sent by, the page is fetched by GET.
    return RedirectResponse(f"/dashboard{query}", 303)
