"""Who changed what and when: a line of the log, always, and an entry of the store where it can be."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.contracts.events import AuditEntry
from trellis.gateway.access.admission import Access
from trellis.gateway.access.callers import Caller
from trellis.gateway.asking import answer_json, ask_leave
from trellis.gateway.controller_client import Asker
from trellis.gateway.errors import DoesNotFit, EventsDown, GatewayError
from trellis.gateway.events.store import EventStore
from trellis.telemetry.logs import get_logger

MOST_LINES = 1000

Action = Literal["activate", "rollback", "experiment", "replay", "rollout"]


def asker_of(caller: Caller, request_id: str) -> Asker:
    """On whose behalf a change is made; a name from outside becomes one that a header may hold."""
    name = "".join(letter if "!" <= letter <= "~" else "?" for letter in caller.key_id or "open")
    return Asker(name[:128], request_id)


class Audit:
    """``store`` is None where no durable Redis is set: then only the log tells."""

    def __init__(self, store: EventStore | None, access: Access) -> None:
        self._store = store
        self._access = access

    def routes(self) -> list[Route]:
        """``/audit``."""
        return [Route("/audit", self.lines)]

    @asynccontextmanager
    async def of(
        self, asker: Asker, action: Action, model: str, subject: str, done: int = 200
    ) -> AsyncIterator[None]:
        """Around a change: tells what became of it, whatever does; ``done`` is its good status."""
        status, outcome = 500, "failed"
        try:
            yield
            status, outcome = done, "done"
        except GatewayError as error:
            status, outcome = error.status, str(error)
            raise
        finally:
            await self._tell(
                AuditEntry(
                    time=time.time(),
                    actor=asker.actor,
                    action=action,
                    model=model[:64],
                    subject=subject,
                    request_id=asker.request_id,
                    status=status,
                    outcome=outcome,
                )
            )

    async def lines(self, request: Request) -> Response:
        """The newest ``?limit=`` (100) entries of the caller's models, the newest first.

        Raises ``GatewayError``.
        """
        admitted = await ask_leave(self._access, request, "admin")
        if self._store is None:
            raise EventsDown("the audit is kept in the durable Redis, and none is set (redis_url)")
        given = request.query_params.get("limit", "100")
        if not re.fullmatch("[0-9]{1,4}", given) or not 1 <= int(given) <= MOST_LINES:
            raise DoesNotFit(f"'limit' is {given[:24]!r}, expected 1 to {MOST_LINES}")
        caller = admitted.caller
        entries = await self._store.audit(
            int(given),
            lambda entry: (
                caller.models is None or (entry.model is not None and caller.is_for(entry.model))
            ),
        )
        document = {"entries": [entry.model_dump(by_alias=True) for entry in entries]}
        return answer_json(request, document, admitted)

    async def _tell(self, entry: AuditEntry) -> None:
        get_logger().info("audit", **entry.model_dump(exclude={"time"}))
        if self._store is not None:
            try:
                await self._store.add_audit(entry)
            except EventsDown:
                get_logger().warning("audit entry is in the log only", request_id=entry.request_id)
