"""A circuit breaker: a helper that is slow or gone is asked no more until a probe reaches it.

Whoever meets the failure trips it and pays once. While it is open nobody waits; a task in the
background probes with growing pauses, so no caller's request is the probe.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import GatewayMetrics

#: Seconds between two probes: doubled from the first to the second.
PAUSES = (0.05, 2.0)
#: Seconds that a probe may take; more than a request would wait, for it may have to connect.
PROBE_SECONDS = 1.0


class Breaker:
    """Closed while ``name`` is well. ``probe`` raises while it is not; ``run`` must run beside.

    With ``reached`` False it begins open and is probed at once, so that no caller waits for the
    first connection. ``trellis_circuit_open{circuit}`` is 1 while it is open.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], Awaitable[object]],
        metrics: GatewayMetrics,
        *,
        reached: bool = True,
        pauses: tuple[float, float] = PAUSES,
    ) -> None:
        self._name = name
        self._probe = probe
        self._pauses = pauses
        self._gauge = metrics.circuit_open.labels(name)
        self._tripped = asyncio.Event()
        self._first_pause = pauses[0]
        if not reached:
            self._first_pause = 0.0
            self._tripped.set()
        self._gauge.set(not reached)

    @property
    def closed(self) -> bool:
        """Whether it may be asked."""
        return not self._tripped.is_set()

    def trip(self, problem: str) -> None:
        """Open the circuit; ``problem`` is for the log. Does nothing where it is open."""
        if self.closed:
            self._tripped.set()
            self._gauge.set(1)
            get_logger().warning("circuit opened", name=self._name, problem=problem)

    async def run(self) -> None:
        """Close the circuit again as soon as a probe succeeds, until cancelled."""
        while True:
            await self._tripped.wait()
            await self._until_well()
            self._first_pause = self._pauses[0]
            self._tripped.clear()
            self._gauge.set(0)
            get_logger().info("circuit closed", name=self._name)

    async def _until_well(self) -> None:
        pause = self._first_pause
        told = False
        while True:
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await self._probe()
            except Exception as error:  # noqa: BLE001 - whatever ails it, it is not well yet
                if not told:
                    get_logger().warning("probe failed", name=self._name, problem=repr(error)[:300])
                told = True
                pause = min(max(2 * pause, self._pauses[0]), self._pauses[1])
            else:
                return
