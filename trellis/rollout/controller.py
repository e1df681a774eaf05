"""Runs the passes: whatever changes brings one about, and so does time. Thin: a pass is in ``reconcile``."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from trellis.rollout.cluster.facts import Key
from trellis.rollout.errors import ApiRefused, ApiUnreachable, Conflict
from trellis.rollout.queue import PassQueue
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ControllerMetrics

#: Passes at once. Each waits for pods and the API server most of its time.
AT_ONCE = 32
#: Seconds until a pass that met a change is done again: its event comes first.
CONFLICT_PAUSE = 0.2
#: So many in a row are no change that was met but one that does not go away.
CONFLICTS_IN_A_ROW = 3
#: Seconds after failures: the first, and the longest; after so many doublings it is that.
FIRST_PAUSE, LONGEST_PAUSE, DOUBLINGS = 1.0, 30.0, 10


class Passes(Protocol):
    """Does a pass."""

    async def reconcile(self, key: Key) -> float | None:
        """See ``reconcile.Reconciler.reconcile``."""
        ...


class Controller:
    """Every object of a kind, as ``rollout``, in the cluster."""

    def __init__(
        self, reconciler: Passes, metrics: ControllerMetrics, kind: str = "rollout"
    ) -> None:
        self._reconciler, self._metrics, self._kind = reconciler, metrics, kind
        self._queue: PassQueue[Key] = PassQueue()
        self._failures: dict[Key, int] = {}
        self._conflicts: dict[Key, int] = {}

    def due(self, key: Key) -> None:
        """An object, or what it is about, has changed."""
        self._queue.add(key)

    async def run(
        self, listed: Callable[[], Awaitable[None]], known: Callable[[], Iterable[Key]]
    ) -> None:
        """Do passes until cancelled, of all that is ``known`` first. None is done before everything was
        ``listed``: a revision that is not known yet is not one that is gone.
        """
        await listed()
        keys = list(known())
        for key in keys:
            self._queue.add(key)
        get_logger().info(f"{self._kind}s are followed", number=len(keys))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            began = time.perf_counter()
            try:
                after = await self.once(key)
            finally:
                self._queue.done(key)
                self._metrics.pass_duration.observe(time.perf_counter() - began)
            if after is None:
                self._queue.forget(key)
            else:
                # Spread, for all are listed at one moment.
                self._queue.add(key, after * random.uniform(0.9, 1))

    async def once(self, key: Key) -> float | None:
        """One pass, whatever becomes of it; seconds until the next, None where there is none."""
        try:
            after = await self._reconciler.reconcile(key)
        except Conflict as error:
            return self._met(key, str(error))
        except ApiUnreachable as error:
            return self._failed(key, "unreachable", str(error))
        except ApiRefused as error:
            return self._failed(key, "refused", str(error))
        except Exception as error:  # noqa: BLE001 - one that cannot be handled must not hold up the others
            get_logger().exception("a pass failed", **{self._kind: "/".join(key)})
            return self._failed(key, "failed", f"{type(error).__name__}: {error}")
        self._metrics.passes.labels("done").inc()
        self._conflicts.pop(key, None)
        if self._failures.pop(key, 0):
            get_logger().info("passes succeed again", **{self._kind: "/".join(key)})
        return after

    def _met(self, key: Key, why: str) -> float:
        conflicts = self._conflicts.get(key, 0) + 1
        self._conflicts[key] = conflicts
        if conflicts >= CONFLICTS_IN_A_ROW:
            return self._failed(key, "conflict", why)
        self._metrics.passes.labels("conflict").inc()
        return CONFLICT_PAUSE

    def _failed(self, key: Key, outcome: str, why: str) -> float:
        self._metrics.passes.labels(outcome).inc()
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if not failures:
            get_logger().warning("a pass did not succeed", **{self._kind: "/".join(key)}, why=why)
        return min(FIRST_PAUSE * 2.0 ** min(failures, DOUBLINGS), LONGEST_PAUSE)
