"""Takes in what is counted of a rollout at a pass: counters by request, and gateways' news of units."""

import asyncio
from collections.abc import Callable, Mapping

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.cluster.rollouts import Rollout
from trellis.rollout.events.looks import blind_look
from trellis.rollout.events.trial import TrialEvents, UnitNews, trial_of
from trellis.rollout.metrics.port import MetricsSource
from trellis.rollout.observation import Observation, sides
from trellis.rollout.plan import Decision, looking
from trellis.rollout.planning.power import required_requests
from trellis.rollout.seen import ServiceSeen
from trellis.rollout.working import Working


class Weighing:
    """``sources`` give the counters of a namespace; ``trials`` tell what gateways saw of units, None where
    there is no Redis between.
    """

    def __init__(
        self,
        sources: Callable[[str], MetricsSource],
        trials: TrialEvents | None,
        clock: Callable[[], float],
    ) -> None:
        self._sources, self._trials, self._clock = sources, trials, clock

    async def observed(
        self,
        found: Rollout,
        spec: RolloutSpec,
        working: Working,
        seen: ServiceSeen | None,
        *,
        by_unit: bool,
    ) -> Observation | None:
        """What is remembered, with what happened since where traffic is compared. ``by_unit``: gateways
        split units, and their requests are counted nowhere else.
        """
        observation, status = working.observation, working.status
        if observation is None or not observation.span:
            return observation
        if seen is None or not status.weight or looking(status, seen) == "none":
            return observation
        compared = sides(status, seen)
        source = self._sources(found.key[0])
        readings = await source.read(found.service, tuple(compared), spec.guardrails)
        units = await self._units(found, observation, status, spec, by_unit=by_unit)
        share = seen.weight if seen.weight is not None else status.weight
        return observation.counted(readings, compared, spec, share, units, by_unit=by_unit)

    async def required(
        self,
        working: Working,
        found: Rollout,
        spec: RolloutSpec,
        observation: Observation | None,
    ) -> int | None:
        """The canary's requests that `noHarm` waits for, by stable's rates so far."""
        if spec.advance != "noHarm" or observation is None or not working.status.weight:
            return None
        rates = _rates(observation)
        rounded = tuple((name, f"{rate:.2g}") for name, rate in rates.items())
        key = (found.generation, working.status.weight, rounded)
        if key not in working.required:
            weight = working.status.weight
            wanted = await asyncio.to_thread(required_requests, spec, rates, weight)
            working.required = {key: wanted}
        return working.required[key]

    def next(
        self, decision: Decision, spec: RolloutSpec, observation: Observation | None
    ) -> Observation | None:
        """What is counted from here on, as the decision has it."""
        if decision.look == "start anew" or (decision.look == "go on" and observation is None):
            return Observation.start(spec).begun(self._new_span())
        if observation is None or not decision.status.evidence:
            return None
        if decision.look == "none":
            return observation.ended()
        return observation if observation.span else observation.begun(self._new_span())

    def _new_span(self) -> str:
        return f"{self._clock():.3f}"

    async def stored(
        self, found: Rollout, status: RolloutStatus, observation: Observation | None
    ) -> None:
        """What was observed stands in the status now: units that were told of need not be again."""
        trial = trial_of(*found.key, status)
        if self._trials is not None and observation and trial:
            await self._trials.stored(trial, observation.reached)

    async def _units(
        self,
        found: Rollout,
        observation: Observation,
        status: RolloutStatus,
        spec: RolloutSpec,
        *,
        by_unit: bool,
    ) -> UnitNews:
        """What gateways told of units, since what the observation holds."""
        if self._trials is None:
            why = "only gateways' events tell it, and the controller has no Redis to read them from"
            return UnitNews((blind_look(spec.guardrails, why),), observation.reached)
        trial = trial_of(*found.key, status)
        if trial is None:
            return UnitNews((), observation.reached)
        return await self._trials.news(trial, observation.reached, spec.guardrails, by_unit=by_unit)


def _rates(observation: Observation) -> Mapping[str, float]:
    """Stable's, of the guardrails that have counted anything of it."""
    return {
        verdict.name: min(1.0, verdict.stable.events / verdict.stable.total)
        for verdict in observation.verdicts()
        if verdict.stable.total
    }
