"""All that the controller does of itself in a cluster: what is heard brings about passes, and the table."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable

import aiohttp
from pydantic import ValidationError
from redis.asyncio import Redis

from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.counts import HeardCounts
from trellis.rollout.cluster.experiment_world import ClusterExperiments
from trellis.rollout.cluster.experiments import services_of
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.fingerprints import Fingerprints
from trellis.rollout.cluster.gateways import ClusterGateways
from trellis.rollout.cluster.knative import KnativeWeights
from trellis.rollout.cluster.metadata import Metadata
from trellis.rollout.cluster.publisher import TablePublisher
from trellis.rollout.cluster.rollouts import Rollout
from trellis.rollout.cluster.saved_table import SavedTable
from trellis.rollout.cluster.table import Keyed
from trellis.rollout.cluster.voice import ClusterVoice, ExperimentsVoice
from trellis.rollout.controller import Controller
from trellis.rollout.events.following import read_events, sweep_events
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import FoldStore
from trellis.rollout.events.trial import TrialEvents, counted_for
from trellis.rollout.experiments.memory import counted_as
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.experiments.reconcile import ExperimentReconciler
from trellis.rollout.http.tables import TableServer
from trellis.rollout.metrics.port import MetricsSource
from trellis.rollout.notifications.notifier import Notifier
from trellis.rollout.reconcile import Reconciler
from trellis.rollout.settings import Settings
from trellis.telemetry.metrics import ControllerMetrics

Sources = Callable[[Cluster], Callable[[str], MetricsSource]]


class ClusterPasses:
    """Passes over every Rollout and Experiment, and the routing table of the namespace ``served``;
    without ``redis`` nothing that gateways saw is known. ``session`` asks pods for their fingerprints.
    ``sources`` gives, of what is watched, where a namespace's counters come from; ``interval`` is the
    time between two looks, in seconds.
    """

    def __init__(
        self,
        api: Api,
        settings: Settings,
        served: str,
        tables: TableServer,
        session: aiohttp.ClientSession,
        sources: Sources,
        notifier: Notifier,
        metrics: ControllerMetrics,
        redis: Redis | None,
        interval: float,
    ) -> None:
        self._namespace, self._redis = settings.namespace, redis
        self._store = FoldStore(redis, settings.redis_prefix) if redis is not None else None
        trials = TrialEvents(self._store) if self._store is not None else None
        instance = socket.gethostname()
        self.cluster = Cluster(
            api, settings.namespace, metrics, self._service_changed, self._experiment_changed
        )
        gateways = ClusterGateways(self.cluster, trials, lambda: self._publisher, served)
        self._saved = SavedTable(api, (served, settings.table_config_map), metrics, self._stir)
        self._fingerprints = Fingerprints(self.cluster, served, Metadata(session).said, self._stir)
        self._publisher = TablePublisher(
            self.cluster,
            served,
            self._saved,
            tables,
            self._fingerprints.of,
            lambda: gateways.recorded(served),
            gateways.split,
        )
        self.rollouts = Reconciler(
            self.cluster,
            ClusterVoice(api, self.cluster, instance),
            KnativeWeights(api),
            sources(self.cluster),
            gateways,
            notifier,
            metrics,
            interval,
            trials=trials,
        )
        self.experiments = ExperimentReconciler(
            ClusterExperiments(self.cluster, served),
            ExperimentsVoice(api, self.cluster, instance),
            self._publisher,
            HeardCounts(self._store, lambda: self.cluster.is_heard),
            notifier,
            metrics,
            interval,
        )
        self._of_rollouts = Controller(self.rollouts, metrics)
        self._of_experiments = Controller(self.experiments, metrics, "experiment")

    async def run(self) -> None:
        """Until cancelled."""
        known = self.cluster
        async with asyncio.TaskGroup() as group:
            group.create_task(known.run())
            group.create_task(self._saved.run())
            group.create_task(self._publisher.run(known.listed))
            group.create_task(self._fingerprints.run(known.listed))
            group.create_task(self._of_rollouts.run(known.listed, lambda: _keys(known.rollouts)))
            group.create_task(
                self._of_experiments.run(known.listed, lambda: _keys(known.experiments))
            )
            if self._redis is not None and self._store is not None:
                # A container that starts anew has both again, and goes on with what it had left.
                name = f"{socket.gethostname()}-{os.getpid()}"
                group.create_task(read_events(EventReader(self._redis, self._store, name)))
                group.create_task(sweep_events(self._store, self._is_mine, self._in_use))

    def _stir(self) -> None:
        self._publisher.stir()

    def _service_changed(self, service: Key) -> None:
        self._publisher.stir()
        self._fingerprints.stir()
        for rollout in self.cluster.rollouts_of(service):
            self._of_rollouts.due(rollout.key)
        for found in self.cluster.experiments:
            if service in services_of(found):
                self._of_experiments.due(found.key)

    def _experiment_changed(
        self, before: ExperimentFound | None, after: ExperimentFound | None
    ) -> None:
        """A status that was written is for the table; the others that are about the same model may have
        waited for a spec.
        """
        self._publisher.stir()
        if before and after and _written_by_people(before) == _written_by_people(after):
            return
        for found in filter(None, (before, after)):
            self._of_experiments.due(found.key)
            for other in self.cluster.experiments:
                if services_of(other) & services_of(found):
                    self._of_experiments.due(other.key)

    def _is_mine(self, watch: str) -> bool:
        """Whether what a watch is of would be known here: its name is ``<kind>/<namespace>/...``."""
        kind, _, rest = watch.partition("/")
        mine = self._namespace in {"", rest.partition("/")[0]}
        return kind in {"rollout", "experiment"} and mine

    def _in_use(self) -> set[str] | None:
        """Names of all watches that anything known here is counted by, as ``Leftovers.sweep`` takes them;
        None while that may be old.
        """
        if not self.cluster.is_heard:
            return None
        names = [*map(self._rollout_watch, self.cluster.rollouts)]
        names += map(self._experiment_watch, self.cluster.experiments)
        return {name for name in names if name}

    def _rollout_watch(self, found: Rollout) -> str | None:
        try:
            status = self.rollouts.status(found.key) or found.parsed_status()
        except ValidationError:  # a newer controller wrote it, and counts for it still
            return "/".join(("rollout", *found.key, ""))
        return counted_for(*found.key, status)

    def _experiment_watch(self, found: ExperimentFound) -> str | None:
        try:
            return counted_as(self.experiments.status(found.key) or found.parsed_status())
        except ValidationError:
            return "/".join(("experiment", *found.key, ""))


def _keys(found: Iterable[Keyed]) -> Iterable[Key]:
    return (one.key for one in found)


def _written_by_people(found: ExperimentFound) -> tuple[object, ...]:
    return found.uid, found.generation, found.deleting
