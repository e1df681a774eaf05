"""All that is watched, joined: from any object's change to the InferenceService that it concerns."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from trellis.rollout.cluster import facts
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.experiments import EXPERIMENTS, experiment
from trellis.rollout.cluster.facts import Key, KnativeService, PodFact, Revision, Service
from trellis.rollout.cluster.informer import Informer, Kind
from trellis.rollout.cluster.knative import SERVICES
from trellis.rollout.cluster.rollouts import ROLLOUTS, Rollout, rollout
from trellis.rollout.cluster.service import service_seen
from trellis.rollout.cluster.table import Table
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.metrics.port import Pod
from trellis.rollout.seen import ServiceSeen
from trellis.telemetry.metrics import ControllerMetrics

Fact = TypeVar("Fact")

_KNATIVE = "/apis/serving.knative.dev/v1"
KNATIVE_SERVICES = Kind(_KNATIVE, "services")
REVISIONS = Kind(_KNATIVE, "revisions", "serving.knative.dev/service")
PODS = Kind("/api/v1", "pods", "serving.kserve.io/inferenceservice,serving.knative.dev/revision")

Experimented = Callable[[ExperimentFound | None, ExperimentFound | None], None]


class Address(NamedTuple):
    """``name`` is the Knative Service's, its host's first part; ``model`` what it answers to."""

    name: str
    model: str


class Cluster:
    """What the informers know. ``changed`` is called with the key of an InferenceService of which,
    or of whose Rollouts, anything that matters has changed; ``experimented`` with an Experiment before
    and after any change, None where there was or is none.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        metrics: ControllerMetrics,
        changed: Callable[[Key], None],
        experimented: Experimented = lambda _before, _after: None,
    ) -> None:
        self._changed = changed
        self.rollouts: Table[Rollout] = Table(
            rollout, lambda found: found.service_key, self._rollout_changed
        )
        self.experiments: Table[ExperimentFound] = Table(
            experiment, lambda found: found.key, experimented
        )
        self.services: Table[Service] = Table(
            facts.service, lambda found: found.key, self._service_changed
        )
        self._knative: Table[KnativeService] = Table(
            facts.knative_service,
            lambda found: (found.key[0], found.service),
            lambda before, after: self._tell(before or after, lambda f: (f.key[0], f.service)),
        )
        self._revisions: Table[Revision] = Table(
            facts.revision,
            lambda found: (found.key[0], found.service),
            self._revision_changed,
        )
        self._pods: Table[PodFact] = Table(
            facts.pod,
            lambda found: (found.key[0], found.service),
            lambda before, after: self._tell(before or after, lambda f: (f.key[0], f.service)),
        )
        self._informers = [
            Informer(api, kind, namespace, table, metrics)
            for kind, table in (
                (ROLLOUTS, self.rollouts),
                (EXPERIMENTS, self.experiments),
                (SERVICES, self.services),
                (KNATIVE_SERVICES, self._knative),
                (REVISIONS, self._revisions),
                (PODS, self._pods),
            )
        ]

    async def run(self) -> None:
        """Follow all kinds until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in self._informers:
                group.create_task(informer.run())

    async def listed(self) -> None:
        """Wait until all kinds were listed once."""
        for informer in self._informers:
            await informer.listed.wait()

    @property
    def is_listed(self) -> bool:
        """Whether all kinds were listed once."""
        return all(informer.listed.is_set() for informer in self._informers)

    @property
    def is_heard(self) -> bool:
        """Whether all kinds are known as they are now."""
        return all(informer.heard for informer in self._informers)

    def rollout(self, key: Key) -> Rollout | None:
        """A Rollout, as it was heard of last."""
        return self.rollouts.get(key)

    def rollouts_of(self, service: Key) -> tuple[Rollout, ...]:
        """All Rollouts of an InferenceService."""
        return self.rollouts.of(service)

    def seen(self, key: Key) -> ServiceSeen | None:
        """An InferenceService as the plan sees it; None where there is none."""
        service = self.services.get(key)
        if service is None:
            return None
        knative = next(iter(self._knative.of(key)), None)
        revisions = self._revisions.of(knative.key) if knative is not None else ()
        return service_seen(service, knative, revisions, self._pods.of(key))

    def address(self, key: Key) -> Address | None:
        """How an InferenceService is reached; None where it has no Knative Service."""
        knative = next(iter(self._knative.of(key)), None)
        return Address(knative.key[1], knative.model) if knative is not None else None

    def pods(self, key: Key, revisions: Sequence[str]) -> tuple[Pod, ...]:
        """The pods of a service's revisions, for whoever reads their counters."""
        return tuple(
            Pod(
                name=pod.key[1],
                revision=pod.revision,
                address=pod.address,
                running=pod.running,
                ready=pod.ready,
                terminating=pod.terminating,
                restarts=pod.restarts,
            )
            for pod in self._pods.of(key)
            if pod.revision in revisions
        )

    def revisions_in(self, namespace: str) -> Iterator[Revision]:
        """All revisions of a namespace."""
        return (found for found in self._revisions if found.key[0] == namespace)

    def pods_in(self, namespace: str) -> Iterator[PodFact]:
        """All pods of a namespace's revisions."""
        return (found for found in self._pods if found.key[0] == namespace)

    def _service_changed(self, before: Service | None, after: Service | None) -> None:
        self._tell(before or after, lambda found: found.key)

    def _rollout_changed(self, before: Rollout | None, after: Rollout | None) -> None:
        for found in (before, after):
            # What a controller writes into a status needs no look of its own.
            if found is not None and not (before and after and before.same_but_status(after)):
                self._changed(found.service_key)

    def _revision_changed(self, before: Revision | None, after: Revision | None) -> None:
        found = before or after
        knative = self._knative.get((found.key[0], found.service)) if found else None
        # Until its Knative Service is known it is seen by nobody.
        self._tell(knative, lambda known: (known.key[0], known.service))

    def _tell(self, found: Fact | None, of: Callable[[Fact], Key]) -> None:
        if found is not None:
            self._changed(of(found))
