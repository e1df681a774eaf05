"""What a person asks of a rollout by the buttons of its page."""

import re
from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from trellis.contracts.rollout_status import Command
from trellis.gateway.asking import request_id_of
from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.dashboard.forms import read_form
from trellis.gateway.dashboard.trials.offers import Do
from trellis.gateway.dashboard.trials.page import HERE, TrialPages
from trellis.gateway.dashboard.trials.subjects import Subjects
from trellis.gateway.dashboard.visitor_gate import DashboardGate
from trellis.gateway.errors import BadRequest, GatewayError, NotFound
from trellis.gateway.events.audit import Audit, asker_of

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class TrialActions:
    """A plain form's endpoint, for the scope ``admin``: back to the page, or the page saying why not."""

    def __init__(
        self,
        pages: TrialPages,
        subjects: Subjects,
        gate: DashboardGate,
        controller: ControllerClient,
        audit: Audit,
    ) -> None:
        self._pages = pages
        self._subjects = subjects
        self._gate = gate
        self._controller = controller
        self._audit = audit

    def routes(self) -> list[Route]:
        """All that a form is sent to."""
        return [Route(HERE + "/{name}/{do}", self.ask, methods=["POST"])]

    async def ask(self, request: Request) -> Response:
        """Ask something of a rollout of the caller's models."""
        caller = await self._gate.admit(request)
        name: str = request.path_params["name"]
        asker = asker_of(caller, request_id_of(request))
        try:
            command = await _command(request)
            view = (await self._subjects.rollout(name, caller)).view
            subject = f"{name[:64]} {command.do}"
            model = view.spec.inference_service
            async with self._audit.of(asker, "rollout", model, subject, done=202):
                await self._controller.command(name, command, asker)
        except GatewayError as error:
            return await self._pages.refused(request, caller, error)
        await self._subjects.rollouts.of(name).fresh()
        # 303: the page is fetched by GET.
        return RedirectResponse(f"{HERE}/{name}?asked={command.do}", 303)


async def _command(request: Request) -> Command:
    """Raises ``NotFound`` and ``BadRequest``."""
    do = request.path_params["do"]
    if do not in get_args(Do):
        raise NotFound(f"nobody can {do[:64]!r} a rollout; there are: {', '.join(get_args(Do))}")
    form = await read_form(request)
    command_id = form.get("id", "")
    if not _ID.fullmatch(command_id):
        raise BadRequest("the form has no 'id' of letters, digits and '-'; reload the page")
    return Command(id=command_id, do=cast("Do", do), version=form.get("version", "")[:128])
