"""What is known of a model's revisions: the routing table's arms, the controller's, the predictors'."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import aiohttp
import orjson
from multidict import CIMultiDict

from trellis.contracts.control import RevisionState
from trellis.contracts.routing_table import Arm
from trellis.gateway.errors import GatewayError
from trellis.gateway.read_at_most import read_at_most
from trellis.gateway.upstream import Upstream

#: Seconds that a predictor gets to say what it serves, and that its word is believed.
ASK_SECONDS = 2.0
FRESH_SECONDS = 5.0
MOST_BYTES = 2**20


class Served(NamedTuple):
    """What an arm's predictor says of itself; ``loaded`` is None where it did not answer."""

    loaded: bool | None
    fingerprint: str | None
    metrics: dict[str, Any]


class Predictors:
    """Asks arms for V2 readiness and metadata; a few seconds old is new enough."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._known: dict[tuple[str, ...], tuple[float, Served]] = {}

    async def served(self, arm: Arm) -> Served:
        """What the arm serves. Never raises; asked only once it says it is ready, lest it load."""
        key = (arm.url, arm.host or "", arm.model, arm.revision)
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and now - known[0] < FRESH_SECONDS:
            return known[1]
        served = await self._ask(arm)
        self._known = {
            kept: entry for kept, entry in self._known.items() if now - entry[0] < FRESH_SECONDS
        }
        self._known[key] = (time.monotonic(), served)
        return served

    async def _ask(self, arm: Arm) -> Served:
        path = f"/v2/models/{arm.model}"
        try:
            async with asyncio.timeout(ASK_SECONDS):
                status, _ = await self._get(arm, f"{path}/ready")
                if status != 200:
                    return Served(False, None, {})
                _, metadata = await self._get(arm, path)
        except (GatewayError, TimeoutError, aiohttp.ClientError, OSError):
            return Served(None, None, {})
        fingerprint, metrics = metadata.get("fingerprint"), metadata.get("metrics")
        return Served(
            loaded=True,
            fingerprint=fingerprint if isinstance(fingerprint, str) else None,
            metrics=metrics if isinstance(metrics, dict) else {},
        )

    async def _get(self, arm: Arm, path: str) -> tuple[int, dict[str, Any]]:
        response = await self._upstream.send(arm, "GET", path, CIMultiDict(), wait=ASK_SECONDS)
        async with response:
            body = await read_at_most(response, MOST_BYTES)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        return response.status, document if isinstance(document, dict) else {}


def revision_rows(
    arms: Sequence[Arm], served: Sequence[Served], states: Sequence[RevisionState]
) -> list[dict[str, Any]]:
    """One row a revision, arms first; ``served`` belongs to ``arms``, ``states`` is the controller's.

    ``weight`` is the routing table's share of units; a revision out of the table has none.
    """
    by_name = {state.revision: state for state in states}
    rows: list[dict[str, Any]] = []
    for arm, told in zip(arms, served, strict=True):
        state = by_name.pop(arm.revision, None)
        rows.append(
            {
                "version": arm.version,
                "revision": arm.revision,
                "role": state.role if state else arm.role,
                "weight": arm.weight,
                "ready": state.ready if state else told.loaded,
                "reason": state.reason if state else "",
                "loaded": told.loaded,
                "fingerprint": told.fingerprint or arm.fingerprint or None,
                "metrics": told.metrics,
            }
        )
    rows += [
        {
            "version": state.version,
            "revision": state.revision,
            "role": state.role,
            "weight": 0.0,
            "ready": state.ready,
            "reason": state.reason,
            "loaded": None,
            "fingerprint": None,
            "metrics": {},
        }
        for state in by_name.values()
    ]
    return rows
