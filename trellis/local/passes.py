"""The controller's own passes over a local run, and the reader of what its gateway saw."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import CollectorRegistry

from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.local.arms import Arms
from trellis.local.events import Events
from trellis.local.experiment_ports import ExperimentPlace
from trellis.local.fleet import Fleet
from trellis.local.rollout_ports import NAMESPACE, Gateways, Processes, Voice, Weights, World
from trellis.local.settings import UpSettings
from trellis.rollout.cluster.facts import Key
from trellis.rollout.errors import Conflict
from trellis.rollout.events.following import open_redis, read_events, sweep_events
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import FoldStore
from trellis.rollout.events.trial import TrialEvents, counted_for
from trellis.rollout.experiments.counting import UnitCounts
from trellis.rollout.experiments.memory import counted_as
from trellis.rollout.experiments.reconcile import ExperimentReconciler
from trellis.rollout.notifications.notifier import Notifier, open_notifier
from trellis.rollout.reconcile import Reconciler
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ControllerMetrics

#: What the gateway's keys begin with.
PREFIX = "trellis"
#: Seconds between two looks at what is under way.
LOOK_SECONDS = 1.0
_CONFLICTS = 5

Pass = Callable[[Key], Awaitable[float | None]]


class Passes:
    """Over the Rollouts and Experiments of a run, one after another, and the reader of their events."""

    def __init__(self, fleet: Fleet, arms: Arms, events: Events, settings: UpSettings) -> None:
        self._fleet, self._arms, self._events, self._settings = fleet, arms, events, settings
        self._experiments: ExperimentReconciler | None = None
        self._failing: set[str] = set()

    def newest(self, experiment: str) -> ExperimentResourceStatus | None:
        """An experiment's status, which may not be written yet; None before its first pass."""
        if self._experiments is None:
            return None
        return self._experiments.status((NAMESPACE, experiment))

    async def run(self, redis_url: str) -> None:
        """Until cancelled."""
        metrics = ControllerMetrics(CollectorRegistry())
        urls, secret = self._settings.notification_urls, self._settings.notification_secret
        async with (
            open_redis(redis_url) as redis,
            open_notifier(urls, secret, metrics) as notifier,
        ):
            store = FoldStore(redis, PREFIX)
            async with asyncio.TaskGroup() as group:
                # One run on a state folder at a time, and the next goes on with what it left.
                group.create_task(read_events(EventReader(redis, store, socket.gethostname())))
                group.create_task(self._rollouts(store, notifier, metrics))
                group.create_task(self._trials(store, notifier, metrics))
                group.create_task(sweep_events(store, _is_local, lambda: set(self._in_use())))

    async def _rollouts(
        self, store: FoldStore, notifier: Notifier, metrics: ControllerMetrics
    ) -> None:
        trials = TrialEvents(store)
        world = World(self._fleet)
        processes = Processes(self._fleet)
        reconciler = Reconciler(
            world,
            Voice(self._fleet, world, self._events),
            Weights(self._fleet, trials),
            lambda _namespace: processes,
            Gateways(),
            notifier,
            metrics,
            LOOK_SECONDS,
            trials=trials,
        )
        while True:
            for name, spec in list(self._fleet.rollouts.specs.items()):
                # At a start nothing is ready yet: that says nothing of a version that was.
                if spec.inference_service not in self._fleet.waiting_for:
                    await self._once(reconciler.reconcile, "rollout", name)
            await asyncio.sleep(LOOK_SECONDS)

    async def _trials(
        self, store: FoldStore, notifier: Notifier, metrics: ControllerMetrics
    ) -> None:
        place = ExperimentPlace(self._fleet, self._arms, self._events)
        reconciler = ExperimentReconciler(
            place, place, place, UnitCounts(store), notifier, metrics, LOOK_SECONDS
        )
        self._experiments = reconciler
        known: set[str] = set()
        while True:
            names = list(self._fleet.experiments.specs)
            await self._once(lambda _: self._arms.hold(), "experiments'", "arms")
            for name in (*names, *sorted(known.difference(names))):
                await self._once(reconciler.reconcile, "experiment", name)
            known = set(names)
            await asyncio.sleep(LOOK_SECONDS)

    def _in_use(self) -> Iterator[str]:
        for name, status in self._fleet.rollouts.statuses.items():
            if trial := counted_for(NAMESPACE, name, status):
                yield trial
        for record in self._fleet.experiments.records.values():
            if identity := counted_as(record.status):
                yield identity

    async def _once(self, one_pass: Pass, kind: str, name: str) -> None:
        """One pass, again where something changed in the middle of it; none ends the run, nor holds up
        the others.
        """
        told = f"{kind} {name}"
        try:
            for _ in range(_CONFLICTS):
                with contextlib.suppress(Conflict):
                    await one_pass((NAMESPACE, name))
                    break
        except Exception as error:  # noqa: BLE001 - see above
            if told not in self._failing:
                get_logger().exception("a pass failed", of=told)
                self._events.add(f"{told}: {error}; tried again", "error")
            self._failing.add(told)
        else:
            self._failing.discard(told)


def _is_local(watch: str) -> bool:
    return watch.split("/")[1:2] == [NAMESPACE]
