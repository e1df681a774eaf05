"""``ports.Gateways``: what rollouts want of gateways, which follow the routing table of one namespace.

Where KServe gives both sides of a trial a host of their own, gateways split its units by these hosts,
each request of a unit alike; else, and for whatever no gateway sends, Knative splits each request anew.
"""

import time
from collections.abc import Callable, Container, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from pydantic import ValidationError

from trellis.contracts.rollout import Guardrail, RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.contracts.routing_table import ModelRoute, RoutingTable
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.rollouts import Rollout
from trellis.rollout.cluster.routes import splits_by_tag
from trellis.rollout.events.store import EventsDown
from trellis.rollout.events.trial import (
    LEAST_WINDOW_SECONDS,
    TrialEvents,
    longest_window,
    trial_of,
)
from trellis.rollout.metrics.snapshot import Side
from trellis.rollout.observation import sides
from trellis.rollout.plan import GatewaysSeen
from trellis.rollout.plan.decision import Table
from trellis.rollout.seen import ServiceSeen
from trellis.rollout.sticky import TagSplit, split_now, tag_split
from trellis.telemetry.logs import get_logger

#: Seconds without the events after which gateways turn away from tag hosts: by the service's own host
#: requests are counted without them.
UNCOUNTED_SECONDS = 10.0


class Offered(Protocol):
    """The routing table, and who has it: see ``TablePublisher``."""

    @property
    def table(self) -> RoutingTable | None:
        """The one that is offered."""
        ...

    @property
    def held(self) -> Mapping[str, int]:
        """The number of the table that each gateway holds, by its name."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether every gateway has had the time to ask."""
        ...

    def stir(self) -> None:
        """Look again, soon."""
        ...


class _Asked(NamedTuple):
    """What is counted, by ``TrialEvents.expect``; ``spec`` has the guardrails."""

    trial: str
    sides: Mapping[str, Side]
    shares: Mapping[str, float]
    by_unit: bool
    spec: bytes


class ClusterGateways:
    """Those of the namespace ``served``, by the table that is ``offered``.

    Without ``trials`` nobody reads what gateways tell: then they never split, and outcomes of requests,
    which nobody else hears of, are not counted.
    """

    def __init__(
        self,
        cluster: Cluster,
        trials: TrialEvents | None,
        offered: Callable[[], Offered],
        served: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._trials, self._offered = cluster, trials, offered
        self._served, self._clock = served, clock
        self._uncounted: dict[Key, float] = {}
        self._asked: dict[Key, _Asked] = {}
        self._followed: dict[Key, TagSplit | None] = {}
        self._splits: dict[Key, tuple[str, ServiceSeen, TagSplit | None]] = {}

    def seen(self, key: Key) -> GatewaysSeen:
        """See ``ports.Gateways.seen``."""
        offered = self._offered()
        table = offered.table
        route = table.models.get(key[1]) if table and key[0] == self._served else None
        return GatewaysSeen(
            hosts="tagged" if route is not None and splits_by_tag(route) else "untagged",
            version=table.version if table else 0,
            held=offered.held,
            complete=offered.is_complete,
            obstacle=self._obstacle(key, route),
        )

    def _obstacle(self, key: Key, route: ModelRoute | None) -> str | None:
        """See ``GatewaysSeen.obstacle``."""
        if self._trials is None:
            return "the controller has no Redis, in which gateways leave what they tell of units"
        if key[0] != self._served:
            return f"the routing table is of the namespace {self._served}"
        if route is not None and route.experiment is not None:
            return f"the gateways' units are those of the Experiment {route.experiment}"
        since = self._uncounted.get(key)
        if since is not None and self._clock() - since >= UNCOUNTED_SECONDS:
            return "what gateways tell of units cannot be read: the events' Redis is away"
        # One that began just now has not asked Redis yet.
        return "" if key in self._asked else None

    def by_unit(
        self, key: Key, spec: RolloutSpec, status: RolloutStatus, seen: ServiceSeen | None
    ) -> bool:
        """See ``ports.Gateways.by_unit``."""
        return self._may_split(key) and split_now(spec, status, seen) is not None

    def split(self, key: Key) -> TagSplit | None:
        """How the table is to split a service's units now, by the Rollout's status as it is heard; None
        where it leads to the service's own host.
        """
        rollout = self._rollout(key)
        spec = _spec(rollout) if rollout else None
        if rollout is None or spec is None or spec.split != "unit" or not self._may_split(key):
            return None
        seen = self._cluster.seen(key)
        if seen is None:
            return None
        known = self._splits.get(key)
        if known is None or known[:2] != (rollout.token, seen):
            known = self._splits[key] = rollout.token, seen, _split(rollout, seen)
        return known[2]

    async def follow(
        self, key: Key, seen: ServiceSeen | None, status: RolloutStatus, hosts: Table
    ) -> None:
        """See ``ports.Gateways.follow``: the table is made of the statuses as they are heard.

        What units tell is counted before the table splits them; else outcomes of requests are, from the
        weight on that is asked for next. Where they cannot be, the rollout says so itself, and no weight waits
        for it. What was asked for before is not asked for again while the cluster is not heard: another
        controller may have gone on from it.
        """
        rollout = self._rollout(key)
        spec = _spec(rollout) if rollout else None
        may_split = self._may_split(key) and hosts == "tagged"
        split = tag_split(spec, status, seen) if spec and may_split else None
        if rollout is not None and spec is not None and seen is not None:
            await self._expect(key, rollout, spec.guardrails, seen, status, split)
        if self._followed.get(key) != split:
            self._followed[key] = split
            self._offered().stir()

    async def _expect(
        self,
        key: Key,
        rollout: Rollout,
        guardrails: Sequence[Guardrail],
        seen: ServiceSeen,
        status: RolloutStatus,
        split: TagSplit | None,
    ) -> None:
        trial = trial_of(*rollout.key, status)
        if self._trials is None or trial is None or not status.weight:
            return
        present = sides(status, seen)
        shares = dict.fromkeys(present, 0.0)
        given = split.shares if split else _shares(seen, status.weight / 100)
        shares.update({name: share for name, share in given.items() if name in present})
        asked = _Asked(trial, present, shares, split is not None, rollout.spec)
        if not self._cluster.is_heard and self._asked.get(key) == asked:
            return
        try:
            await self._trials.expect(
                trial, key[1], present, shares, guardrails, by_unit=asked.by_unit
            )
        except EventsDown as error:
            if key not in self._uncounted:
                get_logger().warning("events are not counted", service=key[1], why=str(error))
                self._uncounted[key] = self._clock()
        else:
            self._uncounted.pop(key, None)
            self._asked[key] = asked

    def recorded(self, namespace: str) -> Mapping[str, float]:
        """Attribution windows, in seconds, of services of which a Rollout weighs what gateways tell."""
        if self._trials is None:
            return {}
        windows: dict[str, float] = {}
        alive = set[Key]()
        for rollout in self._cluster.rollouts:
            alive.add(rollout.service_key)
            spec = _spec(rollout) if rollout.key[0] == namespace else None
            if spec is None:
                continue
            window = longest_window(spec.guardrails)
            if window is None and self.split(rollout.service_key) is not None:
                window = LEAST_WINDOW_SECONDS
            if window is not None:
                windows[rollout.service] = max(window, windows.get(rollout.service, 0.0))
        self._forget_all_but(alive)
        return windows

    def _forget_all_but(self, alive: Container[Key]) -> None:
        remembered: tuple[dict[Key, Any], ...] = (
            self._uncounted,
            self._asked,
            self._followed,
            self._splits,
        )
        for known in remembered:
            for key in [key for key in known if key not in alive]:
                del known[key]

    def _may_split(self, key: Key) -> bool:
        return self._trials is not None and key[0] == self._served

    def _rollout(self, key: Key) -> Rollout | None:
        """The one that governs the service: the oldest."""
        found = self._cluster.rollouts_of(key)
        return min(found, key=lambda rollout: (rollout.created, rollout.key), default=None)


def _split(rollout: Rollout, seen: ServiceSeen) -> TagSplit | None:
    spec = _spec(rollout)
    try:
        status = rollout.parsed_status()
        split = split_now(spec, status, seen) if spec else None
    except ValidationError:  # another kind of controller wrote it
        return None
    return split._replace(trial=trial_of(*rollout.key, status) or "") if split else None


def _shares(seen: ServiceSeen, share: float) -> Mapping[str, float]:
    named = {seen.rolled_out: 1 - share, seen.created: share}
    return {name: given for name, given in named.items() if name}


def _spec(rollout: Rollout) -> RolloutSpec | None:
    return _parsed(rollout.spec)


@lru_cache(maxsize=4096)
def _parsed(spec: bytes) -> RolloutSpec | None:
    try:
        return RolloutSpec.model_validate_json(spec)
    except ValidationError:
        return None
