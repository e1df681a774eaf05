"""What is thought of all arms, kept over changes of the table; metered, logged and probed.

A probe is the protocol's readiness, asked when an arm's time out is up. So a predictor that
hangs is found out by us and by no caller.
"""

import asyncio
import time
from collections.abc import Collection
from weakref import WeakSet, WeakValueDictionary

import aiohttp
from multidict import CIMultiDict

from trellis.contracts.routing_table import Arm
from trellis.gateway.ejection import ArmHealth, Rules
from trellis.gateway.errors import GatewayError
from trellis.gateway.upstream import Upstream
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import GatewayMetrics

#: Seconds that a probe waits for an answer.
PROBE_SECONDS = 5.0


class Healths:
    """The healths of the arms in use: an arm that no table has any more is forgotten."""

    def __init__(self, metrics: GatewayMetrics, rules: Rules) -> None:
        self._metrics = metrics
        self._rules = rules
        self._arms: WeakValueDictionary[tuple[object, ...], ArmHealth] = WeakValueDictionary()
        self._ejected = asyncio.Event()
        self._told: set[tuple[str, str, str]] = set()
        self._gone: WeakSet[ArmHealth] = WeakSet()

    def of(self, model: str, arm: Arm) -> ArmHealth:
        """The health of one arm of ``model``, the name that clients ask for."""
        key = (model, arm.revision, arm.url, arm.grpc_address, arm.host, arm.model)
        health = self._arms.get(key)
        if health is None:
            health = self._arms[key] = ArmHealth(model, arm, self._rules, self._changed)
        return health

    def in_use(self, healths: Collection[ArmHealth]) -> None:
        """A new table has these, and no others: what was told of others is told no more."""
        self._gone = WeakSet(health for health in self._arms.values() if health not in healths)
        known = {_who(health) for health in healths}
        out = {_who(health) for health in healths if health.state != "in"}
        for who in self._told - known:
            self._metrics.ejected.remove(*who)
        # Of an arm that moved to another address while it was out, the gauge falls.
        self._told = self._told & known | out
        for who in self._told:
            self._metrics.ejected.labels(*who).set(who in out)

    async def probe(self, upstream: Upstream) -> None:
        """Probe arms that are out as their time comes, until cancelled."""
        while True:
            self._ejected.clear()
            now = time.monotonic()
            out = [health for health in self._arms.values() if health.state == "out"]
            due = [health for health in out if health.due <= now]
            if due:
                await asyncio.gather(*(self._probe_one(upstream, health) for health in due))
                continue
            soonest = min((health.due for health in out), default=None)
            del out, due
            try:
                async with asyncio.timeout(None if soonest is None else soonest - now):
                    await self._ejected.wait()
            except TimeoutError:
                pass

    async def _probe_one(self, upstream: Upstream, health: ArmHealth) -> None:
        era = health.era
        ready = False
        path = f"/v2/models/{health.arm.model}/ready"
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                response = await upstream.send(health.arm, "GET", path, CIMultiDict(), wait=0)
                ready = response.status == 200
                response.release()
        except (GatewayError, aiohttp.ClientError, ConnectionError, TimeoutError):
            pass
        health.probed(era, time.monotonic(), ready=ready)

    def _changed(self, health: ArmHealth) -> None:
        if health in self._gone:
            return
        who = _who(health)
        out = health.state == "out"
        self._told.add(who)
        self._metrics.ejected.labels(*who).set(health.state != "in")
        if out:
            self._metrics.ejections.labels(*who).inc()
            self._ejected.set()
        get_logger().warning(
            "arm ejected" if out else "arm on trial" if health.state == "trial" else "arm is back",
            model=health.model,
            version=health.arm.version,
            revision=health.arm.revision,
            **({"seconds": round(health.due - time.monotonic(), 1)} if out else {}),
        )


def _who(health: ArmHealth) -> tuple[str, str, str]:
    return health.model, health.arm.version, health.arm.revision
