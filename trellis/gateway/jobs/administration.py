"""For admins: which jobs there are, and dead ones queued again."""

import re
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.gateway.asking import answer_json, ask_leave, request_id_of
from trellis.gateway.errors import DoesNotFit, JobsDown
from trellis.gateway.events.audit import Audit, asker_of
from trellis.gateway.jobs.document import job_document
from trellis.gateway.jobs.replaying import replay_job
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.jobs.submit import NO_JOBS
from trellis.gateway.jobs.types import JobState
from trellis.gateway.parts import Parts

#: Jobs that are listed where no ``limit`` is asked for, and at most.
LISTED = 100
MOST_LISTED = 500


class JobAdministration:
    """The endpoints; each takes a Starlette request, wants scope ``admin``, may raise ``GatewayError``."""

    def __init__(self, parts: Parts) -> None:
        self._jobs = parts.jobs
        self._access = parts.access
        self._audit = Audit(parts.events, parts.access)

    def routes(self) -> list[Route]:
        """Before those of ``/jobs/{id}``, which would take ``:replay`` for a part of an id."""
        return [
            Route("/jobs", self.listed),
            Route("/jobs/{id}:replay", self.replay, methods=["POST"]),
        ]

    async def listed(self, request: Request) -> Response:
        """The newest jobs, without their results; ``?state=`` those in one, ``?limit=`` so many."""
        admitted = await ask_leave(self._access, request, "admin")
        found = await self._store.listed(_state(request), _limit(request))
        own = [job_document(job) for job in found if admitted.caller.is_for(job.model)]
        return answer_json(request, {"jobs": own}, admitted)

    async def replay(self, request: Request) -> Response:
        """Queue a dead job again: 202; also where that has been done."""
        admitted = await ask_leave(self._access, request, "admin")
        known = await self._store.get(request.path_params["id"])
        if known is not None:
            admitted.caller.check("admin", known.model)
        asker = asker_of(admitted.caller, request_id_of(request))
        job = await replay_job(self._store, self._audit, asker, request.path_params["id"], 202)
        return answer_json(request, job_document(job), admitted, 202)

    @property
    def _store(self) -> JobStore:
        if self._jobs is None:
            raise JobsDown(NO_JOBS)
        return self._jobs


def _state(request: Request) -> JobState | None:
    asked = request.query_params.get("state")
    known = {state: state for state in get_args(JobState)}
    if asked is not None and asked not in known:
        raise DoesNotFit(f"state is {asked[:24]!r}, expected one of {', '.join(known)}")
    return None if asked is None else known[asked]


def _limit(request: Request) -> int:
    asked = request.query_params.get("limit", str(LISTED))
    if not re.fullmatch("[0-9]{1,4}", asked) or not 1 <= int(asked) <= MOST_LISTED:
        raise DoesNotFit(f"limit is {asked[:24]!r}, expected 1 to {MOST_LISTED}")
    return int(asked)
