"""The controller's own passes over a local run, and the reader of what its gateway saw."""

import asyncio
import socket
import time

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from trellis.local.events import Events
from trellis.local.fleet import Fleet
from trellis.local.rollout_ports import NAMESPACE, Gateways, Processes, Voice, Weights, World
from trellis.local.settings import UpSettings
from trellis.rollout.cluster.facts import Key
from trellis.rollout.errors import Conflict
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import EventsDown, FoldStore
from trellis.rollout.events.trial import TrialEvents
from trellis.rollout.notifications.notifier import Notifier, open_notifier
from trellis.rollout.reconcile import Reconciler
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ControllerMetrics

#: What the gateway's keys begin with.
PREFIX = "trellis"
#: Seconds between two looks at a rollout under way, between two reads of events where there are none,
#: and after a failure.
LOOK_SECONDS, READ_SECONDS, FAILURE_SECONDS = 1.0, 0.2, 5.0
_CONFLICTS = 5


class Rollouts:
    """Passes over the Rollouts of a run, one after another, and the reader of their events."""

    def __init__(self, fleet: Fleet, events: Events, settings: UpSettings) -> None:
        self._fleet, self._events, self._settings = fleet, events, settings

    async def run(self, redis_url: str) -> None:
        """Until cancelled."""
        metrics = ControllerMetrics(CollectorRegistry())
        urls, secret = self._settings.notification_urls, self._settings.notification_secret
        async with (
            Redis.from_url(redis_url) as redis,
            open_notifier(urls, secret, metrics) as notifier,
        ):
            store = FoldStore(redis, PREFIX)
            async with asyncio.TaskGroup() as group:
                group.create_task(_read(EventReader(redis, store, socket.gethostname())))
                group.create_task(self._passes(TrialEvents(store, by_tag=True), notifier, metrics))

    async def _passes(
        self, trials: TrialEvents, notifier: Notifier, metrics: ControllerMetrics
    ) -> None:
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
        failing: set[str] = set()
        while True:
            for name, spec in list(self._fleet.rollouts.specs.items()):
                # At a start nothing is ready yet: that says nothing of a version that was.
                if spec.inference_service in self._fleet.waiting_for:
                    continue
                try:
                    await _until_unchanged(reconciler, (NAMESPACE, name))
                except Exception as error:  # noqa: BLE001 - one Rollout must not hold up the others, nor end the run
                    if name not in failing:
                        get_logger().exception("a pass failed", rollout=name)
                        self._events.add(f"rollout {name}: {error}; tried again", "error")
                    failing.add(name)
                else:
                    failing.discard(name)
            await asyncio.sleep(LOOK_SECONDS)


async def _until_unchanged(reconciler: Reconciler, key: Key) -> None:
    """One pass; again where something changed in the middle of it."""
    for _ in range(_CONFLICTS):
        try:
            await reconciler.reconcile(key)
        except Conflict:
            continue
        return


async def _read(reader: EventReader) -> None:
    told = False
    while True:
        try:
            read = await reader.step(time.time())
        except EventsDown as error:
            if not told:
                get_logger().warning("events are not read", why=str(error))
            told = True
            await asyncio.sleep(FAILURE_SECONDS)
        except Exception:  # noqa: BLE001 - what it cannot read must not end the run
            if not told:
                get_logger().exception("events are not read")
            told = True
            await asyncio.sleep(FAILURE_SECONDS)
        else:
            told = False
            if not read:
                await asyncio.sleep(READ_SECONDS)
