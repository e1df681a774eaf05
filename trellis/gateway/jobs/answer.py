"""``/jobs``: how a job stands, its answer, its end before its time.

A job belongs to the key that submitted it; to other keys, unless they have scope ``admin``, it
does not exist.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.gateway.access.callers import Admitted
from trellis.gateway.asking import answer_json, ask_leave, request_id_of
from trellis.gateway.attempt import CLIENT_GONE
from trellis.gateway.body import Body, ClientGone
from trellis.gateway.caller import WhileCallerWaits
from trellis.gateway.errors import DeadlineExceeded, Forbidden, JobsDown, NotFound
from trellis.gateway.jobs.document import EMBEDDED_BYTES, job_document
from trellis.gateway.jobs.preferences import wait_seconds
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.jobs.submit import NO_JOBS
from trellis.gateway.jobs.types import JobRecord
from trellis.gateway.parts import Parts
from trellis.gateway.security_headers import NAMES

#: Seconds that ``Prefer: wait=N`` may ask for: under the 60 s after which proxies give up.
LONGEST_WAIT = 50
#: Bytes of a body that these routes, which need none, still read.
BODY_BYTES = 2**16
#: What the answer to this request has of its own, and what was for another's browser.
_NOT_REPEATED = NAMES | {b"content-length", b"cache-control", b"set-cookie"}


class JobRoutes:
    """The endpoints; each takes a Starlette request and may raise ``GatewayError``."""

    def __init__(self, parts: Parts) -> None:
        self._jobs = parts.jobs
        self._access = parts.access
        self._polls = parts.polls

    def routes(self) -> list[Route]:
        """What is under ``/jobs/{id}``."""
        return [
            Route("/jobs/{id}/result", self.result),
            Route("/jobs/{id}", self.job),
            Route("/jobs/{id}", self.cancel, methods=["DELETE"]),
        ]

    async def job(self, request: Request) -> Response:
        """The job's document; with ``Prefer: wait=N`` once it is final, or after N seconds."""
        return await self._tell(request, partial(_told, request), EMBEDDED_BYTES)

    async def result(self, request: Request) -> Response:
        """The very answer: its status, its headers, its body; the document with 202 until then."""
        return await self._tell(request, partial(_repeated, request), math.inf)

    async def cancel(self, request: Request) -> Response:
        """End the job where it is not final; in either case, how it stands."""
        admitted = await self._admit(request)
        known = await self._own(await self._store.get(_id(request)), request, admitted)
        cancelled = await self._store.cancel(known.id)
        return _told(request, await self._own(cancelled, request, admitted), admitted)

    async def _tell(
        self, request: Request, told: Callable[[JobRecord, Admitted], Response], most: float
    ) -> Response:
        admitted = await self._admit(request)
        try:
            found = await self._awaited(request, admitted)
            if len(found.body) < found.length <= most:
                found = await self._own(await self._store.get(found.id, most), request, admitted)
            return told(found, admitted)
        except ClientGone:
            return Response(status_code=CLIENT_GONE)

    async def _awaited(self, request: Request, admitted: Admitted) -> JobRecord:
        """The job, after as long a wait as the caller would take. Raises ``ClientGone``."""
        found = await self._own(await self._store.get(_id(request)), request, admitted)
        seconds = wait_seconds(request.scope["headers"], LONGEST_WAIT)
        if found.final or not seconds or not self._polls.welcome:
            return found
        body = Body(request.receive, BODY_BYTES)
        with contextlib.suppress(TimeoutError), WhileCallerWaits(body):
            async with asyncio.timeout(seconds) as waiting:
                with self._polls.joined(waiting):
                    await body.begin(None)
                    return await self._own(
                        await self._store.wait(found.id, seconds), request, admitted
                    )
        return await self._own(await self._store.get(found.id), request, admitted)

    async def _own(
        self, found: JobRecord | None, request: Request, admitted: Admitted
    ) -> JobRecord:
        """The job where it is the caller's to see. Raises ``NotFound`` naming it."""
        caller = admitted.caller
        if found is not None and (found.caller == caller.key_id or "admin" in caller.scopes):
            return found
        asked = _id(request)[:64]
        if found is None and await self._store.lost(_id(request)):
            raise NotFound(f"job {asked!r} is gone: the store of jobs has lost everything it held")
        raise NotFound(f"no job {asked!r}; it never was, or its time is over")

    async def _admit(self, request: Request) -> Admitted:
        try:
            return await ask_leave(self._access, request, "infer")
        except Forbidden as refused:
            try:
                return await ask_leave(self._access, request, "admin")
            except Forbidden:
                raise refused from None

    @property
    def _store(self) -> JobStore:
        if self._jobs is None:
            raise JobsDown(NO_JOBS)
        return self._jobs


def _id(request: Request) -> str:
    asked: str = request.path_params["id"]
    return asked


def _told(request: Request, job: JobRecord, admitted: Admitted, status: int = 200) -> Response:
    """The document; when to come again where it is not the last word."""
    headers = {"cache-control": "no-store"}
    if not job.final:
        headers["retry-after"] = "1"
    if seconds := wait_seconds(request.scope["headers"], LONGEST_WAIT):
        headers["preference-applied"] = f"wait={seconds}"
    return answer_json(request, job_document(job), admitted, status, headers)


def _repeated(request: Request, job: JobRecord, admitted: Admitted) -> Response:
    """The answer with the id of the job's own request, which feedback is joined by."""
    if not job.final:
        return _told(request, job, admitted, 202)
    if job.state == "cancelled":
        raise NotFound(f"job {job.id!r} was cancelled, so it has no result")
    if job.status is None:
        raise DeadlineExceeded(job.error or f"job {job.id!r} ended without an answer")
    answer = Response(job.body, job.status)
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in job.headers]
    answer.raw_headers.extend(pair for pair in raw if pair[0] not in _NOT_REPEATED)
    answer.raw_headers.extend(admitted.headers)
    answer.headers.setdefault("x-request-id", request_id_of(request))
    answer.headers["cache-control"] = "no-store"
    return answer
