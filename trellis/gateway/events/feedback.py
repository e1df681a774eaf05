"""``POST /feedback``: what came of a request, joined to the version that served it."""

import asyncio
import math
import re
import time
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trellis.contracts.events import OutcomeKind
from trellis.gateway.access.admission import Access
from trellis.gateway.access.callers import Caller
from trellis.gateway.asking import answer_json, ask_leave, parse_json, read_json
from trellis.gateway.attempt import LONGEST_LABEL
from trellis.gateway.errors import Conflict, DoesNotFit, EventsDown, GatewayError, NotFound
from trellis.gateway.events.exposure_log import GATHER_SECONDS, ExposureLog
from trellis.gateway.events.store import EventStore, Recorded, Said
from trellis.telemetry.metrics import GatewayMetrics

#: Of one request: outcomes, bytes, seconds that its body may take.
MOST_OUTCOMES = 500
MOST_BYTES = 2**20
BODY_SECONDS = 30.0
#: Another gateway may hold the exposure still: seconds between looks for it, one for each.
LOOK_AGAIN_SECONDS = (2 * GATHER_SECONDS, 4 * GATHER_SECONDS)

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_KINDS: tuple[OutcomeKind, ...] = ("label", "score", "conversion")
#: So that sums of scores stay numbers.
_MOST_SCORE = 1e12


def read_outcome(item: Any, now: float) -> Said:
    """One outcome from its JSON, taken at ``now``. Raises ``DoesNotFit``.

    ``request_id`` and exactly one of ``label`` (a string), ``score`` (a number) and ``conversion``
    (true or false).
    """
    if not isinstance(item, dict):
        raise DoesNotFit(
            'an outcome is an object, such as {"request_id": "...", "conversion": true}'
        )
    unknown = sorted(item.keys() - {"request_id", *_KINDS})
    if unknown:
        raise DoesNotFit(
            f"unknown field {unknown[0][:64]!r}; expected request_id and one of {', '.join(_KINDS)}"
        )
    request_id = item.get("request_id")
    if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
        came = "is missing" if request_id is None else "is none"
        raise DoesNotFit(
            f"field 'request_id' {came}; expected 1 to 128 visible ASCII characters, as an answer's x-request-id has them"
        )
    given = [kind for kind in _KINDS if kind in item]
    if len(given) != 1:
        came = f"{' and '.join(given)} came" if given else "none came"
        raise DoesNotFit(f"expected exactly one of {', '.join(_KINDS)}; {came}")
    return Said(request_id, given[0], _value(given[0], item[given[0]]), now)


def _value(kind: OutcomeKind, value: Any) -> bytes:
    """The value as JSON, the same for what means the same."""
    match kind:
        case "label":
            if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_LABEL:
                raise DoesNotFit(
                    f"field 'label' is no such text; expected a string of 1 to {LONGEST_LABEL} characters"
                )
            return orjson.dumps(value)
        case "score":
            fits = isinstance(value, int | float) and not isinstance(value, bool)
            if not fits or not math.isfinite(value) or abs(value) > _MOST_SCORE:
                raise DoesNotFit(
                    f"field 'score' is no such number; expected one from -{_MOST_SCORE:g} to {_MOST_SCORE:g}"
                )
            return orjson.dumps(float(value) + 0.0)
        case _:
            if not isinstance(value, bool):
                raise DoesNotFit("field 'conversion' is no truth; expected true or false")
            return orjson.dumps(value)


class Feedback:
    """The endpoint; ``store`` is None where no durable Redis is set."""

    def __init__(
        self, store: EventStore | None, log: ExposureLog, access: Access, metrics: GatewayMetrics
    ) -> None:
        self._store = store
        self._log = log
        self._access = access
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """``/feedback``."""
        return [Route("/feedback", self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        """One outcome, or a list of them: then 200 with a status for each, in their order.

        The same outcome again is answered as the first time. Raises ``GatewayError``.
        """
        admitted = await ask_leave(self._access, request, "feedback")
        document = parse_json(await read_json(request, MOST_BYTES, BODY_SECONDS))
        if not isinstance(document, list):
            (result,) = await self._take([document], admitted.caller)
            if isinstance(result, GatewayError):
                raise result
            return answer_json(request, result, admitted)
        if not 1 <= len(document) <= MOST_OUTCOMES:
            raise DoesNotFit(
                f"the list has {len(document)} outcomes, expected 1 to {MOST_OUTCOMES}"
            )
        results = [
            {"status": result.status, "error": str(result)}
            if isinstance(result, GatewayError)
            else {"status": 200, **result}
            for result in await self._take(document, admitted.caller)
        ]
        return answer_json(request, {"results": results}, admitted)

    async def _take(
        self, items: Sequence[Any], caller: Caller
    ) -> list[dict[str, Any] | GatewayError]:
        """What became of each item. Raises ``EventsDown``: then any of them may be sent again."""
        if self._store is None:
            raise EventsDown("feedback is kept in the durable Redis, and none is set (redis_url)")
        now = time.time()
        results: list[dict[str, Any] | GatewayError | None] = [None] * len(items)
        said: dict[int, Said] = {}
        for place, item in enumerate(items):
            try:
                said[place] = read_outcome(item, now)
            except DoesNotFit as error:
                results[place] = error
        models = await self._models(self._store, {one.request_id for one in said.values()})
        for place, one in list(said.items()):
            model = models.get(one.request_id)
            try:
                if model is None:
                    raise self._unknown(one)
                caller.check("feedback", model)
            except GatewayError as error:
                results[place] = error
                del said[place]
        recorded = await self._store.record(list(said.values())) if said else []
        for (place, one), stored in zip(said.items(), recorded, strict=True):
            results[place] = self._told(one, stored)
        return [result for result in results if result is not None]

    async def _models(self, store: EventStore, request_ids: set[str]) -> dict[str, str]:
        """The models of the requests that are known, once every gateway had time to tell."""
        known: dict[str, str] = {}
        for seconds in (0.0, *LOOK_AGAIN_SECONDS):
            missing = sorted(request_ids - known.keys())
            if not missing:
                break
            if seconds:
                await asyncio.sleep(seconds)
            elif self._log.held:
                await self._log.flush()
            models = await store.models_of(missing)
            known |= {name: model for name, model in zip(missing, models, strict=True) if model}
        return known

    def _told(self, one: Said, stored: Recorded) -> dict[str, Any] | GatewayError:
        match stored.status:
            case 200:
                result = "recorded" if stored.new else "repeated"
                self._metrics.outcomes.labels(one.kind, result).inc()
                value = orjson.Fragment(one.value)
                return {"request_id": one.request_id, one.kind: value, "time": stored.time}
            case 409:
                self._metrics.outcomes.labels(one.kind, "conflict").inc()
                return Conflict(
                    f"request {one.request_id!r} has another {one.kind} already; what was said once stays"
                )
            case 404:
                return self._unknown(one)
            case _:
                return EventsDown(
                    "the store of outcomes is full until some are read or too old; try again later"
                )

    def _unknown(self, one: Said) -> NotFound:
        self._metrics.outcomes.labels(one.kind, "unknown").inc()
        return NotFound(
            f"no request {one.request_id!r} is known: it never came, is too old, or its model records none"
        )
