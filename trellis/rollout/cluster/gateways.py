"""``ports.Gateways``: what rollouts want of gateways that reach each service by its own host."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from pydantic import ValidationError

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.rollouts import Rollout
from trellis.rollout.events.store import EventsDown
from trellis.rollout.events.trial import TrialEvents, trial_of
from trellis.rollout.metrics.snapshot import Side
from trellis.rollout.observation import sides
from trellis.rollout.plan import GatewaysSeen
from trellis.rollout.plan.decision import Table
from trellis.rollout.seen import ServiceSeen
from trellis.telemetry.logs import get_logger


class _Asked(NamedTuple):
    """What is counted, by ``TrialEvents.expect``; ``spec`` has the guardrails."""

    trial: str
    sides: Mapping[str, Side]
    shares: Mapping[str, float]
    spec: bytes


class ServiceHosts:
    """No gateway uses a tag host, so none has to turn away from one.

    What gateways are wanted for are the outcomes of requests, which nobody else hears of; without
    ``trials`` there is nowhere to read them from. ``version`` is the number of the table offered.
    """

    def __init__(
        self, cluster: Cluster, trials: TrialEvents | None, version: Callable[[], int]
    ) -> None:
        self._cluster, self._trials, self._version = cluster, trials, version
        self._uncounted: set[Key] = set()
        self._asked: dict[Key, _Asked] = {}

    def seen(self, key: Key) -> GatewaysSeen:
        """See ``ports.Gateways.seen``."""
        return GatewaysSeen(version=self._version())

    async def follow(
        self, key: Key, seen: ServiceSeen | None, status: RolloutStatus, hosts: Table
    ) -> None:
        """See ``ports.Gateways.follow``: the table follows the services, whatever rollouts do.

        Outcomes are counted from the weight on that is asked for next. Where they cannot be, the
        rollout says so itself, and no weight waits for it. What was asked for before is not asked for
        again while the cluster is not heard: another controller may have gone on from it.
        """
        rollout = self._rollout(key)
        spec = _spec(rollout) if rollout else None
        if self._trials is None or rollout is None or spec is None or seen is None:
            return
        trial = trial_of(*rollout.key, status)
        if trial is None or not status.weight:
            return
        present = sides(status, seen)
        shares = dict.fromkeys(present, 0.0)
        share = status.weight / 100
        shares.update({n: s for n, s in _shares(seen, share).items() if n in present})
        asked = _Asked(trial, present, shares, rollout.spec)
        if not self._cluster.is_heard and self._asked.get(key) == asked:
            return
        try:
            await self._trials.expect(trial, key[1], present, shares, spec.guardrails)
        except EventsDown as error:
            if key not in self._uncounted:
                get_logger().warning("outcomes are not counted", service=key[1], why=str(error))
            self._uncounted.add(key)
        else:
            self._uncounted.discard(key)
            self._asked[key] = asked

    def recorded(self, namespace: str) -> Mapping[str, float]:
        """Attribution windows, in seconds, of services of which a Rollout weighs outcomes."""
        if self._trials is None:
            return {}
        windows: dict[str, float] = {}
        for rollout in self._cluster.rollouts:
            spec = _spec(rollout) if rollout.key[0] == namespace else None
            given = _windows(spec) if spec else ()
            if given:
                windows[rollout.service] = max(*given, windows.get(rollout.service, 0.0))
        return windows

    def _rollout(self, key: Key) -> Rollout | None:
        """The one that governs the service: the oldest."""
        found = self._cluster.rollouts_of(key)
        return min(found, key=lambda rollout: (rollout.created, rollout.key), default=None)


def _shares(seen: ServiceSeen, share: float) -> Mapping[str, float]:
    named = {seen.rolled_out: 1 - share, seen.created: share}
    return {name: given for name, given in named.items() if name}


def _windows(spec: RolloutSpec) -> Sequence[float]:
    return [seconds(r.attribution_window) for r in spec.guardrails if r.attribution_window]


def _spec(rollout: Rollout) -> RolloutSpec | None:
    return _parsed(rollout.spec)


@lru_cache(maxsize=4096)
def _parsed(spec: bytes) -> RolloutSpec | None:
    try:
        return RolloutSpec.model_validate_json(spec)
    except ValidationError:
        return None
